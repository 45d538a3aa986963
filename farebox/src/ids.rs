//! New ids and secrets. The only place that draws random numbers for them.

mod log_id;

use std::cell::RefCell;

use ledger::{AccountId, BucketId, Timestamp, TransferId};

pub use log_id::{LogId, NotALogId};

/// How often the hold of a call is extended at most.
pub const EXTENSIONS_MAX: u32 = 16;

/// Letters and digits, from which tokens are drawn.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// So that a token which leaked can be recognised as one, by people and by scanners.
pub const TOKEN_PREFIX: &str = "fbx_";

/// How many random characters a token has: 238 bits.
const TOKEN_LENGTH: usize = 40;

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness nothing that is called a secret is one: there is no way to go on.
    #[expect(clippy::expect_used)]
    getrandom::fill(&mut bytes).expect("the system has no randomness");
    bytes
}

/// How many bytes are drawn at a time for ids that are no secrets.
const DRAWN: usize = 512;

/// The same for what every request gets, and nobody is let in by: a call to the system is half of what such an id
/// takes.
fn random_in_bulk<const N: usize>() -> [u8; N] {
    thread_local! {
        static REST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    REST.with_borrow_mut(|rest| {
        if rest.len() < N {
            *rest = random::<DRAWN>().to_vec();
        }
        let left = rest.len() - N;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&rest[left..]);
        rest.truncate(left);
        bytes
    })
}

/// A new account id.
pub fn account() -> AccountId {
    AccountId::from_bytes(random())
}

/// 32 random hex characters: the id of a user or a token.
pub fn opaque() -> String {
    hex(&random::<16>())
}

/// 8 random hex characters: the id of a rule, which is unique among twenty.
pub fn short() -> String {
    hex(&random::<4>())
}

/// An id that sorts by time, 32 hex characters (UUIDv7): new rows go to the end of their index.
pub fn ordered(now: Timestamp) -> String {
    let millis = u64::try_from(now.millis()).unwrap_or_default();
    let bytes = random::<10>();
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes)
        .into_uuid()
        .simple()
        .to_string()
}

/// The same as UUIDs are mostly written, with hyphens.
pub fn uuid(now: Timestamp) -> String {
    let text = ordered(now);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts
        .map(|part| text.get(part).unwrap_or_default())
        .join("-")
}

/// The id of the transfer that `purpose` makes for `subject`: always the same one, by which a repeat
/// is recognised.
pub fn transfer_for(purpose: &str, subject: &str) -> TransferId {
    TransferId::from_u128(derived(purpose, subject))
}

/// The same for a call, of which there are many: it begins with the call's time, so that new rows go to the end of
/// their index and those of a group share its pages.
pub fn transfer_of_call(purpose: &str, call: LogId) -> TransferId {
    let derived = derived(purpose, &call.key());
    TransferId::from_u128(call.time_bits() | derived & LogId::LOW)
}

/// The hold of a call that is held for by itself: always the same one, so that whoever settles needs to be told
/// nothing else.
pub fn hold_of_call(call: LogId) -> TransferId {
    transfer_of_call("call", call)
}

/// The hold that takes the place of a call's hold when that is extended for the `number`th time, counted from 1.
pub fn extended_hold_of_call(call: LogId, number: u32) -> TransferId {
    transfer_of_call(&format!("call extended {number}"), call)
}

/// Whether it is the hold of a call that is held for by itself, extended or not.
pub fn is_hold_of_call(hold: TransferId, call: LogId) -> bool {
    let extended = (1..=EXTENSIONS_MAX).map(|number| extended_hold_of_call(call, number));
    hold == hold_of_call(call) || extended.into_iter().any(|id| id == hold)
}

/// What releases the hold that is replaced by [`extended_hold_of_call`].
pub fn replaced_hold_of_call(call: LogId, number: u32) -> TransferId {
    transfer_of_call(&format!("call hold replaced {number}"), call)
}

