//! The three sources laid over each other: defaults, file, environment.
//!
//! The defaults say which options exist and of what type they are. What a value means is not
//! known here.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{ConfigError, DEFAULTS, Problem, problem::nearest};

/// Where a value was given. Later ones go before earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Default,
    File(String),
    Env(String),
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Default => "config.default.toml",
            Self::File(name) | Self::Env(name) => name,
        }
    }

    pub(super) fn problem(&self, option: &str, wrong: &str, instead: &str) -> Problem {
        Problem {
            origin: self.name().to_owned(),
            option: option.to_owned(),
            wrong: wrong.to_owned(),
            instead: instead.to_owned(),
        }
    }
}

/// A value and where it was given.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// All options by name (`http.listen`), each with the value that counts.
pub(super) struct Layers {
    pub(super) settings: BTreeMap<String, Setting>,
    /// What relative paths begin at.
    pub(super) base: PathBuf,
    pub(super) problems: Vec<Problem>,
}

impl Layers {
    /// Fails at once only where the file cannot be read or is not TOML.
    pub(super) fn read(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let base = file
            .and_then(Path::parent)
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let mut layers = Self {
            settings: defaults()?,
            base,
            problems: Vec::new(),
        };
        if let Some(file) = file {
            let source = Source::File(file.display().to_string());
            let table = read_file(file).map_err(|why| alone(source.problem("", &why.0, why.1)))?;
            layers.overlay_file(table, &source);
        }
        for (name, value) in env {
            layers.overlay_variable(name, &value);
        }
        Ok(layers)
    }

    fn overlay_file(&mut self, table: Table, source: &Source) {
        for (section, value) in table {
            match value {
                Value::Table(options) if self.has_section(&section) => {
                    for (key, value) in options {
                        self.set(&format!("{section}.{key}"), value, source);
                    }
                }
                _ => self.unknown_section(&section, source),
            }
        }
    }

    fn set(&mut self, option: &str, value: Value, source: &Source) {
        let Some(setting) = self.settings.get_mut(option) else {
            let known = nearest(option, self.settings.keys().map(String::as_str));
            let instead = format!("did you mean {}?", known.unwrap_or_default());
            self.problems
                .push(source.problem(option, "there is no such option", &instead));
            return;
        };
        if same_type(&setting.value, &value) {
            *setting = Setting {
                value,
                source: source.clone(),
            };
        } else {
            let instead = expected(&setting.value);
            self.problems
                .push(source.problem(option, "the value has the wrong type", instead));
        }
    }

    fn unknown_section(&mut self, name: &str, source: &Source) {
        // An option above the first section header, or a section that does not exist.
        let inside = self
            .settings
            .keys()
            .find(|option| option.ends_with(&format!(".{name}")));
        let (wrong, instead) = match inside.and_then(|option| option.split_once('.')) {
            Some((section, _)) => (
                "this option is outside of its section",
                format!("write it under [{section}]"),
            ),
            None => {
                let sections = self
                    .settings
                    .keys()
                    .filter_map(|option| option.split('.').next());
                let known = nearest(name, sections).unwrap_or_default();
                (
                    "there is no such section",
                    format!("did you mean [{known}]?"),
                )
            }
        };
        self.problems.push(source.problem(name, wrong, &instead));
    }

    fn has_section(&self, name: &str) -> bool {
        self.settings
            .keys()
            .any(|option| option.split('.').next() == Some(name))
    }

    fn overlay_variable(&mut self, variable: String, text: &str) {
        if !variable.starts_with("FAREBOX_") || !variable.contains("__") {
            return;
        }
        let names: Vec<_> = self
            .settings
            .keys()
            .map(|option| (variable_of(option), option))
            .collect();
        let found = names.iter().find(|(name, _)| *name == variable);
        let Some(option) = found.map(|(_, option)| (*option).clone()) else {
            let known = nearest(&variable, names.iter().map(|(name, _)| name.as_str()));
            let instead = format!("did you mean {}?", known.unwrap_or_default());
            let source = Source::Env(variable.clone());
            self.problems
                .push(source.problem("", "there is no such option", &instead));
            return;
        };
        let value = from_text(&self.settings[&option].value, text);
        self.set(&option, value, &Source::Env(variable));
    }
}

/// The environment variable of an option: `FAREBOX_HTTP__LISTEN` of `http.listen`.
pub(super) fn variable_of(option: &str) -> String {
    format!("FAREBOX_{}", option.replace('.', "__").to_ascii_uppercase())
}

fn alone(problem: Problem) -> ConfigError {
    ConfigError {
        problems: vec![problem],
    }
}

fn defaults() -> Result<BTreeMap<String, Setting>, ConfigError> {
    let table = parse(DEFAULTS).map_err(|wrong| alone(Source::Default.problem("", &wrong, "")))?;
    let mut settings = BTreeMap::new();
    for (section, value) in table {
        if let Value::Table(options) = value {
            for (key, value) in options {
                let setting = Setting {
                    value,
                    source: Source::Default,
                };
                settings.insert(format!("{section}.{key}"), setting);
            }
        }
    }
    Ok(settings)
}

fn read_file(file: &Path) -> Result<Table, (String, &'static str)> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        (
            format!("the file cannot be read ({error})"),
            "check the path and its permissions",
        )
    })?;
    parse(&text).map_err(|wrong| (wrong, "see https://toml.io for how TOML is written"))
}

/// Says where TOML goes wrong without quoting the line, which may hold a secret.
fn parse(text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text
            .bytes()
            .take(start)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1;
        format!("line {line} is not TOML")
    })
}

fn same_type(default: &Value, given: &Value) -> bool {
    match (default, given) {
        (Value::Array(_), Value::Array(items)) => items.iter().all(Value::is_str),
        _ => default.same_type(given),
    }
}

fn expected(default: &Value) -> &'static str {
    match default {
        Value::Integer(_) => "write a whole number without quotes",
        Value::Boolean(_) => "write true or false, without quotes",
        Value::Array(_) => "write a list of texts, such as [\"a\", \"b\"]",
        _ => "write a text in quotes",
    }
}

/// The text of a variable as a value of the default's type; as text where it does not fit, for
/// the check of types to complain about.
fn from_text(default: &Value, text: &str) -> Value {
    match default {
        Value::Integer(_) => match text.trim().parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::String(text.to_owned()),
        },
        Value::Boolean(_) => match text.trim().parse() {
            Ok(flag) => Value::Boolean(flag),
            Err(_) => Value::String(text.to_owned()),
        },
        Value::Array(_) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => Value::String(text.to_owned()),
    }
}
