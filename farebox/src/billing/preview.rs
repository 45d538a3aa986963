//! The running month's usage as an invoice would show it (contract: section 1, `GET invoice-preview`).
//!
//! Usage is paid from credit as it happens, so that nothing of it remains to be paid: `amount_paid` is
//! `amount_due`.

use std::sync::Arc;

use api::{Cents, InvoiceLine, InvoicePeriod, InvoicePreview, InvoicePricing};
use jiff::tz::TimeZone;
use ledger::{AccountId, Amount, Timestamp};

use crate::app::App;
use crate::billing::BillingError;
use crate::store::usage::{self, Used};

/// How many lines are told one by one. References may be as many as calls.
const LINES_MAX: i64 = 100;

/// What stands for all usage that has no line of its own.
const OTHERS: &str = "Other usage";

/// What the account has used since the month (UTC) began, a line for each reference.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn invoice_preview(
    app: &Arc<App>,
    account: AccountId,
) -> Result<InvoicePreview, BillingError> {
    let month = Month::of(app.now())
        .ok_or_else(|| BillingError::Internal("the clock tells no month".to_owned()))?;
    let (db, start, end) = (&app.store.db, month.start, month.end);
    let (sum, count) = usage::total(db, account, start, end).await?;
    let mut used = usage::by_reference(db, account, start, end, LINES_MAX).await?;
    used.extend(others(sum, count, &used)?);
    let lines = used.into_iter().map(|used| InvoiceLine {
        amount: cents(used.amount),
        currency: app.config.topup.currency.clone(),
        description: Some(used.reference).filter(|text| !text.is_empty()),
        period: InvoicePeriod {
            start: start.secs(),
            end: end.secs(),
        },
        pricing: InvoicePricing::default(),
        quantity: used.count,
    });
    Ok(InvoicePreview {
        id: month.id,
        amount_due: cents(sum),
        amount_paid: cents(sum),
        amount_remaining: Cents::ZERO,
        currency: app.config.topup.currency.clone(),
        period_start: start.secs(),
        period_end: end.secs(),
        status: "draft".to_owned(),
        invoice_lines: lines.collect(),
    })
}

/// What `used` leaves of the sum, where there are more references than lines. What is used between the
/// two readings may be in the lines and not yet in the sum: then nothing is left.
fn others(sum: Amount, count: i64, used: &[Used]) -> Result<Option<Used>, BillingError> {
    let mut rest = sum;
    for one in used {
        rest = rest
            .checked_sub(one.amount)
            .ok_or_else(|| BillingError::Internal("usage sums up to no amount".to_owned()))?;
    }
    let told: i64 = used.iter().map(|one| one.count).sum();
    let is_some = rest.is_positive() && count > told;
    Ok(is_some.then(|| Used {
        reference: OTHERS.to_owned(),
        amount: rest,
        count: count - told,
    }))
}

fn cents(amount: Amount) -> Cents {
    Cents::from_nanos(amount.nanos())
}

/// A month of UTC.
#[derive(Debug, PartialEq, Eq)]
struct Month {
    id: String,
    start: Timestamp,
    end: Timestamp,
}

impl Month {
    /// The one that the moment is in; `None` where the calendar has none.
    fn of(moment: Timestamp) -> Option<Self> {
        let moment = jiff::Timestamp::from_millisecond(moment.millis()).ok()?;
        let first = moment.to_zoned(TimeZone::UTC).date().first_of_month();
        let next = first.last_of_month().tomorrow().ok()?;
        let begin = |day: jiff::civil::Date| {
            let begin = day.to_zoned(TimeZone::UTC).ok()?;
            Some(Timestamp::from_millis(begin.timestamp().as_millisecond()))
        };
        Some(Self {
            id: first.strftime("preview_%Y_%m").to_string(),
            start: begin(first)?,
            end: begin(next)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_utc() {
        for (moment, id, start, end) in [
            (
                1_700_000_000_000,
                "preview_2023_11",
                1_698_796_800,
                1_701_388_800,
            ),
            (
                1_701_388_799_999,
                "preview_2023_11",
                1_698_796_800,
                1_701_388_800,
            ),
            (
                1_701_388_800_000,
                "preview_2023_12",
                1_701_388_800,
                1_704_067_200,
            ),
        ] {
            let month = Month::of(Timestamp::from_millis(moment)).unwrap();
            assert_eq!(
                (month.id.as_str(), month.start.secs(), month.end.secs()),
                (id, start, end)
            );
        }
    }

    #[test]
    fn what_has_no_line_is_summed_up() {
        let used = |reference: &str, nanos, count| Used {
            reference: reference.to_owned(),
            amount: Amount::from_nanos(nanos),
            count,
        };
        let lines = [used("a", 70, 3), used("b", 20, 1)];
        let rest = others(Amount::from_nanos(100), 9, &lines).unwrap();
        assert_eq!(rest, Some(used(OTHERS, 10, 5)));
        assert_eq!(others(Amount::from_nanos(90), 4, &lines).unwrap(), None);
        assert_eq!(
            others(Amount::from_nanos(70), 3, &lines).unwrap(),
            None,
            "used meanwhile"
        );
    }
}
