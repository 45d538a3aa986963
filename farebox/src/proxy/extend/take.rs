//! One step: more is held for a call, or what was held stays.

use std::sync::Arc;

use ledger::{Account, Amount, Code, Operation, TransferId};

use crate::app::App;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::reserve::Held;
use crate::proxy::route::{Bound, Route};
use crate::proxy::spend;
use crate::store::buckets::{Replaced, Reserve};
use crate::store::committer::CommitError;

/// What is held afterwards.
pub struct Taken {
    pub held: Held,
    /// What was asked for, if nobody knows what became of it.
    pub unknown: Option<[Amount; 2]>,
}

/// Holds between two amounts for a call in the place of what is held: a part of a lease grows, or another hold takes the hold's
/// place. If that fails, what was held is still held.
pub async fn take(
    app: &Arc<App>,
    call: &Call,
    route: &Route,
    bound: &Bound,
    held: Held,
    [least, most]: [Amount; 2],
) -> Taken {
    let known = |held| Taken {
        held,
        unknown: None,
    };
    if let Some(held) = grown(app, held, most) {
        return known(held);
    }
    if held.extended >= ids::EXTENSIONS_MAX {
        return known(held);
    }
    let new = ids::extended_hold_of_call(call.id, held.extended + 1);
    let hold = Operation::HoldUpTo {
        id: new,
        account: call.account,
        credit: Account::Revenue,
        most,
        least,
        code: Code::Usage,
        reference: call.id.to_string(),
        expires_at: held.expires_at,
    };
    let committer = &app.store.committer;
    let taken = match held.part {
        Some(part) => committer.leave_lease(part, hold).await,
        None => {
            let void = Operation::Void {
                id: ids::replaced_hold_of_call(call.id, held.extended + 1),
                account: call.account,
                hold: held.hold,
            };
            let reserve = held
                .is_counted
                .then(|| reserve(call, route, bound, held, new, [least, most]));
            committer.extend(vec![void, hold], reserve).await
        }
    };
    match taken {
        Ok(amount) => known(Held {
            hold: new,
            amount,
            part: None,
            extended: held.extended + 1,
            or: None,
            ..held
        }),
        // It may have happened. It is asked for again with the same ids, or found out at the settlement.
        Err(CommitError::Store(error)) => {
            tracing::warn!(call = %call.id, %error, "a hold may be extended");
            Taken {
                held: Held {
                    or: Some(new),
                    ..held
                },
                unknown: Some([least, most]),
            }
        }
        Err(_) => known(held),
    }
}

/// A part of a lease that has as much idle.
fn grown(app: &App, held: Held, most: Amount) -> Option<Held> {
    let more = most.checked_sub(held.amount)?;
    let part = held.part.filter(|_| held.or.is_none())?;
    let part = app.store.committer.leases().grow(part, more, app.now())?;
    Some(Held {
        amount: part.amount,
        part: Some(part),
        ..held
    })
}

fn reserve(
    call: &Call,
    route: &Route,
    bound: &Bound,
    held: Held,
    new: TransferId,
    [least, most]: [Amount; 2],
) -> Reserve {
    let rules = spend::rules_of(call, route, &bound.model);
    Reserve {
        id: new,
        account: call.account,
        gateway: call.gateway.seq,
        caps: rules.iter().map(|one| one.cap).collect(),
        most,
        least,
        expires_at: held.expires_at,
        replaces: Some(Replaced {
            id: held.hold,
            amount: held.amount,
        }),
    }
}
