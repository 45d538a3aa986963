//! Other models that a request names: one of them may answer, so each needs a price, and the hold covers the dearest.
//! The one that answers sets the price.

use std::sync::Arc;

use ledger::rates::Markup;
use wire::Used;

use crate::app::App;
use crate::billing;
use crate::catalog::{Catalog, Model};
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::route::{Bound, Route};

/// How many further models a request can name: each is looked up. OpenRouter takes three.
const MODELS_MAX: usize = 16;

/// The bound of the dearest of all models that may answer, given that of the requested one.
///
/// # Errors
/// [`ProxyError`] if one of them has no price.
pub async fn dearest(
    app: &Arc<App>,
    call: &Call,
    route: &Route,
    requested: Bound,
) -> Result<Bound, ProxyError> {
    if route.asked.instead.is_empty() {
        return Ok(requested);
    }
    if route.asked.instead.len() > MODELS_MAX {
        let message = format!(
            "The request names {} further models: name {MODELS_MAX} at most",
            route.asked.instead.len()
        );
        return Err(ProxyError::bad_request(codes::BAD_FORMAT, message));
    }
    let mut models = vec![(requested.model.clone(), requested.markup)];
    let requested_model = requested.model.clone();
    let mut dearest = requested;
    for name in &route.asked.instead {
        let model = app
            .catalog
            .current()
            .find(call.target.provider.slug, name)
            .map_err(crate::proxy::route::unpriced)?;
        if models.iter().any(|(known, _)| known.id == model.id) {
            continue;
        }
        let terms = billing::terms(app, call.account, &model).await;
        let markup = terms.map_err(ProxyError::internal)?.markup;
        let bound = route.bound(call, model.clone(), markup)?;
        models.push((model, markup));
        if bound.most > dearest.most {
            dearest = bound;
        }
    }
    dearest.model = requested_model;
    dearest.models = models;
    Ok(dearest)
}

/// The model that answered, with its markup: the requested one, unless the answer names another that it may be.
pub fn answering(
    catalog: &Catalog,
    call: &Call,
    route: &Route,
    bound: &Bound,
    used: &Used,
) -> (Arc<Model>, Markup) {
    let requested = bound.models.first();
    let requested = requested.map_or((bound.model.clone(), bound.markup), Clone::clone);
    let named = used.model.as_deref().filter(|_| route.asked.may_switch);
    let found = named.and_then(|name| catalog.find(call.target.provider.slug, name).ok());
    match found {
        Some(model) => {
            let known = bound.models.iter().find(|(known, _)| known.id == model.id);
            let markup = known.map_or(requested.1, |(_, markup)| *markup);
            (model, markup)
        }
        None => requested,
    }
}
