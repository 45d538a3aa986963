//! `[prices]`

use std::path::PathBuf;

use ledger::rates::Markup;

use super::reader::Reader;

/// What calls to models cost.
#[derive(Debug, Clone)]
pub struct PricesConfig {
    /// The operator's own prices.
    pub file: Option<PathBuf>,
    /// What is added to the providers' prices for everybody.
    pub markup: Markup,
}

impl PricesConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let file = reader.text("prices.file");
        let markup = reader.parsed(
            "prices.markup_percent",
            |text| Markup::parse(text).ok(),
            "write a number from -100 to 10000 such as \"20\", with at most four decimal places",
        );
        Self {
            file: (!file.is_empty()).then(|| reader.path(&file)),
            markup: markup.unwrap_or_default(),
        }
    }
}
