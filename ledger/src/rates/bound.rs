//! What a call could cost at most, and how much of it a balance pays for.

use crate::amount::Amount;
use crate::rates::charge::{ChargeError, Line, Markup, PARTS_PER_NANO, lines, total_parts};
use crate::rates::rate::Card;
use crate::usage::{Unit, Usage};

/// Which of the units costs most, for a call that reads that many tokens. Before a call it is not known
/// whether its input will be written to a cache or read from one; counting all of it as the dearest is
/// safe.
///
/// # Errors
/// Where one of them has no rate; or where there are none of them, which names the input.
pub fn dearest(card: &Card, units: &[Unit], input_tokens: u64) -> Result<Unit, ChargeError> {
    let mut dearest = None;
    for unit in units {
        let (_, rate) = card.rate(*unit).ok_or(ChargeError::NoRate(*unit))?;
        let picos = rate.picos(input_tokens);
        if dearest.is_none_or(|(most, _)| picos > most) {
            dearest = Some((picos, *unit));
        }
    }
    dearest
        .map(|(_, unit)| unit)
        .ok_or(ChargeError::NoRate(Unit::Input))
}

/// How much of an output unit `budget` pays for, beside the usage: the largest quantity with which the
/// charge is no more than the budget. `None` where not even the usage alone is paid for; the largest
/// number where the unit is free.
///
/// # Errors
/// Where something has no rate, or the sum of the usage does not fit.
pub fn affordable(
    card: &Card,
    usage: &Usage,
    unit: Unit,
    budget: Amount,
    markup: Markup,
) -> Result<Option<u64>, ChargeError> {
    let (priced_as, rate) = card.rate(unit).ok_or(ChargeError::NoRate(unit))?;
    let one = Line {
        unit,
        priced_as,
        quantity: 1,
        picos: rate.picos(usage.input_tokens()),
    };
    let used = total_parts(&lines(card, usage)?).ok_or(ChargeError::TooLarge)?;
    let each = one.parts().ok_or(ChargeError::TooLarge)?;
    let paid = paid_parts(budget, markup).ok_or(ChargeError::TooLarge)?;
    let left = paid.saturating_sub(used);
    if left < 0 || budget.is_negative() {
        return Ok(None);
    }
    let quantity = left.checked_div(each).map(u64::try_from);
    Ok(Some(quantity.and_then(Result::ok).unwrap_or(u64::MAX)))
}

/// The most parts whose charge, rounded up, is no more than the budget.
fn paid_parts(budget: Amount, markup: Markup) -> Option<i128> {
    let parts = i128::from(budget.nanos()).checked_mul(PARTS_PER_NANO)?;
    // With everything taken off, any number of parts costs nothing.
    Some(parts.checked_div(markup.factor()).unwrap_or(i128::MAX))
}
