//! What a client is told when a rule leaves too little, and when to ask again.

use http::StatusCode;
use ledger::{Amount, Over, Strategy, Timestamp};

use super::Matched;
use crate::app::App;
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::route::Route;
use crate::proxy::tail::dollars;
use crate::store::{StoreError, buckets};

/// The refusal of a call of which a rule leaves less than the least. `Retry-After` is the earliest moment at which
/// the call may fit: when enough has left the window of every such rule, or at once, which is a second, where
/// only calls under way are in the way. A call that needs more than a whole limit never fits.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn refusal(
    app: &App,
    call: &Call,
    route: &Route,
    rules: &[Matched<'_>],
    over: &[Over],
    least: Amount,
) -> Result<ProxyError, StoreError> {
    let found = over
        .iter()
        .filter_map(|over| Some((over, rules.get(over.index)?)));
    let found: Vec<_> = found.collect();
    let Some((first, matched)) = found.first() else {
        return Err(StoreError::corrupt(
            "a call is over a limit that isn't its own",
        ));
    };
    let message = told(call, route, matched, first, least);
    let error = ProxyError::new(StatusCode::TOO_MANY_REQUESTS, codes::SPEND_LIMIT, message);
    let mut retry_after = Some(1);
    for (over, matched) in found {
        let fits_in = fits_in(app, call, matched, over, least).await?;
        retry_after = retry_after.zip(fits_in).map(|(one, other)| one.max(other));
    }
    Ok(match retry_after {
        Some(seconds) => error.after(seconds),
        None => error,
    })
}

/// As Cloudflare says it, with what is needed and left after it.
fn told(call: &Call, route: &Route, matched: &Matched<'_>, over: &Over, least: Amount) -> String {
    let rule = matched.rule;
    let left = rule.limit_nanos.saturating_sub(over.settled.nanos());
    let left = left.saturating_sub(over.reserved.nanos()).max(0);
    format!(
        "Spend limit exceeded: rule '{}' (cost limit {} per {}s, {}) for {} {}: the call needs {} at least \
         and {} is left",
        rule.id,
        dollars(rule.limit()),
        rule.window,
        rule.technique.name(),
        call.target.slug,
        route.model,
        dollars(least),
        dollars(Amount::from_nanos(left)),
    )
}

/// In how many seconds a rule may leave as much, if ever.
async fn fits_in(
    app: &App,
    call: &Call,
    matched: &Matched<'_>,
    over: &Over,
    least: Amount,
) -> Result<Option<u64>, StoreError> {
    let cap = &matched.cap;
    if least > cap.limit {
        return Ok(None);
    }
    let needed = over.settled.nanos().saturating_add(least.nanos());
    let excess = Amount::from_nanos(needed.saturating_sub(cap.limit.nanos()));
    let frees_at = match cap.window.strategy {
        _ if !excess.is_positive() => over.at,
        Strategy::Fixed => cap.window.frees_at(over.at),
        Strategy::Sliding => {
            let (db, gateway) = (&app.store.db, call.gateway.seq);
            let found = buckets::frees_at(db, gateway, cap, excess, over.at).await?;
            found.unwrap_or(over.at)
        }
    };
    Ok(Some(seconds(over.at, frees_at)))
}

/// Whole seconds from one moment to another, at least one.
fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    let millis = to.millis().saturating_sub(from.millis());
    u64::try_from(millis)
        .unwrap_or_default()
        .div_ceil(1000)
        .max(1)
}
