//! `[gateway]`

use std::time::Duration;

use ledger::Amount;

use super::reader::Reader;

/// How calls to models are passed on.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The largest body of a call.
    pub body_limit_bytes: usize,
    /// How long a whole call may take.
    pub call_max: Duration,
    /// How long a provider may take until its answer begins.
    pub first_byte: Duration,
    /// How long an answer is read on whose client has left.
    pub drain: Duration,
    /// What the operator bears of one call with tools of its provider's, beyond what is held.
    pub tool_overrun_max: Amount,
    /// How long a settlement is tried while its client waits.
    pub settlement_wait: Duration,
    /// How many percent of what an account has available are held at once, where it calls often.
    pub lease_percent: i64,
    /// Whether providers of an account's own may be at private addresses.
    pub allow_private_upstreams: bool,
    /// The longest body that a log keeps whole, in bytes.
    pub log_body_max_bytes: usize,
    /// The longest answer that is kept for the next call, in bytes.
    pub cache_body_max_bytes: usize,
    /// How many bytes all kept answers may take.
    pub cache_max_bytes: i64,
    /// How many WebSockets an account may have open; 0 for none at all.
    pub websockets_per_account: usize,
    /// How long a WebSocket may be idle.
    pub websocket_idle: Duration,
    /// How long a WebSocket may be open.
    pub websocket_max: Duration,
    /// How many bytes of its last responses a WebSocket keeps.
    pub websocket_kept_bytes: usize,
    /// Origins whose pages may call models.
    pub cors_origins: Vec<String>,
}

fn cents(cents: i64) -> Amount {
    Amount::from_cents(cents).unwrap_or_default()
}

impl GatewayConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            body_limit_bytes: reader.number("gateway.body_limit_bytes", 1024..=268_435_456),
            call_max: reader.seconds("gateway.call_max_seconds", 10..=86_400),
            first_byte: reader.seconds("gateway.first_byte_seconds", 1..=86_400),
            drain: reader.seconds("gateway.drain_seconds", 0..=86_400),
            tool_overrun_max: cents(reader.number("gateway.tool_overrun_max_cents", 0..=100_000)),
            settlement_wait: reader.seconds("gateway.settlement_wait_seconds", 1..=600),
            lease_percent: reader.number("gateway.lease_percent", 0..=10),
            allow_private_upstreams: reader.flag("gateway.allow_private_upstreams"),
            log_body_max_bytes: reader.number("gateway.log_body_max_bytes", 0..=16_777_216),
            cache_body_max_bytes: reader.number("gateway.cache_body_max_bytes", 0..=67_108_864),
            cache_max_bytes: reader.number("gateway.cache_max_bytes", 0..=1_099_511_627_776),
            websockets_per_account: reader.number("gateway.websockets_per_account", 0..=10_000),
            websocket_idle: reader.seconds("gateway.websocket_idle_seconds", 1..=86_400),
            websocket_max: reader.seconds("gateway.websocket_max_seconds", 1..=86_400),
            websocket_kept_bytes: reader.number("gateway.websocket_kept_bytes", 0..=268_435_456),
            cors_origins: cors_origins(reader),
        }
    }
}

/// Origins as browsers write them (RFC 6454, section 6.2), or `*`.
fn cors_origins(reader: &mut Reader) -> Vec<String> {
    let option = "gateway.cors_origins";
    let origins = reader.list(option);
    if let Some(origin) = origins.iter().find(|origin| !is_origin(origin)) {
        let wrong = format!("{origin:?} is no origin");
        reader.fail(
            option,
            &wrong,
            "write one such as \"https://app.example.org\", or \"*\"",
        );
    }
    origins
}

fn is_origin(text: &str) -> bool {
    let parsed = reqwest::Url::parse(text).map(|url| url.origin().ascii_serialization());
    text == "*" || parsed.is_ok_and(|origin| origin == text)
}
