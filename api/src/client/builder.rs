//! What a client is made of, checked once before the first request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::observer::{Observe, Observer};
use super::{Client, Error, Inner, tls};

/// Where the official SDKs go unless they are told otherwise (contract, section 0).
const CLOUDFLARE: &str = "https://api.cloudflare.com/client/v4";
const USER_AGENT: &str = concat!("farebox-rust/", env!("CARGO_PKG_VERSION"));
/// As in the official SDKs.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// As in the official SDKs.
const DEFAULT_MAX_RETRIES: u32 = 2;

/// Configures a [`Client`]. Its `Debug` hides the token and the key.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClientBuilder {
    base_url: Option<String>,
    api_token: Option<SecretString>,
    api_email: Option<String>,
    api_key: Option<SecretString>,
    timeout: Option<Duration>,
    max_retries: Option<u32>,
    observer: Observer,
}

impl ClientBuilder {
    /// The address of the API up to and with `/client/v4`. There is no default, so that a token of
    /// Farebox never goes to Cloudflare because a line was forgotten.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// An API token, sent as `Authorization: Bearer`. It is used alone, even where an email and a
    /// key are given too.
    pub fn api_token(mut self, token: impl Into<String>) -> Self {
        self.api_token = Some(SecretString::from(token.into()));
        self
    }

    /// The email that belongs to [`Self::api_key`], sent as `X-Auth-Email`.
    pub fn api_email(mut self, email: impl Into<String>) -> Self {
        self.api_email = Some(email.into());
        self
    }

    /// The key that belongs to [`Self::api_email`], sent as `X-Auth-Key`. Prefer tokens.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(SecretString::from(key.into()));
        self
    }

    /// How long one attempt may take, the answer's body included; 60 seconds by default. A call
    /// that asks the server to wait gets that time on top.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often a failed attempt is repeated; 2 by default, 0 for never.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Shows every attempt and its answer to `observe`, called between the two, on the caller's task.
    pub fn observer(mut self, observe: Observe) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// The client. It makes no connection yet.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the address or the credentials are missing or can't be used, or
    /// where TLS can't be set up.
    pub fn build(self) -> Result<Client, Error> {
        let base_url = parse_base_url(self.base_url.as_deref())?;
        let mut http = reqwest::Client::builder();
        if is_loopback(&base_url) {
            // A proxy for the outside world can't reach this machine's own server.
            http = http.no_proxy();
        }
        let http = http
            .user_agent(USER_AGENT)
            .default_headers(self.headers()?)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls::config()?)
            .build()
            .map_err(|error| Error::Invalid(format!("the HTTP client can't be built: {error}")))?;
        let inner = Inner {
            http,
            base_url,
            timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT),
            max_retries: self.max_retries.unwrap_or(DEFAULT_MAX_RETRIES),
            observer: self.observer,
        };
        Ok(Client {
            inner: Arc::new(inner),
        })
    }

    fn headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        match (&self.api_token, &self.api_email, &self.api_key) {
            (Some(token), _, _) => {
                let bearer = format!("Bearer {}", token.expose_secret());
                headers.insert(AUTHORIZATION, credential("API token", &bearer)?);
            }
            (None, Some(email), Some(key)) => {
                headers.insert("x-auth-email", credential("email", email)?);
                headers.insert("x-auth-key", credential("API key", key.expose_secret())?);
            }
            _ => return Err(invalid("set an API token, or an email and an API key")),
        }
        Ok(headers)
    }
}

/// The builder that the environment describes. The lookup is an argument so that a test needn't
/// change the environment of the whole process.
pub(super) fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> ClientBuilder {
    let read = |name| {
        let value = lookup(name)?;
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    };
    ClientBuilder {
        base_url: Some(read("CLOUDFLARE_BASE_URL").unwrap_or_else(|| CLOUDFLARE.to_owned())),
        api_token: read("CLOUDFLARE_API_TOKEN").map(SecretString::from),
        api_email: read("CLOUDFLARE_EMAIL"),
        api_key: read("CLOUDFLARE_API_KEY").map(SecretString::from),
        timeout: None,
        max_retries: None,
        observer: Observer::default(),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A header value that no `Debug` prints. The error doesn't repeat it either.
fn credential(what: &str, text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::Invalid(format!("the {what} can't be sent in a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn parse_base_url(text: Option<&str>) -> Result<Url, Error> {
    let text = text.ok_or_else(|| invalid("set a base URL"))?;
    let url = Url::parse(text)
        .map_err(|error| Error::Invalid(format!("the base URL can't be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the base URL must begin with http:// or https://"));
    }
    // Errors and Debug name the base URL, so nothing secret may stand in it.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "the base URL must not carry a user name or password",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("the base URL must end with its path"));
    }
    Ok(url)
}

fn invalid(text: &str) -> Error {
    Error::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(variables: &[(&str, &str)]) -> ClientBuilder {
        from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn the_environment_is_read_as_the_official_sdks_read_it() {
        let client = builder(&[
            ("CLOUDFLARE_API_TOKEN", "token"),
            ("CLOUDFLARE_BASE_URL", "http://127.0.0.1:8080/client/v4"),
        ])
        .build()
        .unwrap();
        assert_eq!(
            client.inner.base_url.as_str(),
            "http://127.0.0.1:8080/client/v4"
        );

        let by_key = builder(&[
            ("CLOUDFLARE_EMAIL", "user@example.com"),
            ("CLOUDFLARE_API_KEY", "k"),
        ]);
        assert_eq!(by_key.headers().unwrap()["x-auth-key"], "k");
        assert_eq!(by_key.build().unwrap().inner.base_url.as_str(), CLOUDFLARE);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let empty = [("CLOUDFLARE_API_TOKEN", " "), ("CLOUDFLARE_BASE_URL", "")];
        let error = builder(&empty).build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "set an API token, or an email and an API key"
        );
    }

    #[test]
    fn a_token_is_used_alone() {
        let both = Client::builder()
            .api_token("t")
            .api_email("e@example.com")
            .api_key("k");
        let headers = both.headers().unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer t");
        assert!(
            headers[AUTHORIZATION].is_sensitive(),
            "an HTTP library may print headers"
        );
        assert!(!headers.contains_key("x-auth-key"));
    }
}
