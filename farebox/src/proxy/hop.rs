//! What of a message goes no further than one connection (RFC 9110, section 7.6.1), and what is for one origin or one
//! provider alone.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};

use crate::catalog::{self, Credential, Provider};

/// Headers of one connection, or that are made anew.
const OF_THE_CONNECTION: [HeaderName; 13] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("proxy-connection"),
];

/// What an answer says of its whole origin: the provider must not decide for ours. CORS is `[gateway] cors_origins`.
const OF_THE_ORIGIN: [&str; 8] = [
    "alt-svc",
    "clear-site-data",
    "expect-ct",
    "nel",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "strict-transport-security",
];
const CORS: &str = "access-control-";

/// Removes what is for one connection alone, and what `Connection` names.
pub fn end_connection(headers: &mut HeaderMap) {
    let values = headers.get_all(CONNECTION).into_iter();
    let named: Vec<HeaderName> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Removes what a provider says of its own origin.
pub fn end_origin(headers: &mut HeaderMap) {
    let names = headers.keys().map(HeaderName::as_str);
    let ended = names.filter(|name| OF_THE_ORIGIN.contains(name) || name.starts_with(CORS));
    let ended: Vec<_> = ended.map(str::to_owned).collect();
    for name in ended {
        headers.remove(name);
    }
}

/// Removes the headers in which other providers are shown their keys: a client of several may send them all.
pub fn keep_keys_of(provider: &Provider, headers: &mut HeaderMap) {
    for other in catalog::providers().iter().flat_map(key_headers) {
        if key_headers(provider).all(|own| own != other) {
            headers.remove(other);
        }
    }
}

fn key_headers(provider: &Provider) -> impl Iterator<Item = &'static str> {
    let credentials = provider.credentials.iter();
    credentials.filter_map(|credential| match credential {
        Credential::Header { name, .. } => Some(*name),
        Credential::Query { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in of {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_connection_names_ends_with_it() {
        let mut headers = headers(&[
            ("connection", "keep-alive, X-Secret"),
            ("connection", "x-other"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("x-third", "1"),
            ("proxy-authorization", "Basic x"),
            ("te", "trailers"),
        ]);
        end_connection(&mut headers);
        assert_eq!(names(&headers), ["x-third"]);
    }

    #[test]
    fn a_provider_says_nothing_of_our_origin() {
        let mut headers = headers(&[
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "x"),
            ("x-request-id", "1"),
        ]);
        end_origin(&mut headers);
        assert_eq!(names(&headers), ["x-request-id"]);
    }

    #[test]
    fn a_provider_sees_its_own_keys_alone() {
        for (slug, expected) in [
            ("openai", &["authorization"][..]),
            ("anthropic", &["authorization", "x-api-key"]),
            ("google-ai-studio", &["authorization", "x-goog-api-key"]),
            ("azure-openai", &["api-key", "authorization"]),
        ] {
            let mut headers = headers(&[
                ("authorization", "Bearer a"),
                ("x-api-key", "b"),
                ("x-goog-api-key", "c"),
                ("api-key", "d"),
            ]);
            keep_keys_of(catalog::provider(slug).unwrap(), &mut headers);
            assert_eq!(names(&headers), expected, "{slug}");
        }
    }
}
