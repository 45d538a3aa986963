//! Disputes: a cardholder who wants a payment back from the issuer, not from the merchant.
//!
//! A chargeback takes the money at once and gives it back if the merchant wins; an inquiry moves
//! none until it is escalated. Each function here is one step of that, with its one event, so that
//! whoever drives a dispute may take the steps apart. What they do follows Stripe's documentation
//! (docs.stripe.com/disputes, docs.stripe.com/testing#disputes).

use serde::Deserialize;
use serde_json::{Value, json};

use super::balance::Movement;
use super::error::Refusal;
use super::evidence;
use super::list::{Within, page};
use super::params::{EXPAND, LIST, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, integer, metadata, text, truth};

pub(crate) const ROUTES: &[Route] = &[
    route(
        "GET",
        "/v1/disputes",
        &[
            LIST,
            &[EXPAND, text_param("charge"), text_param("payment_intent")],
        ],
        list,
    ),
    route("GET", "/v1/disputes/{id}", &[&[EXPAND]], |state, call| {
        state.need("dispute", &call.id, "id")
    }),
    route("POST", "/v1/disputes/{id}/close", &[&[EXPAND]], accept),
];

/// What Stripe charges for a chargeback, and keeps even if the merchant wins: 15 US dollars.
const FEE: i64 = 1_500;
const DAY: i64 = 24 * 60 * 60;

/// What a cardholder claims.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) inquiry: bool,
    pub(crate) reason: &'static str,
    /// The card network's code for the reason. These are Visa's.
    pub(crate) network_reason_code: &'static str,
    /// In the currency's smallest unit; the whole charge where absent.
    pub(crate) amount: Option<i64>,
}

pub(crate) const FRAUDULENT: Claim = Claim {
    inquiry: false,
    reason: "fraudulent",
    network_reason_code: "10.4",
    amount: None,
};
pub(crate) const NOT_RECEIVED: Claim = Claim {
    reason: "product_not_received",
    network_reason_code: "13.1",
    ..FRAUDULENT
};
pub(crate) const INQUIRY: Claim = Claim {
    inquiry: true,
    network_reason_code: "10",
    ..FRAUDULENT
};

/// How a dispute ends.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The issuer believed the merchant.
    Won,
    /// The issuer believed the cardholder, or the merchant gave in.
    Lost,
    /// An inquiry that did not become a chargeback.
    WarningClosed,
}

impl End {
    fn status(self) -> &'static str {
        match self {
            End::Won => "won",
            End::Lost => "lost",
            End::WarningClosed => "warning_closed",
        }
    }
}

/// Opens a dispute about a succeeded charge. Moves no money yet.
///
/// # Errors
///
/// An unknown charge or one that failed, and an amount outside 1 to the charge's own.
pub(crate) fn open(state: &mut State, call: &Call, charge: &str, claim: Claim) -> Answer {
    let charge = state.need("charge", charge, "charge")?;
    if text(&charge, "status") != "succeeded" {
        return Err(Refusal::invalid(
            "Only a charge that succeeded is disputed.",
        ));
    }
    let whole = integer(&charge, "amount");
    let amount = claim.amount.unwrap_or(whole);
    if !(1..=whole).contains(&amount) {
        let message = "A dispute is about something, and about no more than the charge.";
        return Err(Refusal::invalid(message).param("amount"));
    }
    let id = state.ids.fresh("du");
    let dispute = describe(call, &id, &charge, amount, claim);
    state.insert(state.stamped(call, dispute));
    state.edit(text(&charge, "id"), json!({ "disputed": true }));
    state.event(call, "charge.dispute.created", &id);
    Ok(state.object(&id).clone())
}

fn describe(call: &Call, id: &str, charge: &Value, amount: i64, claim: Claim) -> Value {
    // The end of the eighth day.
    let due = (call.now / DAY + 9) * DAY - 1;
    json!({
        "id": id, "object": "dispute", "amount": amount, "balance_transactions": [],
        "charge": charge["id"], "currency": charge["currency"], "enhanced_eligibility_types": [],
        "evidence": evidence::none(),
        "evidence_details": {
            "due_by": due, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0,
        },
        "is_charge_refundable": claim.inquiry, "metadata": metadata(&call.params),
        "payment_intent": charge["payment_intent"],
        "payment_method_details": { "type": "card", "card": {
            "brand": charge["payment_method_details"]["card"]["brand"],
            "case_type": if claim.inquiry { "inquiry" } else { "chargeback" },
            "network_reason_code": claim.network_reason_code,
        }},
        "reason": claim.reason,
        "status": if claim.inquiry { "warning_needs_response" } else { "needs_response" },
    })
}

/// Takes a chargeback's amount from the merchant.
///
/// # Errors
///
/// An inquiry, which takes nothing, and money that was taken already.
pub(crate) fn withdraw(state: &mut State, call: &Call, id: &str) -> Answer {
    let dispute = state.need("dispute", id, "id")?;
    if is_inquiry(&dispute) {
        return Err(Refusal::invalid("An inquiry takes no money."));
    }
    if moved(&dispute) > 0 {
        return Err(Refusal::invalid("The money of this dispute was taken."));
    }
    let withdrawal = Movement {
        kind: "adjustment",
        category: "dispute",
        amount: -integer(&dispute, "amount"),
        fee: FEE,
        description: format!("Chargeback withdrawal for {}", text(&dispute, "charge")),
        source: &dispute,
    };
    show(state, call, &withdrawal);
    state.event(call, "charge.dispute.funds_withdrawn", id);
    Ok(state.object(id).clone())
}

