//! The id of a call: a ULID (github.com/ulid/spec), as Cloudflare's logs have.

use std::fmt;
use std::str::FromStr;

use ledger::Timestamp;

/// 32 letters and digits without I, L, O and U, in their order.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters an id has, 5 bits each.
const LENGTH: usize = 26;

/// The bits of an id that are random; above them are the milliseconds since the epoch.
const RANDOM_BITS: u32 = 80;

/// When a call came in, to the millisecond, and 80 random bits: ids sort by time, as numbers and as texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId(u128);

impl LogId {
    /// The random bits.
    pub(super) const RANDOM: u128 = (1 << RANDOM_BITS) - 1;

    /// A new id for a call that comes in now.
    pub fn new(now: Timestamp) -> Self {
        let [a, b, c, d, e, f, g, h, i, j] = super::random_in_bulk();
        let random = u128::from_be_bytes([0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j]);
        Self(Self::first_at(now).0 | random)
    }

    /// The smallest id of that millisecond.
    pub fn first_at(time: Timestamp) -> Self {
        const MILLIS_MAX: u64 = (1 << 48) - 1;
        let millis = u64::try_from(time.millis()).unwrap_or_default();
        Self(u128::from(millis.min(MILLIS_MAX)) << RANDOM_BITS)
    }

    /// The id without its random bits.
    pub(super) fn time_bits(self) -> u128 {
        self.0 & !Self::RANDOM
    }

    /// When the call came in.
    pub fn at(self) -> Timestamp {
        let millis = i64::try_from(self.0 >> RANDOM_BITS);
        Timestamp::from_millis(millis.unwrap_or(i64::MAX))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; LENGTH];
        for (place, letter) in (0..LENGTH).rev().zip(&mut text) {
            let digit = usize::try_from((self.0 >> (place * 5)) & 31).unwrap_or_default();
            *letter = ALPHABET[digit];
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A text is no ULID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a ULID: 26 letters and digits")]
pub struct NoUlid;

impl FromStr for LogId {
    type Err = NoUlid;

    fn from_str(text: &str) -> Result<Self, NoUlid> {
        // 26 characters have two bits more than an id.
        if text.len() != LENGTH || text.as_bytes().first().is_none_or(|first| *first > b'7') {
            return Err(NoUlid);
        }
        let mut id = 0;
        for letter in text.bytes() {
            let digit = ALPHABET
                .iter()
                .position(|known| *known == letter.to_ascii_uppercase());
            id = id << 5
                | digit
                    .and_then(|digit| u128::try_from(digit).ok())
                    .ok_or(NoUlid)?;
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_a_ulid_of_its_time() {
        let time = Timestamp::from_millis(1_469_918_176_385);
        let id = LogId::new(time);
        // The time of the specification's own example.
        assert!(id.to_string().starts_with("01ARYZ6S41"), "{id}");
        assert_eq!(id.at(), time);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_lowercase().parse(), Ok(id));
        assert_ne!(id, LogId::new(time));
    }

    #[test]
    fn ids_sort_by_time_as_texts_too() {
        let at = |millis| LogId::first_at(Timestamp::from_millis(millis));
        assert!(at(1) < at(2) && at(1).to_string() < at(2).to_string());
        assert!(at(1) <= LogId::new(Timestamp::from_millis(1)));
        assert_eq!(at(i64::MAX).at().millis(), (1 << 48) - 1);
        assert_eq!(at(-1), at(0));
    }

    #[test]
    fn what_is_no_ulid_is_none() {
        for text in [
            "",
            "01ARYZ6S41TSV4RRFFQ69G5FA",
            "81ARYZ6S41TSV4RRFFQ69G5FAV",
            "01ARYZ6S41TSV4RRFFQ69G5FAU",
            "01ARYZ6S41TSV4RRFFQ69G5FÄ",
        ] {
            assert_eq!(text.parse::<LogId>(), Err(NoUlid), "{text}");
        }
    }
}
