//! What a sealed text is bound to: the row that it stands in, so that it opens nowhere else.

use std::fmt::Display;

/// An answer that is kept under an idempotency key.
pub fn answer(account: impl Display, key: &str) -> String {
    format!("{account}:{key}")
}

/// The address of a top-up's invoice.
pub fn invoice(account: impl Display, topup_id: &str) -> String {
    format!("invoice:{account}:{topup_id}")
}

/// A key for a provider that an account has stored.
pub fn provider_key(account: impl Display, id: &str) -> String {
    format!("provider_config:{account}:{id}")
}

/// The headers of a provider of an account's own.
pub fn provider_headers(account: impl Display, id: &str) -> String {
    format!("custom_provider:{account}:{id}")
}
