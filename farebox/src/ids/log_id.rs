//! The id of a call, and of its log: a UUIDv7 (RFC 9562, section 5.7), as Cloudflare's logs have since 2026-10-08.
//!
//! Logs from before have ULIDs (github.com/ulid/spec). Both are 128 bits that begin with the time in milliseconds, so
//! one number orders them all. The store keeps that number in the ULID's 26 letters and digits, whatever the id looks
//! like outside: texts sort as the numbers do, and no row had to be rewritten.

use std::fmt;
use std::str::FromStr;

use ledger::Timestamp;

/// 32 letters and digits without I, L, O and U, in their order.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a ULID has, 5 bits each.
const LENGTH: usize = 26;

/// The bits of an id below the milliseconds since the epoch.
const LOW_BITS: u32 = 80;

/// The version and the variant of a UUIDv7, and the bits that hold them.
const VERSION: u128 = 0x7 << 76;
const VARIANT: u128 = 0b10 << 62;
const FIXED: u128 = 0xf << 76 | 0b11 << 62;

/// The digits of a UUID in each of its groups.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// The bits of a hexadecimal digit, and of a UUID.
const DIGIT: usize = 4;
const BITS: usize = 128;

/// When a call came in, to the millisecond, and 74 random bits. Ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId(u128);

impl LogId {
    /// The bits below the time.
    pub(super) const LOW: u128 = (1 << LOW_BITS) - 1;

    /// A new id for a call that comes in now.
    pub fn new(now: Timestamp) -> Self {
        let [a, b, c, d, e, f, g, h, i, j] = super::random_in_bulk();
        let random = u128::from_be_bytes([0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j]);
        Self(Self::first_at(now).0 | random & !FIXED | VERSION | VARIANT)
    }

    /// The smallest id of that millisecond.
    pub fn first_at(time: Timestamp) -> Self {
        const MILLIS_MAX: u64 = (1 << 48) - 1;
        let millis = u64::try_from(time.millis()).unwrap_or_default();
        Self(u128::from(millis.min(MILLIS_MAX)) << LOW_BITS)
    }

    /// The id without the bits below its time.
    pub(super) fn time_bits(self) -> u128 {
        self.0 & !Self::LOW
    }

    /// When the call came in.
    pub fn at(self) -> Timestamp {
        let millis = i64::try_from(self.0 >> LOW_BITS);
        Timestamp::from_millis(millis.unwrap_or(i64::MAX))
    }

    /// The id as the store keeps it: 26 letters and digits, which sort as ids do.
    pub fn key(self) -> String {
        let digit =
            |place: usize| usize::try_from((self.0 >> (place * 5)) & 31).unwrap_or_default();
        let digits = (0..LENGTH).rev().map(digit);
        digits.map(|digit| char::from(ALPHABET[digit])).collect()
    }

    /// The least and the greatest id that a UUID's beginning leaves open; `None` if the text is none.
    pub fn beginning_with(text: &str) -> Option<(Self, Self)> {
        let bits = digits(text)?;
        let len = text.bytes().filter(|byte| *byte != b'-').count();
        let open = BITS.checked_sub(len * DIGIT)?;
        let first = bits
            .checked_shl(u32::try_from(open).ok()?)
            .unwrap_or_default();
        let rest = 1_u128.checked_shl(u32::try_from(open).ok()?);
        let rest = rest.map_or(u128::MAX, |above| above - 1);
        Some((Self(first), Self(first | rest)))
    }

    const fn is_uuid(self) -> bool {
        self.0 & FIXED == VERSION | VARIANT
    }
}

/// The number that a UUID, or its beginning, writes in hexadecimal, with its hyphens in their places.
fn digits(text: &str) -> Option<u128> {
    let mut rest = text.bytes();
    let mut number = 0;
    for (group, at) in GROUPS.into_iter().zip(0..) {
        if at > 0 {
            match rest.next() {
                None => return Some(number),
                Some(b'-') => {}
                Some(_) => return None,
            }
        }
        for _ in 0..group {
            let Some(byte) = rest.next() else {
                return Some(number);
            };
            number = number << DIGIT | u128::from(char::from(byte).to_digit(16)?);
        }
    }
    rest.next().is_none().then_some(number)
}

