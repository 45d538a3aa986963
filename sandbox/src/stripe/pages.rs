//! The pages that a customer sees: the issuer's question, and the hosted invoice. The one to save
//! a card on is in `checkout_page`.

use std::sync::Arc;

use axum::extract::{Path, Query, RawForm, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{Router, get};
use serde::Deserialize;
use serde_json::Value;

use super::checkout_page;
use super::control::Outcome;
use super::form;
use super::server::Shared;
use super::state::{integer, text};

const FRAME: &str = include_str!("page.html");

pub(crate) type Sandbox = State<Arc<Shared>>;
type Refused = (StatusCode, &'static str);

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/3ds/{intent}", get(question).post(answer))
        .route("/invoice/{invoice}", get(invoice))
        .merge(checkout_page::routes())
}

pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = FRAME
        .replace("{{title}}", &escape(title))
        .replace("{{body}}", body);
    (status, Html(html)).into_response()
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(crate) fn refused(status: StatusCode, message: &str) -> Response {
    page(
        status,
        "Nothing to do here",
        &format!("<p class=note>{}</p>", escape(message)),
    )
}

fn money(object: &Value, field: &str) -> String {
    let cents = integer(object, field);
    let currency = text(object, "currency").to_uppercase();
    format!("{currency} {}.{:02}", cents / 100, cents % 100)
}

#[derive(Deserialize)]
struct Secret {
    #[serde(default)]
    client_secret: String,
}

/// The intent, if the secret opens it and it waits for the customer.
fn open(shared: &Shared, intent: &str, secret: &str) -> Result<Value, Refused> {
    let found = shared.state().object(intent).clone();
    if secret.is_empty() || text(&found, "client_secret") != secret {
        let message = "There is no such payment, or this link is not the one for it.";
        return Err((StatusCode::NOT_FOUND, message));
    }
    if text(&found, "status") != "requires_action" {
        let message = "This payment is not waiting for authentication any more.";
        return Err((StatusCode::CONFLICT, message));
    }
    Ok(found)
}

/// `GET /3ds/{intent}?client_secret=…`: the issuer's question, with its two answers.
async fn question(
    State(shared): Sandbox,
    Path(intent): Path<String>,
    Query(secret): Query<Secret>,
) -> Response {
    let found = match open(&shared, &intent, &secret.client_secret) {
        Ok(found) => found,
        Err((status, message)) => return refused(status, message),
    };
    let (title, what) = match text(&found, "object") {
        "payment_intent" => ("Authenticate this payment", money(&found, "amount")),
        _ => ("Authenticate this card", "Save this card".to_owned()),
    };
    let body = format!(
        "<p class=amount>{}</p><p>Your bank would ask you here whether this is you. In the sandbox you decide how \
         that ends.</p><form method=post>\
         <input type=hidden name=client_secret value=\"{}\">\
         <button class=yes name=outcome value=succeed>Complete authentication</button>\
         <button class=no name=outcome value=fail>Fail authentication</button></form>\
         <p class=note>{}</p>",
        escape(&what),
        escape(&secret.client_secret),
        escape(&intent),
    );
    page(StatusCode::OK, title, &body)
}

/// The customer's answer. Leads back to the merchant where the intent has a return URL.
async fn answer(
    State(shared): Sandbox,
    Path(intent): Path<String>,
    RawForm(body): RawForm,
) -> Response {
    if let Err((status, message)) = open(&shared, &intent, &field(&body, "client_secret")) {
        return refused(status, message);
    }
    let outcome = match field(&body, "outcome").as_str() {
        "succeed" => Outcome::Succeed,
        "fail" => Outcome::Fail,
        _ => {
            return refused(
                StatusCode::BAD_REQUEST,
                "The answer is either succeed or fail.",
            );
        }
    };
    let Ok(answered) = shared.authenticate(&intent, outcome) else {
        return refused(
            StatusCode::CONFLICT,
            "This payment is not waiting any more.",
        );
    };
    let back = shared.state().return_urls.get(&intent).cloned();
    match back {
        Some(back) => Redirect::to(&with_result(&back, &answered)).into_response(),
        None => ended(&answered),
    }
}

/// A field of a page's form; empty where it is absent.
pub(crate) fn field(body: &[u8], name: &str) -> String {
    let form = std::str::from_utf8(body).ok().and_then(form::parse);
    let form = form.unwrap_or_default();
    let value = form.get(name).and_then(Value::as_str);
    value.unwrap_or("").to_owned()
}

/// The return URL with what Stripe adds to it.
fn with_result(back: &str, intent: &Value) -> String {
    let joint = if back.contains('?') { '&' } else { '?' };
    let name = text(intent, "object");
    let status = if text(intent, "status") == "succeeded" {
        "succeeded"
    } else {
        "failed"
    };
    format!(
        "{back}{joint}{name}={}&{name}_client_secret={}&redirect_status={status}",
        text(intent, "id"),
        text(intent, "client_secret"),
    )
}

fn ended(intent: &Value) -> Response {
    let (title, note) = match text(intent, "status") {
        "succeeded" => ("Done", "Authentication succeeded. You can close this page."),
        _ => (
            "Not authenticated",
            "The payment was not made. You can close this page.",
        ),
    };
    page(StatusCode::OK, title, &format!("<p>{note}</p>"))
}

/// `GET /invoice/{invoice}`: what stands for the hosted invoice page.
async fn invoice(State(shared): Sandbox, Path(invoice): Path<String>) -> Response {
    let Ok(found) = shared.state().need("invoice", &invoice, "id") else {
        return refused(StatusCode::NOT_FOUND, "There is no such invoice.");
    };
    let lines = found["lines"]["data"].as_array();
    let rows: String = lines.into_iter().flatten().map(row).collect();
    let body = format!(
        "<p class=amount>{}</p><table>{rows}</table><p class=note>{} · {}</p>",
        escape(&money(&found, "total")),
        escape(text(&found, "number")),
        escape(text(&found, "status")),
    );
    page(StatusCode::OK, "Invoice", &body)
}

fn row(line: &Value) -> String {
    let description = escape(text(line, "description"));
    format!(
        "<tr><td>{description}</td><td>{}</td></tr>",
        escape(&money(line, "amount"))
    )
}
