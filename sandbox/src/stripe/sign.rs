//! Webhook signatures (docs.stripe.com/webhooks/signature).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header `Stripe-Signature` over the very bytes of a body: `t`, in seconds since 1970, and
/// one `v1` for each secret, so that secrets can be changed without losing an event.
pub(crate) fn header(secrets: &[String], at: i64, body: &[u8]) -> String {
    let mut header = format!("t={at}");
    for secret in secrets {
        header.push_str(",v1=");
        header.push_str(&signature(secret, at, body));
    }
    header
}

fn signature(secret: &str, at: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length, so there is no error to speak of.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
