//! `/v1/{account_id}/{gateway_id}/{provider}/…`: a call in its provider's own form, as its own SDK makes it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;

use crate::app::App;
use crate::catalog;
use crate::gateways;
use crate::http::gateway::answer::render;
use crate::http::gateway::incoming::{self, Incoming, Sent};
use crate::http::gateway::models;
use crate::http::gateway::runner::Runner;
use crate::http::gateway::socket::{self, Place};
use crate::proxy::{self, Call, ProxyError};

/// Makes the call. A list of models is answered here, unless the caller's own key is for the provider's.
pub async fn call(
    State(app): State<Arc<App>>,
    runner: Runner,
    request: Request,
) -> Result<Response, ProxyError> {
    if let Some(place) = socket_place(&app, &request)? {
        return socket::open(&app, &runner, place, request);
    }
    let call = read(&app, runner, request).await?;
    if let Some(asked) = models::asked_natively(&call)
        && proxy::is_prepaid(&app, &call).await?
    {
        return models::native(&app, &call, &asked).await;
    }
    proxy::make(&app, call).await.map(render)
}

/// Where the calls of a WebSocket go, if the request asks for one that is served.
fn socket_place(app: &App, request: &Request) -> Result<Option<Place>, ProxyError> {
    let (slug, path) = where_to(app, request.uri())?;
    match is_slug(app, slug) {
        true => Ok(Place::native(
            request.method(),
            request.headers(),
            slug,
            path,
        )),
        false => Ok(None),
    }
}

fn is_slug(app: &App, slug: &str) -> bool {
    app.operated.get(slug).is_some()
        || slug.starts_with(gateways::CUSTOM)
        || catalog::provider(slug).is_some_and(|provider| provider.slug == slug)
}

async fn read(app: &App, runner: Runner, request: Request) -> Result<Call, ProxyError> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let (slug, path) = where_to(app, &uri)?;
    if !is_slug(app, slug) {
        return Err(incoming::no_provider(app, slug));
    }
    let target = incoming::target(app, runner.account, slug).await?;
    let incoming = Incoming::read(app, runner, request).await?;
    let sent = Sent {
        path: incoming::passed_path(&target, path),
        body: incoming.body.clone(),
        translation: None,
        compatibility: false,
    };
    incoming.call(target, method, sent)
}

/// The provider and the path below it, as it was written, with its query.
fn where_to<'a>(app: &App, uri: &'a Uri) -> Result<(&'a str, &'a str), ProxyError> {
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    let mut parts = whole.splitn(6, '/').skip(4);
    match (parts.next(), parts.next()) {
        (Some(slug), Some(path)) => Ok((slug, path)),
        _ => Err(incoming::no_provider(app, "")),
    }
}
