//! The signature on a webhook (`Stripe-Signature: t=…,v1=…[,v1=…]`).
//!
//! HMAC-SHA256 over `"{t}.{raw body}"` with the endpoint's secret, as Stripe's documentation
//! ("Verify webhook signatures manually") gives it. While a secret is rotated Stripe sends a `v1`
//! for each, so any of them may match any of the configured ones. The body is the raw bytes:
//! parsing and writing it again would change them.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Stripe sends a few hundred characters. A longer header is not worth a comparison each.
const LONGEST_HEADER: usize = 4096;

/// How old or how far in the future a signature may be, in seconds: the default of Stripe's SDKs.
pub const TOLERANCE_S: i64 = 300;

/// Why a signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is absent or empty.
    #[error("the signature header is missing")]
    MissingHeader,
    /// The header has no time, no `v1` signature, or is far too long.
    #[error("the signature header is malformed")]
    Malformed,
    /// No signature matches any secret: a forgery, or the secret of another endpoint.
    #[error("no signature matches a configured secret")]
    NoMatch,
    /// The signature is genuine and older than the tolerance: perhaps replayed.
    #[error("the signature is {age_s} seconds old")]
    TooOld {
        /// Its age in seconds.
        age_s: i64,
    },
    /// The signature is genuine and from the future: one of the clocks is wrong.
    #[error("the signature is {ahead_s} seconds ahead of this machine's clock")]
    TooNew {
        /// How far ahead, in seconds.
        ahead_s: i64,
    },
}

struct Header<'a> {
    time: &'a str,
    time_s: i64,
    signatures: Vec<[u8; 32]>,
}

/// Accepts a webhook's body if one of the secrets signed it within `tolerance_s` of `now_s`
/// (both in seconds, `now_s` since the Unix epoch).
///
/// # Errors
///
/// [`SignatureError`]; age is only told of a genuine signature.
pub fn verify(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    tolerance_s: i64,
    now_s: i64,
) -> Result<(), SignatureError> {
    let header = parse(header)?;
    if !is_genuine(&header, body, secrets) {
        return Err(SignatureError::NoMatch);
    }
    let age_s = now_s.saturating_sub(header.time_s);
    if age_s > tolerance_s {
        return Err(SignatureError::TooOld { age_s });
    }
    if age_s < -tolerance_s {
        return Err(SignatureError::TooNew {
            ahead_s: age_s.saturating_neg(),
        });
    }
    Ok(())
}

/// The header that Stripe would send for this body at this time (Unix seconds).
pub fn sign(body: &[u8], secret: &SecretString, time_s: i64) -> String {
    let signature = digest(secret, &time_s.to_string(), body).unwrap_or_default();
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time_s},v1={hex}")
}

fn parse(header: &str) -> Result<Header<'_>, SignatureError> {
    if header.trim().is_empty() {
        return Err(SignatureError::MissingHeader);
    }
    if header.len() > LONGEST_HEADER {
        return Err(SignatureError::Malformed);
    }
    let mut time = None;
    let mut signatures = Vec::new();
    for (name, value) in header
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
    {
        match name {
            "t" if time.replace(value).is_some() => return Err(SignatureError::Malformed),
            "v1" => signatures.extend(unhex(value)),
            _ => {}
        }
    }
    let time = time.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let time = time.ok_or(SignatureError::Malformed)?;
    let time_s = time.parse().map_err(|_| SignatureError::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    Ok(Header {
        time,
        time_s,
        signatures,
    })
}

fn is_genuine(header: &Header<'_>, body: &[u8], secrets: &[SecretString]) -> bool {
    let mut genuine = subtle::Choice::from(0);
    for secret in secrets {
        // `digest` gives nothing for an empty secret, with which anybody could sign.
        if let Some(expected) = digest(secret, header.time, body) {
            for signature in &header.signatures {
                genuine |= expected.ct_eq(signature);
            }
        }
    }
    genuine.into()
}

