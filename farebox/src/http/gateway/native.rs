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
use crate::http::gateway::runner::Runner;
use crate::proxy::{self, Call, ProxyError};

/// Makes the call.
pub async fn call(
    State(app): State<Arc<App>>,
    runner: Runner,
    request: Request,
) -> Result<Response, ProxyError> {
    let call = read(&app, runner, request).await?;
    proxy::make(&app, call).await.map(render)
}

async fn read(app: &App, runner: Runner, request: Request) -> Result<Call, ProxyError> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let (slug, path) = where_to(&uri)?;
    let is_slug = slug.starts_with(gateways::CUSTOM)
        || catalog::provider(slug).is_some_and(|provider| provider.slug == slug);
    if !is_slug {
        return Err(incoming::no_provider(slug));
    }
    let target = incoming::target(app, runner.account, slug).await?;
    let incoming = Incoming::read(app, runner, request).await?;
    let sent = Sent {
        path: incoming::passed_path(target.provider, path),
        body: incoming.body.clone(),
        translation: None,
        compatibility: false,
    };
    incoming.call(target, method, sent)
}

/// The provider and the path below it, as it was written, with its query.
fn where_to(uri: &Uri) -> Result<(&str, &str), ProxyError> {
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    let mut parts = whole.splitn(6, '/').skip(4);
    match (parts.next(), parts.next()) {
        (Some(slug), Some(path)) => Ok((slug, path)),
        _ => Err(incoming::no_provider("")),
    }
}