/// As it is shown: a UUID, or the ULID of an older call. One in 64 of those has the bits of a UUID, and is shown as
/// one; its ULID still finds it.
impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_uuid() {
            return f.write_str(&self.key());
        }
        let part = |from: u32, mask: u128| self.0 >> from & mask;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 0xffff_ffff),
            part(80, 0xffff),
            part(64, 0xffff),
            part(48, 0xffff),
            part(0, 0xffff_ffff_ffff)
        )
    }
}

/// A text is no id of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a log id: a UUID, or the 26 letters and digits of an older log")]
pub struct NotALogId;

impl FromStr for LogId {
    type Err = NotALogId;

    /// Either form of any id.
    fn from_str(text: &str) -> Result<Self, NotALogId> {
        match text.len() {
            LENGTH => ulid(text),
            36 => digits(text).map(Self).ok_or(NotALogId),
            _ => Err(NotALogId),
        }
    }
}

fn ulid(text: &str) -> Result<LogId, NotALogId> {
    // 26 characters have two bits more than an id.
    if text.as_bytes().first().is_none_or(|first| *first > b'7') {
        return Err(NotALogId);
    }
    let mut id = 0;
    for letter in text.bytes() {
        let known = ALPHABET.iter();
        let digit = known
            .zip(0..)
            .find(|(known, _)| **known == letter.to_ascii_uppercase());
        let (_, digit) = digit.ok_or(NotALogId)?;
        id = id << 5 | digit;
    }
    Ok(LogId(id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Of a time in 2016, as ULIDs were made before.
    const OLD: &str = "01ARYZ6S41TSV4RRFFQ69G5FAV";

    #[test]
    fn an_id_is_a_uuid_of_its_time() {
        let time = Timestamp::from_millis(1_645_557_742_000);
        let id = LogId::new(time);
        let text = id.to_string();
        // The time of RFC 9562's own example (appendix A.6).
        assert!(text.starts_with("017f22e2-79b0-7"), "{text}");
        let parsed: uuid::Uuid = text.parse().unwrap();
        assert_eq!(parsed.get_version_num(), 7);
        assert_eq!(parsed.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.at(), time);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        assert_eq!(id.key().parse(), Ok(id));
        assert_ne!(id, LogId::new(time));
    }

    #[test]
    fn an_older_id_keeps_its_text_and_its_place() {
        let old: LogId = OLD.parse().unwrap();
        assert_eq!((old.to_string().as_str(), old.key().as_str()), (OLD, OLD));
        assert_eq!(OLD.to_lowercase().parse(), Ok(old));
        // The time of the ULID specification's own example.
        assert_eq!(old.at().millis(), 1_469_918_176_385);
        let new = LogId::new(Timestamp::from_millis(1_469_918_176_386));
        assert!(old < new && old.key() < new.key());
    }

    #[test]
    fn ids_sort_by_time_as_keys_too() {
        let at = |millis| LogId::first_at(Timestamp::from_millis(millis));
        assert!(at(1) < at(2) && at(1).key() < at(2).key());
        assert!(at(1) <= LogId::new(Timestamp::from_millis(1)));
        assert!(LogId::new(Timestamp::from_millis(1)) < at(2));
        assert_eq!(at(i64::MAX).at().millis(), (1 << 48) - 1);
        assert_eq!(at(-1), at(0));
    }

    #[test]
    fn the_beginning_of_a_uuid_is_a_span_of_ids() {
        let id = LogId::new(Timestamp::from_millis(1_645_557_742_000));
        let text = id.to_string();
        for len in 0..=text.len() {
            let (first, last) = LogId::beginning_with(&text[..len]).unwrap();
            assert!(first <= id && id <= last, "{len}");
        }
        assert_eq!(LogId::beginning_with(&text), Some((id, id)));
        for wrong in ["x", "017f22e27", "017f22e2_", &format!("{text}0")] {
            assert_eq!(LogId::beginning_with(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in [
            "",
            "01ARYZ6S41TSV4RRFFQ69G5FA",
            "81ARYZ6S41TSV4RRFFQ69G5FAV",
            "01ARYZ6S41TSV4RRFFQ69G5FAU",
            "01ARYZ6S41TSV4RRFFQ69G5FÄ",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        ] {
            assert_eq!(text.parse::<LogId>(), Err(NotALogId), "{text}");
        }
    }
}
