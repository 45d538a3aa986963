//! A gateway's spend rules, held against a call (contract: section 4.8). They are read with the gateway for each
//! call, and decided with the hold: what a call can cost is reserved under every rule that is about it, and
//! what it has cost takes its place when it is settled. So no rule is ever passed, by however many calls at once.
//!
//! Calls with keys of their own count as well where their model has a price. They take no credit.

mod over;
mod rules;

use std::time::Duration;

use ledger::rates::Markup;
use ledger::{Amount, Operation, Timestamp, TransferId};

pub use over::refusal;
pub use rules::Matched;

use crate::app::App;
use crate::catalog::Model;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::reserve;
use crate::proxy::route::{Bound, Route};
use crate::store::buckets::{Ended, Reserve};
use crate::store::committer::CommitError;
use rules::Facts;

/// What a call with a key of its own has reserved under its gateway's rules.
#[derive(Debug)]
pub struct Reserved {
    /// How its cost was bounded.
    pub bound: Bound,
    /// The call's id there.
    pub id: TransferId,
    /// How much.
    pub amount: Amount,
}

impl Reserved {
    /// What is told of it at its end; a call that has brought no answer costs nothing.
    pub fn ended(&self, cost: Option<Amount>) -> Ended {
        Ended {
            id: self.id,
            cost: cost.unwrap_or_default(),
        }
    }
}

/// The rules that are about a call.
pub fn rules_of<'a>(call: &'a Call, route: &Route, model: &Model) -> Vec<Matched<'a>> {
    let facts = Facts {
        provider: &call.target.slug,
        models: [&route.model, &model.id],
        metadata: &call.wishes.metadata,
    };
    rules::matching(&call.gateway, &facts)
}

/// Reserves what a call can cost under its rules, and holds as much if there is a hold. Returns how much that is, and
/// what the account has available after it.
///
/// # Errors
/// [`CommitError`]; nothing is held or reserved then.
pub async fn reserve(
    app: &App,
    call: &Call,
    rules: &[Matched<'_>],
    [least, most]: [Amount; 2],
    expires_at: Timestamp,
    hold: Option<Operation>,
) -> Result<(Amount, Option<Amount>), CommitError> {
    let wanted = Reserve {
        id: ids::hold_of_call(call.id),
        account: call.account,
        gateway: call.gateway.seq,
        caps: rules.iter().map(|one| one.cap).collect(),
        most,
        least,
        expires_at,
        replaces: None,
    };
    app.store.committer.reserve(wanted, hold).await
}

/// Reserves what a call with a key of its own can cost. Nothing where no rule is about it, or where nobody knows
/// what it costs.
///
/// # Errors
/// Where a rule leaves less than the least that the call can be asked for.
pub async fn reserve_own(
    app: &App,
    call: &Call,
    route: Option<&Route>,
) -> Result<Option<Reserved>, ProxyError> {
    let has_rules = call.gateway.settings.spend_limits.is_some();
    let Some(route) = route.filter(|_| has_rules) else {
        return Ok(None);
    };
    let Ok(model) = route.model(call, &app.catalog.current()) else {
        return Ok(None);
    };
    let rules = rules_of(call, route, &model);
    if rules.is_empty() {
        return Ok(None);
    }
    // What such a call costs is between its account and the provider: without the operator's markup.
    let Ok(bound) = route.bound(call, model, Markup::NONE) else {
        return Ok(None);
    };
    let least = reserve::least_of(call, &bound);
    let expires_at = reserve::expiry(app, Duration::ZERO);
    let reserved = reserve(app, call, &rules, [least, bound.most], expires_at, None);
    match reserved.await {
        Ok((amount, _)) => Ok(Some(Reserved {
            bound,
            id: ids::hold_of_call(call.id),
            amount,
        })),
        Err(CommitError::OverLimit(over)) => {
            Err(refusal(app, call, route, &rules, &over, least).await?)
        }
        Err(error) => Err(error.into()),
    }
}
