//! `[http]`

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use super::{IpRange, reader::Reader};

/// The servers.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// What clients call.
    pub listen: SocketAddr,
    /// Where the metrics are; `None` when they are off.
    pub metrics_listen: Option<SocketAddr>,
    /// What customers see, without a slash at the end.
    pub public_url: Option<String>,
    /// The largest body of the management API, in bytes.
    pub body_limit_bytes: usize,
    /// The longest that a management request may take; more than the 60 s a client may ask for.
    pub request_timeout: Duration,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Failed authentications per client address and minute; `None` for no limit.
    pub auth_failures_per_minute: Option<NonZeroU32>,
}

const ADDRESS: &str = "write an address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"";

impl HttpConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let failures = reader.number("http.auth_failures_per_minute", 0..=1_000_000);
        Self {
            listen: reader
                .parsed("http.listen", |text| text.parse().ok(), ADDRESS)
                .unwrap_or(nowhere),
            metrics_listen: reader.optional(
                "http.metrics_listen",
                |text| text.parse().ok(),
                ADDRESS,
            ),
            public_url: reader.optional(
                "http.public_url",
                origin,
                "write an address such as \"https://ai.example.org\"",
            ),
            body_limit_bytes: reader.number("http.body_limit_bytes", 1024..=64 << 20),
            request_timeout: reader.seconds("http.request_timeout_seconds", 61..=3600),
            trusted_proxies: trusted_proxies(reader),
            auth_failures_per_minute: NonZeroU32::new(failures),
        }
    }
}

fn trusted_proxies(reader: &mut Reader) -> Vec<IpRange> {
    let option = "http.trusted_proxies";
    let mut ranges = Vec::new();
    for text in reader.list(option) {
        match text.parse() {
            Ok(range) => ranges.push(range),
            Err(why) => {
                let instead = "write an address or a network such as \"10.0.0.0/8\"";
                reader.fail(option, &format!("{text:?} is {why}"), instead);
            }
        }
    }
    ranges
}

fn origin(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    plain.then(|| text.trim_end_matches('/').to_owned())
}
