//! What a call cost, from what its provider said, or as near as can be guessed where it said nothing.

use std::sync::Arc;

use ledger::rates::{Charge, Markup};
use ledger::{Kind, Unit, Usage};
use wire::{Also, Report, Used};

use crate::catalog::{Catalog, Model, Part, PriceError, Priced};
use crate::proxy::call::Call;
use crate::proxy::route::{BYTES_PER_TOKEN, Bound, Route};
use crate::proxy::{guess, instead};

/// The version of a charge whose sum is what the provider says that the call costs.
const REPORTED: &str = "provider";

/// More tokens than this in one call are a fault of the report: 50 times the largest context window that is sold.
const TOKENS_MAX: u64 = 100_000_000;

/// Prices what was used. A report that can't be true, or can't be priced, counts as none: the call is priced by the estimate.
///
/// # Errors
/// [`PriceError`] if not even the estimate can be priced, which the bound rules out.
pub fn price(
    catalog: &Catalog,
    call: &Call,
    route: &Route,
    bound: &Bound,
    used: &Used,
) -> Result<Priced, PriceError> {
    let error = match is_plausible(used) {
        false => "it has more tokens than any model can read or write".to_owned(),
        true => match as_reported(catalog, call, route, bound, used) {
            Err(error) => error.to_string(),
            priced => return priced,
        },
    };
    tracing::error!(call = %call.id, error, "the provider's usage can't be priced: the call is estimated");
    let unreported = Used {
        report: Report::Nothing,
        also: Vec::new(),
        ..used.clone()
    };
    as_reported(catalog, call, route, bound, &unreported)
}

fn is_plausible(used: &Used) -> bool {
    let own = match &used.report {
        Report::Final(usage) | Report::Partial(usage) => Some(usage),
        Report::Nothing => None,
    };
    let mut all = used.also.iter().map(|also| &also.usage).chain(own);
    all.all(|usage| usage.input_tokens() <= TOKENS_MAX && usage.output_tokens() <= TOKENS_MAX)
}

/// By the prices of the model that answered; what another model used in the same call by that model's prices. A provider's own
/// word for what the call costs goes before its list.
///
/// # Errors
/// [`PriceError`] if even the ordinary units have no price.
fn as_reported(
    catalog: &Catalog,
    call: &Call,
    route: &Route,
    bound: &Bound,
    used: &Used,
) -> Result<Priced, PriceError> {
    let (model, markup) = instead::answering(catalog, call, route, bound, used);
    let usage = used.settled(&guess::guess(bound, route), BYTES_PER_TOKEN);
    let usage = guess::completed(usage, bound, route, used);
    let own = Own {
        call,
        bound,
        model,
        markup,
    };
    let mut priced = match reported(catalog, used, &usage, markup) {
        Some(priced) => priced,
        None => {
            let also = used.also.iter();
            let also = also.map(|also| own.beside(catalog, &usage, also));
            let also = also.collect::<Result<Vec<_>, _>>()?;
            Priced {
                also,
                ..own.price(&usage)?
            }
        }
    };
    priced.model = (own.model.id != bound.model.id).then(|| own.model.id.clone());
    Ok(priced)
}

/// By what the provider says that the whole call costs. That is in dollars, and so must the ledger be.
fn reported(catalog: &Catalog, used: &Used, usage: &Usage, markup: Markup) -> Option<Priced> {
    let is_all = matches!(used.report, Report::Final(_));
    let cost = used.cost.filter(|_| is_all && catalog.is_in_dollars())?;
    let charge = Charge::of_cost(cost, markup)?;
    let mut version = REPORTED.to_owned();
    if markup != Markup::NONE {
        version = format!("{version}{}", Model::markup_text(markup));
    }
    Some(Priced {
        charge,
        version,
        usage: usage.clone(),
        also: Vec::new(),
        model: None,
    })
}

/// The model that answered, and what decides its price.
struct Own<'a> {
    call: &'a Call,
    bound: &'a Bound,
    model: Arc<Model>,
    markup: Markup,
}

impl Own<'_> {
    /// By its own prices.
    fn price(&self, usage: &Usage) -> Result<Priced, PriceError> {
        match self.model.charge(self.call.at, usage, self.markup) {
            Err(error) => {
                // A term or a unit that the answer has and the price list doesn't. The call has been made, and is
                // never free: it is charged as an ordinary one.
                tracing::error!(call = %self.call.id, %error, "an answer has no price of its own");
                let usage = ordinary(usage, self.bound);
                self.model.charge(self.call.at, &usage, self.markup)
            }
            priced => priced,
        }
    }

    /// What another model used, with the call's own markup. What the catalogue doesn't have costs as much as the
    /// call's own model.
    fn beside(&self, catalog: &Catalog, main: &Usage, also: &Also) -> Result<Part, PriceError> {
        let mut usage = also.usage.clone();
        let mut terms = main.terms.clone();
        terms.extend(also.usage.terms.clone());
        usage.terms = terms;
        let name = also.model.as_deref();
        let slug = self.call.target.provider.slug;
        let found = name.and_then(|name| catalog.find(slug, name).ok());
        let priced = found.and_then(|model| {
            let priced = model.charge(self.call.at, &usage, self.markup).ok()?;
            Some((model.id.clone(), priced))
        });
        let (model, priced) = match priced {
            Some(found) => found,
            None => {
                tracing::warn!(
                    call = %self.call.id, model = name.unwrap_or_default(),
                    "a model that was used beside another has no price: it is charged as that one"
                );
                (self.model.id.clone(), self.price(&usage)?)
            }
        };
        Ok(Part { model, priced })
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
