//! `/v1/{account_id}/{gateway_id}/{provider}/…`: a call in its provider's own form, as its own SDK makes it.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ledger::AccountId;

use crate::app::App;
use crate::catalog::{self, Credential, Provider};
use crate::gateways;
use crate::http::gateway::runner::{self, Runner};
use crate::http::gateway::wishes;
use crate::ids::LogId;
use crate::proxy::{self, Answer, Call, ProxyError, Target, codes};

/// Makes the call.
pub async fn call(
    State(app): State<Arc<App>>,
    runner: Runner,
    request: Request,
) -> Result<Response, ProxyError> {
    let call = read(&app, runner, request).await?;
    proxy::make(&app, call).await.map(render)
}

async fn read(app: &Arc<App>, runner: Runner, request: Request) -> Result<Call, ProxyError> {
    let (at, begun) = (app.now(), Instant::now());
    let (parts, body) = request.into_parts();
    let (slug, path) = where_to(&parts.uri)?;
    let target = target(app, runner.account, slug).await?;
    let wishes = wishes::read(&parts.headers)?;
    Ok(Call {
        id: LogId::new(at),
        at,
        begun,
        account: runner.account,
        gateway: Arc::new(runner.gateway),
        caller: runner.name,
        method: parts.method,
        path: passed_path(target.provider, path),
        target,
        headers: passed_headers(parts.headers),
        body: read_body(app, body).await?,
        wishes,
        compatibility: false,
    })
}

/// The provider and the path below it, as it was written, with its query.
fn where_to(uri: &Uri) -> Result<(&str, &str), ProxyError> {
    let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
    let mut parts = whole.splitn(6, '/').skip(4);
    match (parts.next(), parts.next()) {
        (Some(slug), Some(path)) => Ok((slug, path)),
        _ => Err(ProxyError::bad_request(
            codes::NO_PROVIDER,
            "Invalid provider",
        )),
    }
}

async fn target(app: &App, account: AccountId, slug: &str) -> Result<Target, ProxyError> {
    if let Some(own) = slug.strip_prefix(gateways::CUSTOM) {
        return Target::own(app, account, own).await;
    }
    let provider = known(slug)?;
    Ok(Target {
        provider,
        slug: provider.slug.to_owned(),
        instead: app.config.providers.urls.get(provider.slug).cloned(),
        own: None,
    })
}

fn known(slug: &str) -> Result<&'static Provider, ProxyError> {
    let provider = catalog::provider(slug).filter(|provider| provider.slug == slug);
    provider.ok_or_else(|| {
        let known: Vec<_> = catalog::providers()
            .iter()
            .map(|provider| provider.slug)
            .collect();
        let message = format!("Invalid provider: there are {}", known.join(", "));
        ProxyError::bad_request(codes::NO_PROVIDER, message)
    })
}

/// The headers without what was meant for the gateway: its own, and its token wherever an SDK puts a key.
fn passed_headers(mut headers: HeaderMap) -> HeaderMap {
    let ours: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("cf-aig-"))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    for name in runner::KEY_HEADERS {
        match headers.get_mut(*name) {
            Some(value) if runner::is_token(value) => drop(headers.remove(*name)),
            // So that nothing that prints headers prints it.
            Some(value) => value.set_sensitive(true),
            None => {}
        }
    }
    // They are for this server alone, and a provider has no use for where a request came from.
    for name in [
        "x-auth-email",
        "x-auth-key",
        "cookie",
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
    ] {
        headers.remove(name);
    }
    headers
}

/// The path without the gateway's token, which an SDK may have put into the query.
fn passed_path(provider: &Provider, path: &str) -> String {
    let Some((below, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let is_key = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut credentials = provider.credentials.iter();
        runner::is_token_text(value)
            && credentials
                .any(|known| matches!(known, Credential::Query { name: key } if *key == name))
    };
    let kept: Vec<_> = query.split('&').filter(|pair| !is_key(pair)).collect();
    match kept.is_empty() {
        true => below.to_owned(),
        false => format!("{below}?{}", kept.join("&")),
    }
}

async fn read_body(app: &Arc<App>, body: Body) -> Result<bytes::Bytes, ProxyError> {
    let max = app.config.gateway.body_limit_bytes;
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("The body is larger than {max} bytes: send less");
            let status = http::StatusCode::PAYLOAD_TOO_LARGE;
            Err(ProxyError::new(status, codes::TOO_LARGE, message))
        }
        Err(_) => {
            let message = "The body ended before it was complete";
            Err(ProxyError::bad_request(codes::BAD_FORMAT, message))
        }
    }
}

fn render(answer: Answer) -> Response {
    let body = match answer.body {
        proxy::Body::Whole(bytes) => Body::from(bytes),
        proxy::Body::Pieces(pieces) => {
            Body::from_stream(stream::unfold(pieces, async |mut pieces| {
                let piece = pieces.recv().await?;
                if piece.is_err() {
                    // The server writes what it has only when nothing more is to be had at once, and after an
                    // error not at all.
                    tokio::task::yield_now().await;
                }
                Some((piece, pieces))
            }))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
