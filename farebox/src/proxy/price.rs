//! What a call cost, from what its provider said, or as near as can be guessed where it said nothing.

use ledger::{Kind, Unit, Usage};
use wire::{Also, Used};

use crate::catalog::{Catalog, Part, PriceError, Priced};
use crate::proxy::call::Call;
use crate::proxy::route::{BYTES_PER_TOKEN, Bound, Route};

/// Prices what was used; what another model used in the same call by that model's prices.
///
/// # Errors
/// Where even the ordinary units have no price, which the bound rules out.
pub fn price(
    catalog: &Catalog,
    call: &Call,
    route: &Route,
    bound: &Bound,
    used: &Used,
) -> Result<Priced, PriceError> {
    let usage = used.settled(&bound.guess(route), BYTES_PER_TOKEN);
    let also = used.also.iter();
    let also = also.map(|also| beside(catalog, call, bound, &usage, also));
    let also = also.collect::<Result<Vec<_>, _>>()?;
    Ok(Priced {
        also,
        ..by_own(call, bound, &usage)?
    })
}

/// By the prices of the call's own model.
fn by_own(call: &Call, bound: &Bound, usage: &Usage) -> Result<Priced, PriceError> {
    match bound.model.charge(call.at, usage, bound.markup) {
        Err(error) => {
            // A term or a unit that the answer has and the price list doesn't. The call has been made, and is
            // never free: it is charged as an ordinary one.
            tracing::error!(call = %call.id, %error, "an answer has no price of its own");
            bound
                .model
                .charge(call.at, &ordinary(usage, bound), bound.markup)
        }
        priced => priced,
    }
}

/// What another model used, with the call's own markup. What the catalogue doesn't have costs as much as the
/// call's own model.
fn beside(
    catalog: &Catalog,
    call: &Call,
    bound: &Bound,
    main: &Usage,
    also: &Also,
) -> Result<Part, PriceError> {
    let mut usage = also.usage.clone();
    let mut terms = main.terms.clone();
    terms.extend(also.usage.terms.clone());
    usage.terms = terms;
    let name = also.model.as_deref();
    let found = name.map(|name| catalog.find(call.target.provider.slug, name));
    let priced = match &found {
        Some(Ok(model)) => {
            let priced = model.charge(call.at, &usage, bound.markup);
            priced.map(|priced| (model.id.clone(), priced)).ok()
        }
        _ => None,
    };
    let (model, priced) = match priced {
        Some(found) => found,
        None => {
            tracing::warn!(
                call = %call.id, model = name.unwrap_or_default(),
                "a model that was used beside another has no price: it is charged as that one"
            );
            (bound.model.id.clone(), by_own(call, bound, &usage)?)
        }
    };
    Ok(Part { model, priced })
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