fn digest(secret: &SecretString, time: &str, body: &[u8]) -> Option<[u8; 32]> {
    let key = secret.expose_secret().as_bytes();
    if key.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [time.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn check(header: &str, secrets: &[&str]) -> Result<(), SignatureError> {
        let secrets: Vec<_> = secrets.iter().map(|text| secret(text)).collect();
        verify(header, BODY, &secrets, TOLERANCE_S, NOW)
    }

    #[test]
    fn a_known_signature_is_accepted() {
        // Computed with `printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_a`.
        let known = "97ea69f91fd566038386bacf87292eb0d73a8207414ee62ed313d49996fe0639";
        assert_eq!(
            check(&format!("t=1700000000,v1={known}"), &["whsec_a"]),
            Ok(())
        );
        assert_eq!(
            check(
                &format!("t=1700000000, v0=x, v1={}", known.to_uppercase()),
                &["whsec_a"]
            ),
            Ok(())
        );
        assert_eq!(
            sign(BODY, &secret("whsec_a"), NOW),
            format!("t=1700000000,v1={known}")
        );
    }

    #[test]
    fn any_signature_may_match_any_secret() {
        let old = sign(BODY, &secret("whsec_old"), NOW);
        let new = sign(BODY, &secret("whsec_new"), NOW);
        let both = format!("{old},{}", new.split_once(',').unwrap().1);
        for header in [&old, &new, &both] {
            assert_eq!(check(header, &["whsec_old", "whsec_new"]), Ok(()));
        }
        assert_eq!(check(&both, &["whsec_new"]), Ok(()));
        assert_eq!(check(&both, &["whsec_old"]), Ok(()));
        assert_eq!(check(&old, &["whsec_new"]), Err(SignatureError::NoMatch));
        assert_eq!(check(&old, &[]), Err(SignatureError::NoMatch));
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
        mac.update(format!("{NOW}.").as_bytes());
        mac.update(BODY);
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            check(&format!("t={NOW},v1={hex}"), &[""]),
            Err(SignatureError::NoMatch)
        );
    }

    #[test]
    fn the_body_and_the_time_are_both_signed() {
        let header = sign(BODY, &secret("s"), NOW);
        let secrets = [secret("s")];
        let other = verify(&header, br#"{"id":"evt_2"}"#, &secrets, TOLERANCE_S, NOW);
        assert_eq!(other, Err(SignatureError::NoMatch));
        let later = header.replace("t=1700000000", "t=1700000001");
        assert_eq!(check(&later, &["s"]), Err(SignatureError::NoMatch));
    }

    #[test]
    fn a_genuine_signature_has_its_time() {
        for (offset, expected) in [
            (-300, Ok(())),
            (300, Ok(())),
            (-301, Err(SignatureError::TooOld { age_s: 301 })),
            (301, Err(SignatureError::TooNew { ahead_s: 301 })),
        ] {
            assert_eq!(
                check(&sign(BODY, &secret("s"), NOW + offset), &["s"]),
                expected
            );
        }
        // A forger learns nothing about the clock.
        let forged = sign(BODY, &secret("other"), NOW - 1000);
        assert_eq!(check(&forged, &["s"]), Err(SignatureError::NoMatch));
        let far = sign(BODY, &secret("s"), i64::MAX);
        assert!(matches!(
            check(&far, &["s"]),
            Err(SignatureError::TooNew { .. })
        ));
    }

    #[test]
    fn garbage_is_told_apart_and_never_accepted() {
        let good = sign(BODY, &secret("s"), NOW);
        let hex = good.split_once("v1=").unwrap().1.to_owned();
        for header in ["", "   "] {
            assert_eq!(check(header, &["s"]), Err(SignatureError::MissingHeader));
        }
        for header in [
            "t".to_owned(),
            "t=,v1=".to_owned(),
            format!("v1={hex}"),
            format!("t=1700000000,v0={hex}"),
            format!("t=-1700000000,v1={hex}"),
            format!("t=+1700000000,v1={hex}"),
            format!("t=99999999999999999999,v1={hex}"),
            format!("t=1700000000,v1={}", &hex[..62]),
            format!("t=1700000000,v1={hex}00"),
            format!("t=1700000000,v1={}é", &hex[..62]),
            format!("t=1700000000,t=1700000000,v1={hex}"),
            format!("{good}{}", ",v1=00".repeat(1000)),
            "a".repeat(1 << 20),
        ] {
            assert_eq!(
                check(&header, &["s"]),
                Err(SignatureError::Malformed),
                "{header:.80}"
            );
        }
        assert_eq!(check(&format!("{good},v1=short,x=y,,"), &["s"]), Ok(()));
    }
}
