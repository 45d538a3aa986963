//! The `Idempotency-Key` header, as every call that has one reads it.

use http::HeaderMap;

use crate::error::{ApiError, issue};

/// The caller's key, where it sent one.
///
/// # Errors
/// An [`ApiError`] where it isn't 1 to 255 visible characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > 255 {
        let message = "Idempotency-Key must be 1 to 255 visible ASCII characters";
        return Err(ApiError::all_invalid(vec![issue(
            &["headers", "Idempotency-Key"],
            message,
        )]));
    }
    Ok(Some(key.to_owned()))
}
