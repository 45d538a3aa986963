//! A chat completion for a provider that speaks this format, but an older state of it.

use crate::asked::Unreadable;
use crate::endpoint::Endpoint;
use crate::json::write::Members;
use crate::openai::chat::LIMITS;
use crate::reading;

/// The body without what the provider refuses or overlooks, its output limit by the name that the provider knows;
/// every byte as it is where there is none of that.
///
/// # Errors
/// Where it is no object, or has a name twice.
pub fn alike(endpoint: &Endpoint, body: &str) -> Result<String, Unreadable> {
    let (_, members) = reading::body(body)?;
    let dialect = endpoint.dialect;
    let is_unknown = |name: &str| dialect.unknown.contains(&name);
    if !members.members().any(|(name, _)| is_unknown(name)) {
        return Ok(body.to_owned());
    }
    let has_limit = members.get(dialect.limit_name).is_some();
    let mut written = Members::default();
    for (name, value) in members.members() {
        if !is_unknown(name) {
            written = written.json(name, value.raw());
        } else if LIMITS.contains(&name) && !has_limit {
            written = written.json(dialect.limit_name, value.raw());
        }
    }
    Ok(written.object())
}
