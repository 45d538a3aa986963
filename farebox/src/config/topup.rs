//! `[topup]`

use std::time::Duration;

use super::reader::Reader;

/// What can be bought.
#[derive(Debug, Clone)]
pub struct TopupConfig {
    /// Three letters, lower case.
    pub currency: String,
    /// The smallest top-up, in cents.
    pub min_cents: i64,
    /// The largest top-up, in cents.
    pub max_cents: i64,
    /// A decimal from 0 to 100 with up to four places, in percent of the credits.
    pub fee_percent: String,
    /// When an unpaid top-up is voided.
    pub void_after: Duration,
    /// How long a status call trusts what was last read from Stripe.
    pub status_refresh: Duration,
}

/// The contract's smallest top-up (section 1, `POST topup`), in cents.
const CONTRACT_MIN_CENTS: i64 = 1000;
/// Stripe takes amounts of up to eight digits.
const STRIPE_MAX_CENTS: i64 = 99_999_999;

/// The currencies that Stripe does not charge in any hundredth (Stripe's documentation,
/// "Supported currencies": zero-decimal, three-decimal, and special cases in whole units only). A
/// cent of Farebox's would be another amount there.
const WITHOUT_CENTS: [&str; 22] = [
    "bhd", "bif", "clp", "djf", "gnf", "isk", "jod", "jpy", "kmf", "krw", "kwd", "mga", "omr",
    "pyg", "rwf", "tnd", "ugx", "vnd", "vuv", "xaf", "xof", "xpf",
];

impl TopupConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let min_cents = reader.number("topup.min_cents", CONTRACT_MIN_CENTS..=STRIPE_MAX_CENTS);
        let max_cents = reader.number("topup.max_cents", CONTRACT_MIN_CENTS..=STRIPE_MAX_CENTS);
        if max_cents < min_cents {
            let wrong = "the largest top-up is smaller than the smallest";
            reader.fail(
                "topup.max_cents",
                wrong,
                "raise it or lower topup.min_cents",
            );
        }
        let hours: u64 = reader.number("topup.void_after_hours", 1..=720);
        Self {
            currency: currency(reader),
            min_cents,
            max_cents,
            fee_percent: reader
                .parsed(
                    "topup.fee_percent",
                    percent,
                    "write a number from 0 to 100 such as \"2.75\"",
                )
                .unwrap_or_default(),
            void_after: Duration::from_secs(hours * 3600),
            status_refresh: reader.seconds("topup.status_refresh_seconds", 1..=3600),
        }
    }
}

fn currency(reader: &mut Reader) -> String {
    let instead = "write a currency that has cents in lower case, such as \"usd\" or \"eur\"";
    let known = |text: &str| {
        let letters = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase());
        (letters && !WITHOUT_CENTS.contains(&text)).then(|| text.to_owned())
    };
    reader
        .parsed("topup.currency", known, instead)
        .unwrap_or_default()
}

/// The text itself, if it is a decimal from 0 to 100 with up to four places.
fn percent(text: &str) -> Option<String> {
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 3) || !digits(places, 4) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let exact_hundred = whole == 100 && places.bytes().all(|byte| byte == b'0');
    (whole < 100 || exact_hundred).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages() {
        for text in ["0", "5", "2.75", "0.0001", "99.9999", "100", "100.0000"] {
            assert_eq!(percent(text).as_deref(), Some(text));
        }
        for text in [
            "", ".", "5.", ".5", "-1", "+1", "101", "100.0001", "1.00001", "5%", "1e1", "1,5",
            "1.2.3",
        ] {
            assert_eq!(percent(text), None, "{text}");
        }
    }
}
