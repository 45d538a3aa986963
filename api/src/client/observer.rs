//! Watching what goes over the wire, for tools that show or record it.

use std::fmt;
use std::sync::Arc;

/// One attempt at a call and its answer, as an observer sees it. Credentials are headers and not part
/// of it, but an answer may carry a secret, such as a top-up's `client_secret`.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// `GET`, `POST` …
    pub method: &'a str,
    /// The whole address.
    pub url: &'a str,
    /// The JSON that was sent, if any.
    pub request_body: Option<&'a [u8]>,
    /// The HTTP status.
    pub status: u16,
    /// The answer's body as it came.
    pub response_body: &'a [u8],
}

/// What [`super::ClientBuilder::observer`] takes.
pub(super) type Observe = Arc<dyn Fn(&Exchange<'_>) + Send + Sync>;

#[derive(Clone, Default)]
pub(super) struct Observer(Option<Observe>);

impl Observer {
    pub(super) fn new(observe: Observe) -> Self {
        Self(Some(observe))
    }

    pub(super) fn tell(&self, exchange: &Exchange<'_>) {
        if let Some(observe) = &self.0 {
            observe(exchange);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Observer(set)"
        } else {
            "Observer(none)"
        })
    }
}
