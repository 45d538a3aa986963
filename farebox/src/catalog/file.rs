//! The text of a list of prices: what stands in the compiled-in lists and in the operator's file.
//!
//! Here it is only text with its fields in their places; `read` makes prices of it, and says what is
//! wrong with them. docs/reference/price-file.md describes the format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::pairs;

/// The currency of a file that doesn't say.
const USD: &str = "usd";

/// A whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceFile {
    /// Where the prices are from; the version of each begins with it.
    pub(crate) source: String,
    /// Three letters, lower case.
    #[serde(default = "usd")]
    pub(crate) currency: String,
    /// By the provider's slug.
    pub(crate) providers: BTreeMap<String, PriceList>,
}

fn usd() -> String {
    USD.to_owned()
}

/// One provider's prices.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceList {
    /// Providers whose list is looked into for what is not in this one.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// What it charges for its own tools, whichever model uses them, by the name of the unit. A model's own rate goes
    /// before it.
    #[serde(default, with = "pairs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) tools: Vec<(String, String)>,
    /// By how much tokens cost more under a term, whichever model is called. A model's own price for the term goes before
    /// it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) surcharges: Vec<SurchargeText>,
    /// In the order in which they are tried.
    #[serde(default)]
    pub(crate) models: Vec<Entry>,
}

/// A factor on the rates of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SurchargeText {
    /// The term and its value.
    #[serde(with = "pairs")]
    pub(crate) when: Vec<(String, String)>,
    /// Such as `10`.
    pub(crate) percent: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// One model's prices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The name it goes by in the books.
    pub(crate) id: String,
    /// The names by which it is called: exact, or with `*` and `#`; after a `!` such as are not meant.
    /// Empty: the id.
    #[serde(default, rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
    /// Where these prices are from, if not from where the file is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Why they are so, for people; without prices, why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// How much of a unit is charged at least, where any of it is used.
    #[serde(default, with = "pairs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) least: Vec<(String, u64)>,
    /// The context window in tokens, input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<u64>,
    /// In the order in which they override each other.
    pub(crate) prices: Vec<PriceText>,
}

/// Rates, with when and for which calls they apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceText {
    /// A day (its beginning in UTC) or a time with its zone; ever since, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// Such as `01:00-04:00`, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hours: Option<String>,
    /// On which days the hours begin, such as `mon`; on all, if not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) days: Vec<String>,
    /// Terms of a call, all of which it must have.
    #[serde(default, with = "pairs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) when: Vec<(String, String)>,
    /// By the name of the unit: `2.5`, or `2.5 >200000:5` where it is more from a length of context on.
    #[serde(with = "pairs")]
    pub(crate) rates: Vec<(String, String)>,
}

/// Why a list of prices can't be used, with where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub(crate) String);

impl PriceText {
    /// When and for which calls it applies, in words.
    pub(crate) fn condition(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.from.as_ref().map(|from| format!("from {from}")));
        words.extend(self.hours.as_ref().map(|hours| format!("at {hours} UTC")));
        if !self.days.is_empty() {
            words.push(format!("on {}", self.days.join(" ")));
        }
        let terms = self.when.iter();
        words.extend(terms.map(|(term, value)| format!("with {term}={value}")));
        match words.is_empty() {
            true => "always".to_owned(),
            false => words.join(" "),
        }
    }
}

impl PriceFile {
    /// One without prices.
    pub(crate) fn empty(source: &str, currency: &str) -> Self {
        Self {
            source: source.to_owned(),
            currency: currency.to_owned(),
            providers: BTreeMap::new(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, FileError> {
        serde_json::from_str(text)
            .map_err(|error| FileError(format!("not a list of prices: {error}")))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it can't be read, or is no list of prices.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let named = |why: String| FileError(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        Self::parse(&text).map_err(|error| named(error.0))
    }

    /// The text, a model a line, so that a change is a changed line.
    ///
    /// # Errors
    /// None that is known of: texts and numbers are always JSON.
    pub(crate) fn to_text(&self) -> serde_json::Result<String> {
        let json = |text: &str| serde_json::to_string(text);
        let mut out = format!("{{\n\"source\": {},\n", json(&self.source)?);
        if self.currency != USD {
            let _ = writeln!(out, "\"currency\": {},", json(&self.currency)?);
        }
        out.push_str("\"providers\": {");
        for (index, (name, list)) in self.providers.iter().enumerate() {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            let _ = write!(out, "{}: {{", json(name)?);
            if !list.also.is_empty() {
                let _ = write!(out, "\"also\": {}, ", serde_json::to_string(&list.also)?);
            }
            if !list.tools.is_empty() {
                let tools = Pairs(&list.tools);
                let _ = write!(out, "\"tools\": {}, ", serde_json::to_string(&tools)?);
            }
            if !list.surcharges.is_empty() {
                let surcharges = serde_json::to_string(&list.surcharges)?;
                let _ = write!(out, "\"surcharges\": {surcharges}, ");
            }
            out.push_str("\"models\": [");
            for (index, model) in list.models.iter().enumerate() {
                out.push_str(if index == 0 { "\n" } else { ",\n" });
                out.push_str(&serde_json::to_string(model)?);
            }
            out.push_str("\n]}");
        }
        out.push_str("\n}\n}\n");
        Ok(out)
    }
}

/// Pairs alone, written as an object.
#[derive(Serialize)]
#[serde(transparent)]
struct Pairs<'a>(#[serde(with = "pairs")] &'a Vec<(String, String)>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_as_it_is_read() {
        let text = r#"{
"source": "ours",
"providers": {
"anthropic": {"surcharges": [{"when":{"inference_geo":"us"},"percent":"10"}], "models": [
]},
"azure-openai": {"also": ["openai"], "models": [
]},
"openai": {"tools": {"web_search":"10","file_search":"2.5"}, "models": [
{"id":"gpt-4o","match":["gpt-4o","gpt-4o-2024-*"],"prices":[{"rates":{"input":"2.5","output":"10"}},{"from":"2026-10-12","when":{"service_tier":"flex"},"rates":{"input":"1.25"}}]},
{"id":"whisper-1","least":{"input_audio_ms":10000},"prices":[{"hours":"01:00-04:00","days":["mon"],"rates":{"input_audio_ms":"0.36"}}]}
]}
}
}
"#;
        assert_eq!(PriceFile::parse(text).unwrap().to_text().unwrap(), text);
    }

    #[test]
    fn what_is_no_list() {
        for (text, why) in [
            ("7", "invalid type: integer"),
            (
                r#"{"source":"x","provider":{}}"#,
                "unknown field `provider`",
            ),
            (
                r#"{"source":"x","providers":{"a":{"models":[{"id":"m","prices":[{"rates":{"input":1}}]}]}}}"#,
                "expected a string",
            ),
            (
                r#"{"source":"x","providers":{"a":{"models":[{"id":"m","prices":[{"rates":{"input":"1","input":"2"}}]}]}}}"#,
                "input is given twice",
            ),
        ] {
            let error = PriceFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
