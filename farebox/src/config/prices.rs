//! `[prices]`

use std::path::PathBuf;

use super::reader::Reader;

/// What calls to models cost.
#[derive(Debug, Clone)]
pub struct PricesConfig {
    /// The operator's own prices.
    pub file: Option<PathBuf>,
}

impl PricesConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let file = reader.text("prices.file");
        Self {
            file: (!file.is_empty()).then(|| reader.path(&file)),
        }
    }
}
