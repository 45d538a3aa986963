//! What a call cost, from what its provider said, or as near as can be guessed where it said nothing.

use ledger::{Kind, Unit, Usage};
use wire::Used;

use crate::catalog::{PriceError, Priced};
use crate::proxy::call::Call;
use crate::proxy::route::{BYTES_PER_TOKEN, Bound, Route};

/// Prices what was used.
///
/// # Errors
/// Where even the ordinary units have no price, which the bound rules out.
pub fn price(call: &Call, route: &Route, bound: &Bound, used: &Used) -> Result<Priced, PriceError> {
    let mut usage = used.settled(&bound.guess(route), BYTES_PER_TOKEN);
    for also in &used.also {
        for (unit, quantity) in also.usage.iter() {
            usage.add(unit, quantity);
        }
    }
    match bound.model.charge(call.at, &usage, bound.markup) {
        Err(error) => {
            // A term or a unit that the answer has and the price list doesn't. The call has been made, and is
            // never free: it is charged as an ordinary one.
            tracing::error!(call = %call.id, %error, "an answer has no price of its own");
            bound
                .model
                .charge(call.at, &ordinary(&usage, bound), bound.markup)
        }
        priced => priced,
    }
}

/// The usage with what has no price counted as what has.
fn ordinary(usage: &Usage, bound: &Bound) -> Usage {
    let mut ordinary = Usage::new(usage.basis);
    ordinary.terms.clone_from(&bound.input.terms);
    for (unit, quantity) in usage.iter() {
        let instead = match unit.kind() {
            Kind::InputToken => Unit::Input,
            Kind::OutputToken => Unit::Output,
            _ => unit,
        };
        if bound.card.rate(unit).is_some() {
            ordinary.add(unit, quantity);
        } else if bound.card.rate(instead).is_some() {
            ordinary.add(instead, quantity);
        }
    }
    ordinary
}
