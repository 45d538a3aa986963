//! What a request would need, without an account, a gateway or a provider: the bound of a call that isn't made.

use std::sync::Arc;

use http::HeaderMap;
use ledger::rates::Markup;
use ledger::{Amount, Basis, Timestamp, Unit, Usage};
use wire::Endpoint;

use crate::catalog::{self, Catalog, Family, Model, Text, Tokens};
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::route::{Route, has_events};

/// A request to a provider.
#[derive(Debug)]
pub struct Request<'a> {
    /// The provider's slug.
    pub provider: &'a str,
    /// The path below the provider.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, in JSON.
    pub body: &'a [u8],
}

/// What a call needs.
#[derive(Debug)]
pub struct Quote {
    /// The model.
    pub model: Arc<Model>,
    /// The least with which it is let in.
    pub least: Amount,
    /// What a stream holds at its start.
    pub likely: Amount,
    /// The most that it can cost.
    pub most: Amount,
    /// Why it needs the most.
    pub needs: String,
    /// One reading of what the request shows, as it is likely.
    pub input_tokens: u64,
}

/// What a request needs by the prices of that moment.
///
/// # Errors
/// If it can't be read, isn't metered, or has no price.
pub fn quote(catalog: &Catalog, at: Timestamp, request: &Request<'_>) -> Result<Quote, ProxyError> {
    let bad = |why: String| ProxyError::bad_request(codes::BAD_FORMAT, why);
    let provider = catalog::provider(request.provider)
        .ok_or_else(|| bad(format!("there is no provider {:?}", request.provider)))?;
    let endpoint = Endpoint::find(provider.dialect, request.path)
        .ok_or_else(|| bad(format!("{} is not a metered endpoint", request.path)))?;
    let mut pieces = Vec::new();
    let asked = wire::ask(&endpoint, "application/json", request.body, &mut |text| {
        pieces.push(text.to_owned());
    });
    let asked = asked.map_err(|error| bad(error.to_string()))?;
    let name = asked
        .model
        .clone()
        .ok_or_else(|| bad("the request names no model".to_owned()))?;
    let model = catalog.find(request.provider, &name);
    let model =
        model.map_err(|error| ProxyError::bad_request(codes::NO_PRICE, error.to_string()))?;
    let route = Route {
        text_tokens: counted(request.provider, &name, &pieces),
        context_tokens: None,
        template_tokens: 0,
        has_events: has_events(endpoint.api, request.path),
        endpoint,
        asked,
        model: name,
    };
    let bound = route.bound_at(at, request.provider, request.headers, model, Markup::NONE)?;
    Ok(Quote {
        least: bound.least,
        likely: bound.likely,
        most: bound.most,
        needs: bound.needs(bound.most),
        input_tokens: bound.reads.shown_likely(),
        model: bound.model,
    })
}

fn counted(provider: &str, model: &str, pieces: &[String]) -> Option<Tokens> {
    let family = Family::of(provider, model)?;
    let tokenizer = catalog::tokenizer()?;
    let mut text = Text::default();
    for piece in pieces {
        text.add(piece, tokenizer.count(piece));
    }
    Some(family.tokens(text))
}

impl Quote {
    /// What so many tokens cost.
    ///
    /// # Errors
    /// If they have no price.
    pub fn cost(&self, at: Timestamp, input: u64, output: u64) -> Result<Amount, ProxyError> {
        let used = [
            (Unit::Input, input),
            (Unit::Output, output),
            (Unit::Request, 1),
        ];
        let usage = Usage::new(Basis::Reported).with(&used);
        let priced = self.model.charge(at, &usage, Markup::NONE);
        let priced =
            priced.map_err(|error| ProxyError::bad_request(codes::NO_PRICE, error.to_string()))?;
        Ok(priced.amount())
    }
}
