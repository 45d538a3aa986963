//! Cross-origin requests of web pages (WHATWG Fetch, "CORS protocol"): whose scripts may call models.
//!
//! Off until `[gateway] cors_origins` names an origin. No cookies are involved, so that `*` is allowed, and a page needs a
//! token as anybody does.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::config::GatewayConfig;
use crate::http::gateway::is_call;

/// For how long a browser need not ask again, in seconds. Chrome's own limit.
const MAX_AGE: &str = "7200";

/// Headers of an answer that scripts may read beside `cf-aig-…`.
const EXPOSED: [&str; 6] = [
    "cf-ray",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
];

/// A page's origin that may call models, as its answers name it.
#[derive(Clone, Debug)]
pub struct Allowed(HeaderValue);

/// The origin, if the request is a page's call to a model and its origin is allowed.
pub fn allowed(gateway: &GatewayConfig, request: &Request) -> Option<Allowed> {
    let origins = &gateway.cors_origins;
    if origins.is_empty() || !is_call(request.uri().path()) {
        return None;
    }
    let origin = request.headers().get(ORIGIN)?;
    if origins.iter().any(|known| known == "*") {
        return Some(Allowed(HeaderValue::from_static("*")));
    }
    let is_known = origins.iter().any(|known| origin == known.as_str());
    is_known.then(|| Allowed(origin.clone()))
}

impl Allowed {
    /// The answer to a browser that asks before it sends a request. `None` if this is the request.
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let wanted = request.headers();
        let method = wanted.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if request.method() != Method::OPTIONS {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        // `*` would leave out Authorization.
        if let Some(names) = wanted.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        for name in [
            ACCESS_CONTROL_REQUEST_METHOD,
            ACCESS_CONTROL_REQUEST_HEADERS,
        ] {
            headers.append(VARY, HeaderValue::from(name));
        }
        self.name_origin(headers);
        Some(response)
    }

    /// Lets the page's script read an answer.
    pub fn expose(&self, response: &mut Response) {
        let headers = response.headers_mut();
        let names = headers.keys().map(http::HeaderName::as_str);
        let exposed: Vec<_> = names
            .filter(|name| name.starts_with("cf-aig-") || EXPOSED.contains(name))
            .collect();
        let exposed = HeaderValue::from_str(&exposed.join(", "));
        if let Some(exposed) = exposed.ok().filter(|exposed| !exposed.is_empty()) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        self.name_origin(headers);
    }

    fn name_origin(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        if self.0 != "*" {
            headers.append(VARY, HeaderValue::from(ORIGIN));
        }
    }
}
