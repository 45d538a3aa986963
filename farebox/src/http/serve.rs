//! The routes, what every request passes through, and the listeners.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use axum::serve::Listener;
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::app::App;
use crate::error::ApiError;
use crate::http::again::Again;
use crate::http::api::gateways::{logs, provider_configs as configs};
use crate::http::{api, gateway, openapi, ops, request_id, webhooks};

/// Everything that is served on the main listener.
pub fn router(app: Arc<App>) -> Router {
    buying(spending(Router::new()))
        .route(
            "/client/v4/user/tokens/verify",
            get(api::token_verify::verify),
        )
        .merge(gateway_routes())
        .merge(gateway::routes())
        .route("/webhooks/stripe", post(webhooks::stripe))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/openapi.json", get(openapi::document))
        .fallback(gateway::lost::no_route)
        .method_not_allowed_fallback(gateway::lost::no_method)
        .layer(from_fn_with_state(app.clone(), request_id::assign))
        .with_state(app)
}

/// Written out: a nested router would take every request's path apart and put it together again.
fn billing(name: &str) -> String {
    format!("/client/v4/accounts/{{account_id}}/ai-gateway/billing/{name}")
}

/// What there is, and what becomes of it.
fn spending(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .route(&billing("credit-balance"), get(api::credit_balance::get))
        .route(
            &billing("holds"),
            get(api::holds::list).post(api::holds::create),
        )
        .route(
            &billing("holds/{hold_id}"),
            get(api::holds::get).delete(api::holds::void),
        )
        .route(
            &billing("holds/{hold_id}/capture"),
            post(api::holds::capture),
        )
        .route(
            &billing("spending-limit"),
            get(api::spending_limit::get)
                .post(api::spending_limit::set)
                .delete(api::spending_limit::delete),
        )
        .route(&billing("usage-history"), get(api::usage_history::get))
        .route(&billing("transactions"), get(api::transactions::list))
        .route(&billing("invoice-history"), get(api::invoice_history::get))
        .route(&billing("invoice-preview"), get(api::invoice_preview::get))
}

/// How money comes in, and goes back.
fn buying(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .route(&billing("payment-methods"), get(api::payment_methods::list))
        .route(
            &billing("payment-methods/setup"),
            post(api::payment_methods::setup),
        )
        .route(
            &billing("payment-methods/{payment_method_id}"),
            delete(api::payment_methods::remove),
        )
        .route(
            &billing("payment-methods/{payment_method_id}/default"),
            post(api::payment_methods::set_default),
        )
        .route(&billing("topup"), post(api::topup::create))
        .route(&billing("topup/status"), post(api::topup_status::check))
        .route(
            &billing("topup/config"),
            get(api::topup_config::get)
                .post(api::topup_config::set)
                .delete(api::topup_config::delete),
        )
        .route(&billing("topup/limits"), get(api::topup_limits::limits))
        .route(
            &billing("topup/eligibility"),
            get(api::topup_limits::eligibility).post(api::topup_limits::check_eligibility),
        )
        .route(
            &billing("topup/{payment_intent_id}/refund"),
            get(api::refunds::list).post(api::refunds::create),
        )
        .route(&billing("disputes"), get(api::disputes::list))
}

/// The gateways' management.
fn gateway_routes() -> Router<Arc<App>> {
    let path = |name| format!("/client/v4/accounts/{{account_id}}/ai-gateway/{name}");
    Router::new()
        .route(
            &path("gateways"),
            get(api::gateways::list).post(api::gateways::create),
        )
        .route(
            &path("gateways/{gateway_id}"),
            get(api::gateways::get)
                .put(api::gateways::put)
                .patch(api::gateways::patch)
                .delete(api::gateways::delete),
        )
        .route(
            &path("gateways/{gateway_id}/provider_configs"),
            get(configs::list).post(configs::create),
        )
        .route(
            &path("gateways/{gateway_id}/provider_configs/{id}"),
            put(configs::put).delete(configs::delete),
        )
        .route(
            &path("gateways/{gateway_id}/logs"),
            get(logs::list).delete(logs::delete),
        )
        .route(
            &path("gateways/{gateway_id}/logs/{id}"),
            get(logs::get).patch(logs::patch),
        )
        .route(
            &path("gateways/{gateway_id}/logs/{id}/request"),
            get(logs::request),
        )
        .route(
            &path("gateways/{gateway_id}/logs/{id}/response"),
            get(logs::response),
        )
        .route(
            &path("gateways/{gateway_id}/url/{provider}"),
            get(api::gateways::urls::get),
        )
        .route(
            &path("custom-providers"),
            get(api::custom_providers::list).post(api::custom_providers::create),
        )
        .route(
            &path("custom-providers/{id}"),
            get(api::custom_providers::get)
                .patch(api::custom_providers::patch)
                .delete(api::custom_providers::delete),
        )
}

async fn no_route(uri: Uri) -> ApiError {
    ApiError::no_route(uri.path())
}

fn metrics_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(ops::metrics))
        .fallback(no_route)
        .method_not_allowed_fallback(gateway::lost::no_method)
        .with_state(app)
}

/// Where a started server listens: with port 0 in the configuration the system has chosen.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// The management API and the gateway.
    pub address: SocketAddr,
    /// The metrics.
    pub metrics: Option<SocketAddr>,
}

/// Binds the listeners and serves until the app is told to stop. Requests under way are answered first.
///
/// # Errors
/// Where an address can't be bound.
pub async fn serve(app: &Arc<App>) -> io::Result<Served> {
    let http = &app.config.http;
    let address = listen(app, http.listen, router(app.clone())).await?;
    let metrics = match http.metrics_listen {
        Some(wanted) => Some(listen(app, wanted, metrics_router(app.clone())).await?),
        None => None,
    };
    Ok(Served { address, metrics })
}

async fn listen(app: &Arc<App>, wanted: SocketAddr, router: Router) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen on {wanted}: {error}"))
    })?;
    let address = listener.local_addr()?;
    let accepting = accept(app.clone(), listener, router.with_state(()));
    app.tasks.spawn(accepting);
    Ok(address)
}

/// Takes connections until the app is told to stop.
async fn accept(app: Arc<App>, mut listener: TcpListener, router: Router) {
    loop {
        let (stream, client) = tokio::select! {
            // Goes on after errors of single connections, and after a pause where no more files may be open.
            accepted = Listener::accept(&mut listener) => accepted,
            () = app.stop.cancelled() => return,
        };
        // An answer is one small write: it must not wait for the acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let serving = connection(stream, client, router.clone(), app.stop.clone());
        app.tasks.spawn(serving);
    }
}

/// Answers what comes over a connection. Once the app is told to stop, nothing but what is under way.
async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(client));
        router.clone().call(request)
    });
    let serving = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = Again::new(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = stop.cancelled() => {
            serving.inner().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended early");
    }
}
