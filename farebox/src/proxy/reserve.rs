//! Credit is held before the provider hears of a call: as much as the call can cost or, where the gateway lets
//! calls be cut to what there is, as much as there is: of credit, of the account's limit and under the gateway's
//! spend rules. It is one step of the ledger, whatever else goes on; or, where the account calls often, a part of what
//! a step before has held (`lease`).

use std::sync::Arc;
use std::time::Duration;

use ledger::{Account, Amount, Code, Operation, Timestamp, TransferId};

use crate::app::App;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::extend;
use crate::proxy::lease;
use crate::proxy::refuse;
use crate::proxy::route::{Bound, Route};
use crate::proxy::spend::{self, Matched};
use crate::store::committer::CommitError;
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
    /// What part of a lease it is; nothing if the hold is the call's own.
    pub part: Option<Part>,
    /// How often it has been extended (`extend`).
    pub extended: u32,
    /// The hold in its place, if an extension may have happened of which that is unknown.
    pub or: Option<TransferId>,
    /// When it is over, whatever happens.
    pub expires_at: Timestamp,
    /// What the call could cost with all that was available when it began: its output limit is lowered to that.
    pub affordable: Amount,
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
    let most = match extend::is_extendable(call, bound) {
        true => bound.likely,
        false => bound.most,
    };
    let expires_at = expiry(app, Duration::ZERO);
    let held = Held {
        hold: ids::hold_of_call(call.id),
        amount: most,
        is_counted: !rules.is_empty(),
        part: None,
        extended: 0,
        or: None,
        expires_at,
        affordable: bound.most,
    };
    if rules.is_empty()
        && let Some(part) = lease::take(app, call, most, may_take)
    {
        return Ok(Held {
            hold: part.hold,
            part: Some(part),
            ..held
        });
    }
    let least = least_of(call, bound);
    let operation = Operation::HoldUpTo {
        id: ids::hold_of_call(call.id),
        account: call.account,
        credit: Account::Revenue,
        most,
        least,
        code: Code::Usage,
        reference: call.id.to_string(),
        expires_at,
    };
    let granted = match rules.is_empty() {
        true => {
            let held = app.store.committer.commit_one(operation).await;
            held.map(|outcome| {
                lease::consider(app, call, most, outcome.available);
                (outcome.transfer.amount, outcome.available)
            })
        }
        false => {
            let amounts = [least, most];
            spend::reserve(app, call, &rules, amounts, expires_at, Some(operation)).await
        }
    };
    match granted {
        Ok((amount, available)) => {
            let idle = app.store.committer.leases().idle(call.account);
            let beside = [available, Some(idle)].into_iter().flatten();
            let beside = beside.filter(|_| amount == most && most < bound.most);
            Ok(Held {
                amount,
                affordable: beside.fold(amount, add).min(bound.most),
                ..held
            })
        }
        Err(error) => Err(refused(app, call, (route, bound), &rules, least, error).await?),
    }
}

fn add(one: Amount, other: Amount) -> Amount {
    one.checked_add(other).unwrap_or(one)
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
    (route, bound): (&Route, &Bound),
    rules: &[Matched<'_>],
    least: Amount,
    error: CommitError,
) -> Result<ProxyError, ProxyError> {
    match error {
        CommitError::Refused(refused) => {
            refuse::explain(app, call, bound, least, refused.refusal).await
        }
        CommitError::OverLimit(over) => {
            Ok(spend::refusal(app, call, route, rules, &over, least).await?)
        }
        error => Err(error.into()),
    }
}
