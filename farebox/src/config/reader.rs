//! Reading checked values, collecting what is wrong.
//!
//! A value that is wrong leaves a problem and a harmless stand-in, so that the rest can be
//! checked too; with a problem the stand-in never gets out of [`Reader::finish`].

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use toml::Value;

use super::{
    ConfigError, Problem,
    layers::{ANY_NAME, Layers, Setting, Source},
};

/// Which of a secret and its file counts.
pub(super) enum Choice {
    Inline(Setting),
    File(PathBuf),
    Neither,
}

pub(super) struct Reader {
    layers: Layers,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        Self { layers }
    }

    /// `config`, if nothing was wrong.
    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        let problems = self.layers.problems;
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }

    pub(super) fn fail(&mut self, option: &str, wrong: &str, instead: &str) {
        let source = self
            .setting(option)
            .map_or(Source::Default, |setting| setting.source);
        self.push(source.problem(option, wrong, instead));
    }

    fn push(&mut self, problem: Problem) {
        self.layers.problems.push(problem);
    }

    fn setting(&self, option: &str) -> Option<Setting> {
        self.layers.settings.get(option).cloned()
    }

    fn value(&mut self, option: &str) -> Value {
        if let Some(setting) = self.setting(option) {
            return setting.value;
        }
        // A mistake in this program, which the test that loads the defaults finds.
        self.fail(option, "the option has no default", "");
        Value::Boolean(false)
    }

    pub(super) fn text(&mut self, option: &str) -> String {
        text_of(self.value(option))
    }

    /// The text as `parse` reads it; `None` and a problem that quotes it where it cannot.
    pub(super) fn parsed<T>(
        &mut self,
        option: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        instead: &str,
    ) -> Option<T> {
        let text = self.text(option);
        let parsed = parse(&text);
        if parsed.is_none() {
            self.fail(option, &format!("{text:?} cannot be used"), instead);
        }
        parsed
    }

    /// As [`Reader::parsed`], where an empty text means that there is none.
    pub(super) fn optional<T>(
        &mut self,
        option: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        instead: &str,
    ) -> Option<T> {
        if self.text(option).is_empty() {
            None
        } else {
            self.parsed(option, parse, instead)
        }
    }

    /// A whole number within bounds that fit the wanted type.
    pub(super) fn number<T>(&mut self, option: &str, bounds: RangeInclusive<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display + Copy,
    {
        let given = self.value(option).as_integer();
        let fitting = given.and_then(|number| T::try_from(number).ok());
        match fitting.filter(|number| bounds.contains(number)) {
            Some(number) => number,
            None => {
                let wrong = format!("{} is out of bounds", given.unwrap_or_default());
                let instead = format!("write a number from {} to {}", bounds.start(), bounds.end());
                self.fail(option, &wrong, &instead);
                *bounds.start()
            }
        }
    }

    pub(super) fn flag(&mut self, option: &str) -> bool {
        self.value(option).as_bool().unwrap_or_default()
    }

    pub(super) fn seconds(&mut self, option: &str, bounds: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(option, bounds))
    }

    pub(super) fn list(&mut self, option: &str) -> Vec<String> {
        texts_of(self.value(option))
    }

    /// The names of the section's tables, such as `vllm` of `[providers.vllm]`.
    pub(super) fn tables(&self, section: &str) -> Vec<String> {
        let prefix = format!("{section}.");
        let options = self.layers.settings.keys();
        let names = options.filter_map(|option| option.strip_prefix(&prefix)?.split_once('.'));
        let names = names.map(|(name, _)| name.to_owned());
        let mut names: Vec<_> = names.filter(|name| name != ANY_NAME).collect();
        names.dedup();
        names
    }

    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.layers.base.join(text)
    }

    /// A secret that may also stand in the file that `{option}_file` names; `None` where neither
    /// is given.
    pub(super) fn secret(&mut self, option: &str) -> Option<SecretString> {
        match self.choice(option) {
            Choice::Inline(setting) => Some(text_of(setting.value).into()),
            Choice::File(path) => self.secret_file(option, &path).map(SecretString::from),
            Choice::Neither => None,
        }
    }

    /// The same for a list, which its file has one a line.
    pub(super) fn secrets(&mut self, option: &str) -> Vec<SecretString> {
        let texts = match self.choice(option) {
            Choice::Inline(setting) => texts_of(setting.value),
            Choice::File(path) => {
                let text = self.secret_file(option, &path).unwrap_or_default();
                text.lines().map(|line| line.trim().to_owned()).collect()
            }
            Choice::Neither => Vec::new(),
        };
        texts
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(SecretString::from)
            .collect()
    }

    /// Which of `option` and `{option}_file` counts: the one from the later source.
    pub(super) fn choice(&mut self, option: &str) -> Choice {
        let file_option = format!("{option}_file");
        let path = self.text(&file_option);
        let inline = self
            .setting(option)
            .filter(|setting| !is_empty(&setting.value));
        let file = self.setting(&file_option).filter(|_| !path.is_empty());
        match (inline, file) {
            (None, None) => Choice::Neither,
            (Some(inline), None) => Choice::Inline(inline),
            (None, Some(_)) => Choice::File(self.path(&path)),
            (Some(inline), Some(file)) => match rank(&inline.source).cmp(&rank(&file.source)) {
                std::cmp::Ordering::Greater => Choice::Inline(inline),
                std::cmp::Ordering::Less => Choice::File(self.path(&path)),
                std::cmp::Ordering::Equal => {
                    let wrong = format!("both {option} and {file_option} are given");
                    self.fail(
                        &file_option,
                        &wrong,
                        "keep one of them and leave the other empty",
                    );
                    Choice::Inline(inline)
                }
            },
        }
    }

    fn secret_file(&mut self, option: &str, path: &Path) -> Option<String> {
        let wrong = match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => return Some(text.trim().to_owned()),
            Ok(_) => format!("{} is empty", path.display()),
            Err(error) => format!("{} cannot be read ({error})", path.display()),
        };
        self.fail(
            &format!("{option}_file"),
            &wrong,
            "name a file that holds the secret alone",
        );
        None
    }
}

fn rank(source: &Source) -> u8 {
    match source {
        Source::Default => 0,
        Source::File(_) => 1,
        Source::Env(_) => 2,
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        _ => String::new(),
    }
}

fn texts_of(value: Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.into_iter().map(text_of).collect(),
        _ => Vec::new(),
    }
}
