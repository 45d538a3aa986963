//! `[stripe]`

use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use crate::stripe::{StripeSettings, check};

const CONNECT_TIMEOUT_MS: u64 = 5_000;
const MAX_RETRIES: u32 = 2;

/// How money comes in.
#[derive(Debug, Clone)]
pub struct StripeConfig {
    /// `None`: nothing can be bought.
    pub secret_key: Option<SecretString>,
    /// Where Stripe is, without a slash at the end.
    pub base_url: String,
    /// What webhooks are signed with; any of them may be used.
    pub webhook_secrets: Vec<SecretString>,
    /// The longest that one attempt of a call may take.
    pub timeout: Duration,
}

impl StripeConfig {
    /// What the client is made with; `None` without a key.
    pub fn settings(&self) -> Option<StripeSettings> {
        Some(StripeSettings {
            base_url: self.base_url.clone(),
            secret_key: self.secret_key.clone()?,
            timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            connect_timeout_ms: CONNECT_TIMEOUT_MS,
            max_retries: MAX_RETRIES,
        })
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let secret_key = reader.secret("stripe.secret_key");
        let base_url = reader
            .text("stripe.base_url")
            .trim_end_matches('/')
            .to_owned();
        check_both(reader, secret_key.as_ref(), &base_url);
        Self {
            secret_key,
            base_url,
            webhook_secrets: reader.secrets("stripe.webhook_secrets"),
            timeout: reader.seconds("stripe.timeout_seconds", 1..=60),
        }
    }
}

fn check_both(reader: &mut Reader, key: Option<&SecretString>, base_url: &str) {
    use crate::stripe::SettingsError::{BaseUrl, LiveKeyExposed};

    // Without a key the URL alone is checked, as if for a test key.
    let any_key = SecretString::from("sk_test_");
    let Err(error) = check(base_url, key.unwrap_or(&any_key)) else {
        return;
    };
    let (option, instead) = match error {
        BaseUrl => ("stripe.base_url", "write \"https://api.stripe.com\""),
        LiveKeyExposed => (
            "stripe.base_url",
            "write \"https://api.stripe.com\", or use a test key here",
        ),
        _ => (
            "stripe.secret_key",
            "copy the key from Stripe's dashboard, Developers, API keys",
        ),
    };
    reader.fail(option, &error.to_string(), instead);
}
