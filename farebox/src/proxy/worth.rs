//! What a call is worth that nobody pays for here, because it goes with a key of its own: for its log alone.
//!
//! By what the caller says that it costs (`cf-aig-custom-cost`), or else by the prices of the catalogue, without a
//! markup. Where neither is known the log has no cost, and the call is none the worse for it.

use ledger::rates::Markup;
use ledger::{Basis, Usage};
use wire::Used;

use crate::app::App;
use crate::catalog::{CustomCost, Priced};
use crate::proxy::Prepared;
use crate::proxy::price;
use crate::proxy::route::{BYTES_PER_TOKEN, Route};

/// What an answer is worth, of which this is known.
pub fn worth(app: &App, prepared: &Prepared, used: Option<&Used>) -> Option<Priced> {
    let route = prepared.route.as_ref().zip(used);
    match &prepared.call.wishes.custom_cost {
        Some(cost) => custom(cost, prepared, route),
        None => route.and_then(|(route, used)| listed(app, prepared, route, used)),
    }
}

/// By the catalogue.
fn listed(app: &App, prepared: &Prepared, route: &Route, used: &Used) -> Option<Priced> {
    let (call, catalog) = (&prepared.call, app.catalog.current());
    let model = catalog.find(&call.target.slug, &route.model).ok()?;
    // What goes on after its answer has not told what it used.
    let bound = (!route.asked.is_deferred).then(|| route.bound(call, model, Markup::NONE))?;
    price::price(&catalog, call, route, &bound.ok()?, used).ok()
}

/// By the caller's word.
fn custom(
    cost: &CustomCost,
    prepared: &Prepared,
    route: Option<(&Route, &Used)>,
) -> Option<Priced> {
    let usage = match (route, cost) {
        (Some((route, used)), _) => whole(route, used),
        (None, CustomCost::Total(_)) => Usage::new(Basis::Estimated),
        // Nobody knows how many tokens there were.
        (None, CustomCost::PerToken { .. }) => return None,
    };
    let charge = cost
        .charge(&usage, prepared.call.target.provider.cached)
        .ok()?;
    Some(Priced {
        charge,
        version: CustomCost::VERSION.to_owned(),
        usage,
        also: Vec::new(),
        model: None,
    })
}

/// Everything that was used, as far as it is known.
fn whole(route: &Route, used: &Used) -> Usage {
    let input = &route.asked.input;
    let read = input
        .text_bytes
        .div_ceil(BYTES_PER_TOKEN)
        .saturating_add(input.tokens);
    let mut usage = used.settled(&route.asked.guess(read), BYTES_PER_TOKEN);
    for (unit, quantity) in used.also.iter().flat_map(|also| also.usage.iter()) {
        usage.add(unit, quantity);
    }
    usage
}
