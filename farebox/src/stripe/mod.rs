//! A client for the part of Stripe that Farebox uses, a file per noun.
//!
//! It is concrete and takes a base URL, so the sandbox and Stripe are called by the same code.
//! It knows nothing of the ledger, the store or the HTTP server, and it decides nothing about
//! money: it asks, and it says what Stripe answered or that the outcome is unknown.
//!
//! Answers are decoded leniently (unknown fields are ignored, every enumeration is open),
//! because Stripe adds fields and values without a new API version. Amounts are integers in the
//! currency's smallest unit, times are Unix seconds, as Stripe sends them.

mod call;
mod checkout_sessions;
mod customers;
mod disputes;
mod error;
mod event;
mod events;
mod invoice;
mod invoice_items;
mod invoice_payments;
mod invoices;
mod list;
mod open;
mod payment_methods;
mod refunds;
mod retry;
mod send;
mod setup_intents;
pub mod signature;

use std::{fmt, sync::Arc, time::Duration};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    checkout_sessions::{CheckoutSession, CreateSetupSession},
    customers::{CreateCustomer, Customer},
    disputes::{Dispute, DisputeFilter, DisputeStatus, Movement},
    error::StripeError,
    event::{Event, EventError, Incoming, Thin},
    invoice::{Invoice, InvoiceStatus, PaymentIntent, PaymentIntentStatus, PaymentProblem},
    invoice_items::{CreateInvoiceItem, InvoiceItem},
    invoice_payments::{InvoicePayment, InvoicePaymentStatus},
    invoices::{CreateInvoice, InvoiceFilter, PayInvoice},
    list::{Listed, Pages},
    payment_methods::{Card, PaymentMethod},
    refunds::{CreateRefund, Refund, RefundFilter, RefundStatus},
    setup_intents::{SetupIntent, SetupIntentStatus},
};

/// The API version that every request names, whatever the Stripe account's default is.
///
/// The decoders are written against this version's specification. The webhook endpoint should
/// be created with the same one.
pub const API_VERSION: &str = "2026-05-27.dahlia";

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// Scheme and authority, such as `https://api.stripe.com`; a path is allowed.
    pub base_url: String,
    /// A secret (`sk_…`) or restricted (`rk_…`) key. Its prefix tells live from test mode.
    pub secret_key: SecretString,
    /// The longest that one attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// The longest that connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How many times a call is repeated after its first attempt, where repeating is safe.
    pub max_retries: u32,
}

/// Why a client could not be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The key's prefix is none of the four.
    #[error("the stripe key does not begin with sk_live_, rk_live_, sk_test_ or rk_test_")]
    UnknownKey,
    /// The key holds a character that cannot stand in a header.
    #[error("the stripe key holds a character that no key has")]
    MalformedKey,
    /// The base URL is not an absolute `http` or `https` URL.
    #[error("the stripe base URL is not an absolute http or https URL")]
    BaseUrl,
    /// A live key would leave this machine's protection, or go to a sandbox.
    #[error("a live stripe key is sent only over https and never to this machine itself")]
    LiveKeyExposed,
    /// The TLS configuration could not be made.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// A client of Stripe. Cloning it is cheap and shares the connections.
#[derive(Clone)]
pub struct Stripe {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base_url: String,
    livemode: bool,
    max_retries: u32,
}