fn derived(purpose: &str, subject: &str) -> u128 {
    let mut hasher = blake3::Hasher::new_derive_key("farebox 2026 transfer id v1");
    hasher
        .update(purpose.as_bytes())
        .update(b":")
        .update(subject.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

/// The bucket in which a gateway's rule counts calls that are alike in what it splits by: always the same one,
/// whatever else of the rule changes.
pub fn bucket(gateway: i64, rule: &str, split: &[(&str, String)]) -> BucketId {
    let mut hasher = blake3::Hasher::new_derive_key("farebox 2026 spend bucket v1");
    hasher.update(&gateway.to_be_bytes());
    let parts = split.iter().flat_map(|(key, value)| [*key, value.as_str()]);
    for part in [rule].into_iter().chain(parts) {
        // With its length before it, so that no two lists are written alike.
        hasher.update(&part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    BucketId::from_u128(u128::from_be_bytes(bytes))
}

/// A new API token, shown once.
pub fn token() -> String {
    let mut token = String::with_capacity(TOKEN_PREFIX.len() + TOKEN_LENGTH);
    token.push_str(TOKEN_PREFIX);
    while token.len() < TOKEN_PREFIX.len() + TOKEN_LENGTH {
        // Bytes past the last whole alphabet are thrown away: every character is as likely.
        let drawn = random::<64>();
        let letters = drawn.iter().filter(|byte| **byte < 248);
        let room = TOKEN_PREFIX.len() + TOKEN_LENGTH - token.len();
        token.extend(
            letters
                .take(room)
                .map(|byte| char::from(ALPHABET[usize::from(*byte % 62)])),
        );
    }
    token
}

/// A new global key of a user, shown once: 40 hex characters.
pub fn global_key() -> String {
    hex(&random::<20>())
}

/// An id for one request, in the shape of Cloudflare's `cf-ray`.
pub fn request() -> String {
    hex(&random_in_bulk::<8>()) + "-FBX"
}

/// Random bytes for a nonce.
pub fn nonce() -> [u8; 24] {
    random()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for digit in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.push(char::from(DIGITS[usize::from(digit)]));
    }
    text
}

/// The bytes of a hex text.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_recognisable_and_never_the_same() {
        let (one, other) = (token(), token());
        assert!(one.starts_with(TOKEN_PREFIX) && one.len() == 44, "{one}");
        assert!(
            one.bytes().skip(4).all(|byte| ALPHABET.contains(&byte)),
            "{one}"
        );
        assert_ne!(one, other);
    }

    #[test]
    fn derived_ids_repeat_and_differ_by_purpose() {
        assert_eq!(transfer_for("topup", "a"), transfer_for("topup", "a"));
        assert_ne!(transfer_for("topup", "a"), transfer_for("fee", "a"));
        assert_ne!(transfer_for("topup", "a"), transfer_for("topup", "b"));
    }

    #[test]
    fn transfers_of_calls_repeat_and_sort_by_time() {
        let at = |millis| LogId::new(Timestamp::from_millis(millis));
        let (one, later) = (at(1_700_000_000_000), at(1_700_000_000_001));
        let id = transfer_of_call("call", one);
        assert_eq!(id, transfer_of_call("call", one));
        assert_ne!(id, transfer_of_call("call settled", one));
        assert_ne!(id, transfer_of_call("call", at(1_700_000_000_000)));
        assert!(id.to_string() < transfer_of_call("call", later).to_string());
    }

    #[test]
    fn buckets_differ_by_all_that_they_are_made_of() {
        let split = |parts: &[(&'static str, &str)]| {
            let parts: Vec<_> = parts.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
            parts
        };
        let all = [
            bucket(1, "a", &[]),
            bucket(2, "a", &[]),
            bucket(1, "ab", &[]),
            bucket(1, "a", &split(&[("user", "b")])),
            bucket(1, "a", &split(&[("userb", "")])),
            bucket(1, "a", &split(&[("user", "b"), ("plan", "c")])),
            bucket(1, "a", &split(&[("user", "bplanc")])),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(all[0], bucket(1, "a", &[]));
    }

    #[test]
    fn hex_goes_there_and_back() {
        assert_eq!(hex(&[0, 1, 0xab, 0xff]), "0001abff");
        assert_eq!(unhex("0001abff").unwrap(), [0, 1, 0xab, 0xff]);
        assert_eq!(unhex("abc"), None);
        assert_eq!(unhex("zz"), None);
    }

    #[test]
    fn ordered_ids_sort_by_time() {
        let at = |millis| ordered(Timestamp::from_millis(millis));
        assert!(at(1_700_000_000_000) < at(1_700_000_000_001));
        assert_eq!(at(1_700_000_000_000).len(), 32);
    }
}
