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

/// The name that stands in the defaults for the table of any provider that the operator runs. No provider's own
/// name has capitals.
pub(super) const ANY_NAME: &str = "NAME";

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
                        self.set_or_open(&section, &key, value, source);
                    }
                }
                _ => self.unknown_section(&section, source),
            }
        }
    }

    /// Sets an option, or each option of a table that carries a name, such as `[providers.vllm]`.
    fn set_or_open(&mut self, section: &str, key: &str, value: Value, source: &Source) {
        let table = format!("{section}.{key}");
        match value {
            Value::Table(options) if self.open_named(section, key) => {
                for (option, value) in options {
                    self.set(&format!("{table}.{option}"), value, source);
                }
            }
            value => self.set(&table, value, source),
        }
    }

    /// Gives the named table its defaults. False if the section has no such tables.
    fn open_named(&mut self, section: &str, name: &str) -> bool {
        let template = format!("{section}.{ANY_NAME}.");
        let options = self.settings.iter().filter_map(|(option, setting)| {
            let option = option.strip_prefix(&template)?;
            Some((format!("{section}.{name}.{option}"), setting.clone()))
        });
        let options: Vec<_> = options.collect();
        let is_known = !options.is_empty();
        for (option, setting) in options {
            self.settings.entry(option).or_insert(setting);
        }
        is_known
    }

    /// Opens the table that a variable names: `FAREBOX_PROVIDERS__OUR_LLAMA__BASE_URL` is of
    /// `[providers.our-llama]`.
    fn open_of_variable(&mut self, variable: &str) {
        let parts: Vec<_> = variable.split("__").collect();
        if let ["FAREBOX_PROVIDERS", name, option] = parts.as_slice() {
            let template = format!("providers.{ANY_NAME}.{}", option.to_ascii_lowercase());
            if self.settings.contains_key(&template) {
                let name = name.to_ascii_lowercase().replace('_', "-");
                self.open_named("providers", &name);
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
        self.open_of_variable(&variable);
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
    let name = option.replace('.', "__").replace('-', "_");
    format!("FAREBOX_{}", name.to_ascii_uppercase())
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
                insert(&mut settings, format!("{section}.{key}"), value);
            }
        }
    }
    Ok(settings)
}

/// An option with its default, or those of a table.
fn insert(settings: &mut BTreeMap<String, Setting>, name: String, value: Value) {
    match value {
        Value::Table(options) => {
            for (key, value) in options {
                insert(settings, format!("{name}.{key}"), value);
            }
        }
        value => {
            let source = Source::Default;
            settings.insert(name, Setting { value, source });
        }
    }
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