/// Gives the money of a chargeback back to the merchant.
///
/// # Errors
///
/// Money that was not taken or is back already, and a lost dispute.
pub(crate) fn reinstate(state: &mut State, call: &Call, id: &str) -> Answer {
    let dispute = state.need("dispute", id, "id")?;
    if moved(&dispute) != 1 || text(&dispute, "status") == "lost" {
        let message = "This dispute holds no money that the merchant could get back.";
        return Err(Refusal::invalid(message));
    }
    let reversal = Movement {
        kind: "adjustment",
        category: "dispute_reversal",
        amount: integer(&dispute, "amount"),
        fee: 0,
        description: format!("Chargeback reversal for {}", text(&dispute, "charge")),
        source: &dispute,
    };
    show(state, call, &reversal);
    state.event(call, "charge.dispute.funds_reinstated", id);
    Ok(state.object(id).clone())
}

/// Records a movement and shows it on its dispute.
fn show(state: &mut State, call: &Call, movement: &Movement<'_>) {
    let mut moved = movement.source["balance_transactions"].clone();
    let transaction = state.add_movement(call, movement);
    if let Some(moved) = moved.as_array_mut() {
        moved.push(transaction);
    }
    let changes = json!({ "balance_transactions": moved });
    state.edit(text(movement.source, "id"), changes);
}

/// How often money was moved: taken is once, given back is twice.
fn moved(dispute: &Value) -> usize {
    dispute["balance_transactions"]
        .as_array()
        .map_or(0, Vec::len)
}

/// Makes a chargeback of an inquiry. Moves no money yet.
///
/// # Errors
///
/// A dispute that is no open inquiry.
pub(crate) fn escalate(state: &mut State, call: &Call, id: &str) -> Answer {
    let dispute = open_one(state, id)?;
    if !is_inquiry(&dispute) {
        return Err(Refusal::invalid("Only an inquiry becomes a chargeback."));
    }
    let mut details = dispute["payment_method_details"].clone();
    details["card"]["case_type"] = json!("chargeback");
    details["card"]["network_reason_code"] = json!(FRAUDULENT.network_reason_code);
    state.edit(
        id,
        json!({
            "status": "needs_response", "is_charge_refundable": false,
            "payment_method_details": details,
        }),
    );
    state.event(call, "charge.dispute.updated", id);
    Ok(state.object(id).clone())
}

/// Ends a dispute. Moves no money: what was taken comes back by `reinstate`.
///
/// # Errors
///
/// A dispute that has ended, and an end that its kind does not have.
pub(crate) fn end(state: &mut State, call: &Call, id: &str, end: End) -> Answer {
    let dispute = open_one(state, id)?;
    if is_inquiry(&dispute) != (end == End::WarningClosed) {
        let message = "A chargeback is won or lost; an inquiry is closed with a warning.";
        return Err(Refusal::invalid(message));
    }
    state.edit(
        id,
        json!({ "status": end.status(), "is_charge_refundable": end != End::Lost }),
    );
    state.event(call, "charge.dispute.closed", id);
    Ok(state.object(id).clone())
}

/// The merchant gives in.
fn accept(state: &mut State, call: &Call) -> Answer {
    end(state, call, &call.id, End::Lost)
}

/// # Errors
///
/// Stripe's refusal of an unknown dispute, and of one that has ended.
pub(crate) fn open_one(state: &State, id: &str) -> Answer {
    let dispute = state.need("dispute", id, "id")?;
    if matches!(text(&dispute, "status"), "won" | "lost" | "warning_closed") {
        return Err(Refusal::invalid("This dispute is already closed"));
    }
    Ok(dispute)
}

pub(crate) fn is_inquiry(dispute: &Value) -> bool {
    text(dispute, "status").starts_with("warning_")
}

/// # Errors
///
/// `charge_disputed`, where a chargeback has taken the charge's money or may yet do so.
pub(crate) fn refuse_charged_back(state: &State, charge: &str) -> Result<(), Refusal> {
    let charged_back = |dispute: &Value| {
        text(dispute, "charge") == charge && !truth(dispute, "is_charge_refundable")
    };
    if !state.all("dispute").any(charged_back) {
        return Ok(());
    }
    let message = format!("Charge {charge} has been charged back; cannot issue a refund.");
    Err(Refusal::invalid(message).code("charge_disputed"))
}

fn list(state: &mut State, call: &Call) -> Answer {
    let narrowed = |field: &str, dispute: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(dispute, field) == wanted)
    };
    let matches =
        |dispute: &&Value| narrowed("charge", dispute) && narrowed("payment_intent", dispute);
    page(
        state.all("dispute").filter(matches),
        call,
        "/v1/disputes",
        Within::Time,
    )
}
