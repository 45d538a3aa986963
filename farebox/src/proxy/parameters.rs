//! What becomes of a request's parameters that its API doesn't define, at a provider that the operator runs
//! (`[providers.NAME] unknown_parameters`).

use bytes::Bytes;
use wire::Endpoint;

use crate::config::UnknownParameters;
use crate::proxy::call::Target;
use crate::proxy::error::{ProxyError, codes};

/// How many parameters a refusal names.
const NAMED_MAX: usize = 10;

/// The body as it may be sent there.
///
/// # Errors
/// [`codes::BAD_FORMAT`], which names them, if the operator refuses them.
pub fn admitted(target: &Target, path: &str, body: Bytes) -> Result<Bytes, ProxyError> {
    let Some(operated) = target.operated.as_deref() else {
        return Ok(body);
    };
    if operated.unknown_parameters == UnknownParameters::Allow {
        return Ok(body);
    }
    let endpoint = Endpoint::find(target.provider.dialect, path);
    let (Some(endpoint), Ok(text)) = (endpoint, std::str::from_utf8(&body)) else {
        return Ok(body);
    };
    // What can't be read is refused with its reason by whoever reads it for its price.
    let unknown = wire::unknown_parameters(&endpoint, text).unwrap_or_default();
    match (unknown.is_empty(), operated.unknown_parameters) {
        (true, _) => Ok(body),
        (false, UnknownParameters::Refuse) => Err(refused(&target.slug, &unknown)),
        (false, _) => {
            let names = unknown.iter().map(String::as_str).collect();
            Ok(wire::without(text, &names).map_or(body.clone(), Bytes::from))
        }
    }
}

/// Of many, the first are named.
fn refused(slug: &str, unknown: &[String]) -> ProxyError {
    let unknown = unknown.get(..NAMED_MAX).unwrap_or(unknown);
    let message = format!(
        "{slug} takes no {} here: leave the parameter out. The operator allows only those that the API defines",
        unknown.join(", ")
    );
    ProxyError::bad_request(codes::BAD_FORMAT, message)
}
