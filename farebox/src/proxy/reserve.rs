//! Credit is held before the provider hears of a call: as much as the call can cost or, where the gateway lets
//! calls be cut to what there is, as much as there is: of credit, of the account's limit and under the gateway's
//! spend rules. It is one step of the ledger, whatever else goes on; or, where the account calls often, a part of what
//! a step before has held (`lease`).

use std::sync::Arc;
use std::time::Duration;

use ledger::{Account, Amount, Code, Operation, Refusal, Timestamp, TransferId};

use crate::app::App;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::lease;
use crate::proxy::route::{Bound, Route};
use crate::proxy::spend::{self, Matched};
use crate::store::committer::CommitError;
use crate::store::holds;
use crate::store::leases::Part;

/// For how long a call's credit is held beyond the longest that a call may take. Who finds it held longer finds
/// a process that is gone.
const MARGIN: Duration = Duration::from_secs(60);

/// Credit that is held for a call.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The hold.
    pub hold: TransferId,
    /// How much.
    pub amount: Amount,
    /// Whether as much is reserved under a spend rule.
    pub is_counted: bool,
    /// What part of a lease it is; nothing where the hold is the call's own.
    pub part: Option<Part>,
}

/// Holds what the call can cost. `may_take` is whether its account may take a part of a lease, as read for this call.
///
/// # Errors
/// Where not even the least that the call can be asked for is there; nothing is held then.
pub async fn reserve(
    app: &Arc<App>,
    call: &Call,
    route: &Route,
    bound: &Bound,
    may_take: Option<bool>,
) -> Result<Held, ProxyError> {
    let rules = spend::rules_of(call, route, &bound.model);
    if rules.is_empty()
        && let Some(part) = lease::take(app, call, bound.most, may_take)
    {
        return Ok(Held {
            hold: part.hold,
            amount: part.amount,
            is_counted: false,
            part: Some(part),
        });
    }
    let least = least_of(call, bound);
    let expires_at = expiry(app, Duration::ZERO);
    let operation = Operation::HoldUpTo {
        id: ids::hold_of_call(call.id),
        account: call.account,
        credit: Account::Revenue,
        most: bound.most,
        least,
        code: Code::Usage,
        reference: call.id.to_string(),
        expires_at,
    };
    let amount = match rules.is_empty() {
        true => {
            let held = app.store.committer.commit_one(operation).await;
            held.map(|outcome| {
                lease::consider(app, call, bound.most, outcome.available);
                outcome.transfer.amount
            })
        }
        false => {
            let amounts = [least, bound.most];
            spend::reserve(app, call, &rules, amounts, expires_at, Some(operation)).await
        }
    };
    match amount {
        Ok(amount) => Ok(Held {
            hold: ids::hold_of_call(call.id),
            amount,
            is_counted: !rules.is_empty(),
            part: None,
        }),
        Err(error) => Err(refused(app, call, route, &rules, least, error).await?),
    }
}

/// Less than this is of no use: all that the call can cost, where its gateway lets no call be cut.
pub fn least_of(call: &Call, bound: &Bound) -> Amount {
    match call.gateway.settings.clamp_max_tokens {
        true => bound.least,
        false => bound.most,
    }
}

/// When a call that begins within that time is over, whatever happens.
pub fn expiry(app: &App, begins_within: Duration) -> Timestamp {
    app.now_plus(begins_within + app.config.gateway.call_max + MARGIN)
}

async fn refused(
    app: &Arc<App>,
    call: &Call,
    route: &Route,
    rules: &[Matched<'_>],
    least: Amount,
    error: CommitError,
) -> Result<ProxyError, ProxyError> {
    match error {
        CommitError::Refused(refused) => explain(app, call, least, refused.refusal).await,
        CommitError::OverLimit(over) => {
            Ok(spend::refusal(app, call, route, rules, &over, least).await?)
        }
        error => Err(error.into()),
    }
}

async fn explain(
    app: &Arc<App>,
    call: &Call,
    needs: Amount,
    refusal: Refusal,
) -> Result<ProxyError, ProxyError> {
    use http::StatusCode;
    Ok(match refusal {
        Refusal::InsufficientCredit => {
            let available = holds::balances(&app.store.db, call.account)
                .await?
                .available();
            let message = format!(
                "Insufficient credit: the call needs {needs} cents at least and {available} are available. \
                 Top up, ask for fewer tokens, or wait for running calls to end"
            );
            ProxyError::new(StatusCode::PAYMENT_REQUIRED, codes::NO_CREDIT, message)
        }
        Refusal::SpendingLimitExceeded => {
            let message = format!(
                "The account's spending limit has less left than the {needs} cents that the call needs at \
                 least: GET billing/spending-limit tells it. Wait for its window, or raise it"
            );
            ProxyError::new(StatusCode::TOO_MANY_REQUESTS, codes::ACCOUNT_LIMIT, message)
        }
        Refusal::AccountFrozen => ProxyError::new(
            StatusCode::FORBIDDEN,
            codes::FROZEN,
            "Spending is frozen while a payment of this account is disputed. Ask whoever runs the gateway",
        ),
        other => ProxyError::internal(other),
    })
}
