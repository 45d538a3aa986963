//! Where this server is, as its callers see it: as the configuration says, or as the request came in.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header::HOST;
use http::request::Parts;

use crate::app::App;
use crate::error::ApiError;
use crate::http::client_address::is_trusted;

/// Scheme, host and port, without a slash at the end.
#[derive(Debug)]
pub struct PublicUrl(pub String);

impl FromRequestParts<Arc<App>> for PublicUrl {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if let Some(url) = &app.config.http.public_url {
            return Ok(Self(url.trim_end_matches('/').to_owned()));
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.map_or_else(|| app.config.http.listen.to_string(), str::to_owned);
        Ok(Self(format!("{}://{host}", scheme(parts, app))))
    }
}

/// Farebox itself speaks no TLS; a proxy in front that it trusts says what its own side speaks.
fn scheme(parts: &Parts, app: &Arc<App>) -> &'static str {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let by_proxy = peer.is_some_and(|peer| is_trusted(app, peer.0.ip().to_canonical()));
    let said = parts.headers.get("x-forwarded-proto");
    let is_https = said.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
    match by_proxy && is_https {
        true => "https",
        false => "http",
    }
}
