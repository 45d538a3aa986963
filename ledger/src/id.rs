//! Names of accounts and transfers, and moments in time. All are brought by the caller.

use std::fmt;
use std::str::FromStr;

/// A customer's account: 16 bytes, written as 32 lower-case hexadecimal digits as Cloudflare
/// writes its account ids.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 16]);

impl AccountId {
    /// The id with those bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccountId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse_hex(text).map(|value| Self(value.to_be_bytes()))
    }
}

/// Declares an id that is a number, written as 32 lower-case hexadecimal digits.
macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The id of that number.
            pub const fn from_u128(number: u128) -> Self {
                Self(number)
            }

            /// The id as a number.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, self.0.to_be_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hex(text).map(Self)
            }
        }
    };
}

numbered! {
    /// A transfer, and with it the operation that asked for it: a repeat of the same operation
    /// carries the same id, which is what makes it happen once.
    TransferId
}

numbered! {
    /// What a spend rule counts together: all that it is about, or one value of what it splits by.
    BucketId
}

/// The text is not exactly 32 lower-case hexadecimal digits.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: write 32 lower-case hexadecimal digits")
    }
}

impl std::error::Error for InvalidId {}

/// All of it at once: a formatter that is handed digit after digit grows a new text three times, and ids are
/// written some dozens of times for each call.
fn write_hex(f: &mut fmt::Formatter<'_>, bytes: [u8; 16]) -> fmt::Result {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    let mut text = [0; 32];
    let (pairs, _) = text.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

/// Strict, so that one id has one spelling and texts can be compared as they are. The check comes
/// first because `from_str_radix` also takes a sign and upper-case digits.
fn parse_hex(text: &str) -> Result<u128, InvalidId> {
    let strict = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !strict {
        return Err(InvalidId);
    }
    u128::from_str_radix(text, 16).map_err(|_| InvalidId)
}

/// A moment, in milliseconds since the Unix epoch.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment that many milliseconds later, or `None` where it does not fit.
    pub fn checked_add_millis(self, millis: i64) -> Option<Self> {
        self.0.checked_add(millis).map(Self)
    }

    /// The moment that many milliseconds earlier, or `None` where it does not fit.
    pub fn checked_sub_millis(self, millis: i64) -> Option<Self> {
        self.0.checked_sub(millis).map(Self)
    }
}
