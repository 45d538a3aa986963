//! Why a call has no credit, in a form that its client acts on.
//!
//! If waiting helps, the client has to repeat, and if it doesn't, it must not. The SDKs and agents repeat 429 and obey
//! `Retry-After`; none of them repeats 402 by its meaning. Codex is the other way round (`agents`): it gives up at 400 and 429, and repeats
//! 402 and 503.

use http::StatusCode;
use ledger::{Amount, Refusal};

use crate::app::App;
use crate::proxy::agents;
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::route::Bound;
use crate::store::holds;

/// After how many seconds a call is repeated for which running calls hold the credit. Agents repeat about ten times.
const RETRY_AFTER: u64 = 5;

/// The refusal of a call that needs so much at least.
///
/// # Errors
/// If the database can't be read.
pub async fn explain(
    app: &App,
    call: &Call,
    bound: &Bound,
    needs: Amount,
    refusal: Refusal,
) -> Result<ProxyError, ProxyError> {
    Ok(match refusal {
        Refusal::InsufficientCredit => without_credit(app, call, bound, needs).await?,
        Refusal::SpendingLimitExceeded => {
            let message = format!(
                "The call needs at least {} of credit ({}); the account's spending limit leaves less. Wait for the limit's \
                 next window, or raise it: GET billing/spending-limit shows it.",
                up(needs),
                bound.needs(needs),
            );
            ProxyError::new(StatusCode::TOO_MANY_REQUESTS, codes::ACCOUNT_LIMIT, message)
        }
        Refusal::AccountFrozen => ProxyError::new(
            StatusCode::FORBIDDEN,
            codes::FROZEN,
            "Spending is frozen while a payment of this account is disputed. Ask the operator.",
        ),
        other => ProxyError::internal(other),
    })
}

async fn without_credit(
    app: &App,
    call: &Call,
    bound: &Bound,
    needs: Amount,
) -> Result<ProxyError, ProxyError> {
    let db = &app.store.db;
    let balances = holds::balances(db, call.account).await?;
    let available = balances.available();
    let held = match balances.debits_pending.is_positive() {
        true => holds::held_by_calls(db, call.account).await?,
        false => Amount::ZERO,
    };
    let soon = available.checked_add(held).unwrap_or(available);
    let needed = format!(
        "The call needs at least {} of credit ({})",
        up(needs),
        bound.needs(needs)
    );
    if held.is_positive() && soon >= needs {
        let message = format!(
            "{needed}; {} is available, and running calls hold {}. Repeat the request when they have finished.",
            down(available),
            down(held),
        );
        let error = ProxyError::new(agents::status_to_wait(call), codes::CREDIT_HELD, message);
        return Ok(error.after(RETRY_AFTER));
    }
    let message = format!(
        "{needed}; {} is available. Top up, lower max_tokens, or wait for running calls to finish.",
        down(available),
    );
    Ok(ProxyError::new(
        agents::status_without_credit(call),
        codes::NO_CREDIT,
        message,
    ))
}

/// An amount of dollars for people, rounded up to the hundredth of a cent: what is needed.
pub fn up(amount: Amount) -> String {
    shown(amount.nanos().max(0).unsigned_abs().div_ceil(PLACE))
}

/// The same rounded down: what is there.
pub fn down(amount: Amount) -> String {
    shown(amount.nanos().max(0).unsigned_abs() / PLACE)
}

/// A hundredth of a cent in nano-dollars.
const PLACE: u64 = 100_000;

fn shown(places: u64) -> String {
    format!("${}.{:04}", places / 10_000, places % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_against_the_client() {
        for (nanos, needed, there) in [
            (6_300_000, "$0.0063", "$0.0063"),
            (6_300_001, "$0.0064", "$0.0063"),
            (12_345_678_901, "$12.3457", "$12.3456"),
            (0, "$0.0000", "$0.0000"),
            (-1, "$0.0000", "$0.0000"),
        ] {
            let amount = Amount::from_nanos(nanos);
            assert_eq!(
                (up(amount).as_str(), down(amount).as_str()),
                (needed, there)
            );
        }
    }
}
