//! `[disputes]`

use super::reader::Reader;

/// What a disputed payment means while it is being decided.
#[derive(Debug, Clone)]
pub struct DisputesConfig {
    /// Whether the account may spend nothing new until then.
    pub freeze_spending: bool,
}

impl DisputesConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            freeze_spending: reader.flag("disputes.freeze_spending"),
        }
    }
}
