//! What becomes of a request's parameters that its API doesn't define, at a provider that the operator runs
//! (`[providers.NAME] unknown_parameters`).

use bytes::Bytes;
use wire::Endpoint;

use crate::config::UnknownParameters;
use crate::proxy::call::Target;
use crate::proxy::error::{ProxyError, codes};

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
        (false, _) => Ok(Bytes::from(stripped(text, &unknown))),
    }
}

fn stripped(body: &str, names: &[String]) -> String {
    names.iter().fold(body.to_owned(), |body, name| {
        wire::without(&body, name).unwrap_or(body)
    })
}

fn refused(slug: &str, unknown: &[String]) -> ProxyError {
    let message = format!(
        "{slug} takes no {} here: leave the parameter out. The operator allows only those that the API defines",
        unknown.join(", ")
    );
    ProxyError::bad_request(codes::BAD_FORMAT, message)
}
