//! The page of a checkout session, on which a person saves one of the test cards.

use std::sync::Arc;

use axum::extract::{Path, RawForm, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{Router, get};
use serde_json::Value;

use super::pages::{Sandbox, escape, field, page, refused};
use super::server::Shared;
use super::state::text;
use super::{cards, checkout};

/// The cards that the page offers, and what each does.
const OFFERED: &[(&str, &str)] = &[
    ("pm_card_visa", "Pays"),
    ("pm_card_mastercard", "Pays"),
    ("pm_card_amex", "Pays"),
    (
        "pm_card_authenticationRequiredOnSetup",
        "Asks now, and later pays without asking",
    ),
    ("pm_card_authenticationRequired", "Asks now and every time"),
    ("pm_card_chargeCustomerFail", "Is saved, and later declined"),
    ("pm_card_chargeDeclined", "Is declined"),
    (
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "Is declined for insufficient funds",
    ),
    ("pm_card_createDispute", "Pays, and charges it back"),
    ("pm_card_createDisputeInquiry", "Pays, and asks about it"),
    ("pm_card_refundFail", "Pays; a refund fails afterwards"),
    ("pm_card_pendingRefund", "Pays; a refund takes a moment"),
];

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/checkout/{session}", get(show).post(submit))
        .route("/checkout/{session}/return", get(back))
}

/// `GET /checkout/{session}`: the choice of cards.
async fn show(State(shared): Sandbox, Path(id): Path<String>) -> Response {
    choice(&shared, &id, None)
}

/// The choice of cards, or why there is none. Beside it stands what went wrong with the last one.
fn choice(shared: &Shared, id: &str, wrong: Option<&str>) -> Response {
    let Ok(session) = shared.state().need("checkout.session", id, "id") else {
        return refused(StatusCode::NOT_FOUND, "There is no such page.");
    };
    match text(&session, "status") {
        "complete" => return refused(StatusCode::CONFLICT, "You have saved a card here already."),
        "expired" => return refused(StatusCode::GONE, "This page has expired."),
        _ => {}
    }
    let wrong = wrong.map(|wrong| format!("<p class=error role=alert>{}</p>", escape(wrong)));
    // The choice also stands where the issuer leads back to, and is sent to one place from both.
    let body = format!(
        "{}<form method=post action=\"/checkout/{}\"><fieldset><legend>Choose a test card</legend>{}</fieldset>\
         <button class=yes>Save card</button></form>{}<p class=note>{}</p>",
        wrong.as_deref().unwrap_or_default(),
        escape(id),
        cards_to_choose(),
        link_back(&session),
        escape(id),
    );
    let status = match wrong {
        Some(_) => StatusCode::PAYMENT_REQUIRED,
        None => StatusCode::OK,
    };
    page(status, "Save a card", &body)
}

fn cards_to_choose() -> String {
    let mut checked = " checked";
    let mut row = |(id, does): &(&str, &str)| {
        let card = cards::by_test_method(id)?;
        let row = format!(
            "<label class=card><input type=radio name=card value={id}{checked}>\
             <span>{}</span><span class=digits>•••• {}</span><small>{does}</small></label>",
            brand_name(card.brand),
            card.last4(),
        );
        checked = "";
        Some(row)
    };
    OFFERED.iter().filter_map(&mut row).collect()
}

fn brand_name(brand: &str) -> &str {
    match brand {
        "visa" => "Visa",
        "mastercard" => "Mastercard",
        "amex" => "American Express",
        other => other,
    }
}

fn link_back(session: &Value) -> String {
    match text(session, "cancel_url") {
        "" => String::new(),
        url => format!("<a class=back href=\"{}\">Back</a>", escape(url)),
    }
}

/// The customer has chosen: leads on to the issuer's question or back to the merchant.
async fn submit(
    State(shared): Sandbox,
    Path(id): Path<String>,
    RawForm(body): RawForm,
) -> Response {
    let card = field(&body, "card");
    let intent = match shared.change(|state, call| checkout::submit(state, call, &id, &card)) {
        Ok(intent) => intent,
        Err(refusal) => {
            let message = refusal.error.get("message").and_then(Value::as_str);
            return choice(&shared, &id, Some(message.unwrap_or("This did not work.")));
        }
    };
    match intent["next_action"]["redirect_to_url"]["url"].as_str() {
        Some(question) => Redirect::to(question).into_response(),
        None => onward(&shared, &id),
    }
}

/// `GET /checkout/{session}/return`: back from the issuer's question.
async fn back(State(shared): Sandbox, Path(id): Path<String>) -> Response {
    onward(&shared, &id)
}

/// To the merchant, if the card was saved; else to the choice, with what went wrong.
fn onward(shared: &Shared, id: &str) -> Response {
    let session = shared.state().object(id).clone();
    if text(&session, "status") == "complete" {
        let url = text(&session, "success_url").replace("{CHECKOUT_SESSION_ID}", id);
        return Redirect::to(&url).into_response();
    }
    let intent = shared
        .state()
        .object(text(&session, "setup_intent"))
        .clone();
    let wrong = intent["last_setup_error"]["message"].as_str();
    choice(shared, id, wrong)
}