impl Stripe {
    /// A client for these settings. It opens no connection yet.
    ///
    /// # Errors
    ///
    /// A key or a base URL that [`check`] refuses, or a TLS or HTTP set-up that fails.
    pub fn new(settings: &StripeSettings) -> Result<Self, SettingsError> {
        let livemode = check(&settings.base_url, &settings.secret_key)?;
        let inner = Inner {
            http: http_client(settings)?,
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            livemode,
            max_retries: settings.max_retries,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Whether the key moves real money. An object of the other mode must never be credited.
    pub fn livemode(&self) -> bool {
        self.inner.livemode
    }
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe")
            .field("base_url", &self.inner.base_url)
            .field("livemode", &self.inner.livemode)
            .finish_non_exhaustive()
    }
}

/// Whether this key may be sent to this base URL; the answer is whether the key is live.
///
/// # Errors
///
/// [`SettingsError::UnknownKey`], [`SettingsError::BaseUrl`], and
/// [`SettingsError::LiveKeyExposed`] for a live key with a URL that is not `https` or is on this
/// machine: a sandbox must never be able to see a live key.
pub fn check(base_url: &str, key: &SecretString) -> Result<bool, SettingsError> {
    let live = is_live(key.expose_secret()).ok_or(SettingsError::UnknownKey)?;
    let url = reqwest::Url::parse(base_url).map_err(|_| SettingsError::BaseUrl)?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.host().is_none() {
        return Err(SettingsError::BaseUrl);
    }
    if live && (url.scheme() != "https" || is_loopback(&url)) {
        return Err(SettingsError::LiveKeyExposed);
    }
    Ok(live)
}

fn is_live(key: &str) -> Option<bool> {
    let kind = key
        .strip_prefix("sk_")
        .or_else(|| key.strip_prefix("rk_"))?;
    if kind.starts_with("live_") {
        return Some(true);
    }
    kind.starts_with("test_").then_some(false)
}

/// Whether a URL leads to this machine itself.
pub fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .trim_end_matches('.');
    let by_name = host == "localhost" || host.ends_with(".localhost");
    let by_address = host.parse::<std::net::IpAddr>().is_ok_and(|ip| {
        let ip = ip.to_canonical();
        ip.is_loopback() || ip.is_unspecified()
    });
    by_name || by_address
}

fn http_client(settings: &StripeSettings) -> Result<reqwest::Client, SettingsError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client_config()?)
        .default_headers(headers(&settings.secret_key)?)
        .user_agent(concat!("farebox/", env!("CARGO_PKG_VERSION")))
        .timeout(Duration::from_millis(settings.timeout_ms))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        // Stripe does not redirect. Following one would hand the key to another host.
        .redirect(reqwest::redirect::Policy::none());
    let url = reqwest::Url::parse(&settings.base_url).map_err(|_| SettingsError::BaseUrl)?;
    if is_loopback(&url) {
        // A proxy for the outside world cannot reach the sandbox on this machine.
        builder = builder.no_proxy();
    }
    Ok(builder.build()?)
}

fn headers(key: &SecretString) -> Result<HeaderMap, SettingsError> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        .map_err(|_| SettingsError::MalformedKey)?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(base_url: &str, key: &str) -> String {
        match check(base_url, &SecretString::from(key)) {
            Ok(live) => format!("live={live}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_live_key_goes_nowhere_but_to_a_distant_https_host() {
        let stripe = "https://api.stripe.com";
        for (base_url, key, expected) in [
            (stripe, "sk_live_1", "live=true"),
            (stripe, "rk_live_1", "live=true"),
            (stripe, "sk_test_1", "live=false"),
            (stripe, "rk_test_1", "live=false"),
            (stripe, "pk_live_1", "UnknownKey"),
            (stripe, "sk_livery", "UnknownKey"),
            (stripe, "", "UnknownKey"),
            ("http://127.0.0.1:4242", "sk_test_1", "live=false"),
            ("http://api.stripe.com", "sk_live_1", "LiveKeyExposed"),
            ("https://127.0.0.1", "sk_live_1", "LiveKeyExposed"),
            ("https://127.9.9.9", "sk_live_1", "LiveKeyExposed"),
            ("https://[::1]:1", "rk_live_1", "LiveKeyExposed"),
            ("https://[::ffff:127.0.0.1]", "rk_live_1", "LiveKeyExposed"),
            ("https://0.0.0.0", "sk_live_1", "LiveKeyExposed"),
            ("https://LOCALHOST.", "sk_live_1", "LiveKeyExposed"),
            ("https://stripe.localhost", "sk_live_1", "LiveKeyExposed"),
            ("api.stripe.com", "sk_test_1", "BaseUrl"),
            ("ftp://api.stripe.com", "sk_test_1", "BaseUrl"),
        ] {
            assert_eq!(verdict(base_url, key), expected, "{base_url} {key}");
        }
    }

    #[test]
    fn neither_the_client_nor_its_settings_print_the_key() {
        let settings = StripeSettings {
            base_url: "https://api.stripe.com/".to_owned(),
            secret_key: SecretString::from("sk_test_hush"),
            timeout_ms: 1000,
            connect_timeout_ms: 1000,
            max_retries: 2,
        };
        let stripe = Stripe::new(&settings).unwrap();
        assert!(!stripe.livemode());
        let printed = format!("{settings:?} {stripe:?} {:?}", stripe.inner.http);
        assert!(!printed.contains("hush"), "{printed}");
        assert!(printed.contains("https://api.stripe.com"), "{printed}");
    }
}
