//! The OpenAPI document, generated from the handlers and their types.

use axum::Json;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::http::{api, gateway, ops, webhooks};

/// The document.
#[derive(OpenApi, Debug)]
#[openapi(
    info(
        title = "Farebox",
        description = "A self-hosted AI gateway with prepaid billing that speaks Cloudflare's AI Gateway API",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        api::topup::create,
        api::topup_status::check,
        api::topup_config::get,
        api::topup_config::set,
        api::topup_config::delete,
        api::topup_limits::limits,
        api::topup_limits::eligibility,
        api::topup_limits::check_eligibility,
        api::refunds::create,
        api::refunds::list,
        api::disputes::list,
        api::credit_balance::get,
        api::holds::create,
        api::holds::list,
        api::holds::get,
        api::holds::capture,
        api::holds::void,
        api::payment_methods::list,
        api::payment_methods::setup,
        api::payment_methods::set_default,
        api::payment_methods::remove,
        api::spending_limit::get,
        api::spending_limit::set,
        api::spending_limit::delete,
        api::invoice_history::get,
        api::invoice_preview::get,
        api::usage_history::get,
        api::transactions::list,
        api::gateways::create,
        api::gateways::list,
        api::gateways::get,
        api::gateways::put,
        api::gateways::patch,
        api::gateways::delete,
        api::gateways::provider_configs::create,
        api::gateways::provider_configs::list,
        api::gateways::provider_configs::put,
        api::gateways::provider_configs::delete,
        api::gateways::logs::list,
        api::gateways::logs::delete,
        api::gateways::logs::get,
        api::gateways::logs::patch,
        api::gateways::logs::request,
        api::gateways::logs::response,
        api::gateways::urls::get,
        api::custom_providers::create,
        api::custom_providers::list,
        api::custom_providers::get,
        api::custom_providers::patch,
        api::custom_providers::delete,
        gateway::rest::chat,
        gateway::rest::responses,
        gateway::rest::messages,
        gateway::models::rest,
        gateway::models::rest_one,
        gateway::run::run,
        gateway::run::run_named,
        api::token_verify::verify,
        webhooks::stripe,
        ops::healthz,
        ops::readyz,
        document,
    ),
    // A parameter's type, which is not found by itself.
    components(schemas(::api::UsageGrouping)),
    modifiers(&Schemes),
)]
pub struct ApiDocument;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("api_token", bearer);
        components.add_security_scheme("api_email", header("X-Auth-Email"));
        components.add_security_scheme("api_key", header("X-Auth-Key"));
    }
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "operations",
    responses((status = 200, description = "The OpenAPI document", body = serde_json::Value)),
    security(())
)]
pub async fn document() -> Response {
    Json(ApiDocument::openapi()).into_response()
}
