//! Evidence: the merchant's side of a dispute, and the words in it that decide a test.

use serde_json::{Map, Value, json};

use super::disputes::{self, End};
use super::params::{EXPAND, Kind, METADATA, Param, param, text as text_param};
use super::routes::{Route, route};
use super::sequels::Sequel;
use super::state::{Answer, Call, State, integer, text, truth};

const FIELDS: &[Param] = &[
    text_param("access_activity_log"),
    text_param("billing_address"),
    text_param("cancellation_policy"),
    text_param("cancellation_policy_disclosure"),
    text_param("cancellation_rebuttal"),
    text_param("customer_communication"),
    text_param("customer_email_address"),
    text_param("customer_name"),
    text_param("customer_purchase_ip"),
    text_param("customer_signature"),
    text_param("duplicate_charge_documentation"),
    text_param("duplicate_charge_explanation"),
    text_param("duplicate_charge_id"),
    text_param("product_description"),
    text_param("receipt"),
    text_param("refund_policy"),
    text_param("refund_policy_disclosure"),
    text_param("refund_refusal_explanation"),
    text_param("service_date"),
    text_param("service_documentation"),
    text_param("shipping_address"),
    text_param("shipping_carrier"),
    text_param("shipping_date"),
    text_param("shipping_documentation"),
    text_param("shipping_tracking_number"),
    text_param("uncategorized_file"),
    text_param("uncategorized_text"),
];

pub(crate) const ROUTES: &[Route] = &[route(
    "POST",
    "/v1/disputes/{id}",
    &[&[
        EXPAND,
        METADATA,
        param("evidence", Kind::Nested(FIELDS)),
        param("submit", Kind::Boolean),
    ]],
    update,
)];

/// The evidence of a new dispute: every field, and nothing in it.
pub(crate) fn none() -> Value {
    let mut fields: Map<String, Value> = FIELDS
        .iter()
        .map(|field| (field.name().to_owned(), Value::Null))
        .collect();
    fields.insert("enhanced_evidence".to_owned(), json!({}));
    Value::Object(fields)
}

fn update(state: &mut State, call: &Call) -> Answer {
    let dispute = disputes::open_one(state, &call.id)?;
    state.edit_metadata(&call.id, &call.params);
    let given = call.params.nested("evidence").0;
    let submit = call.params.flag("submit").unwrap_or(!given.is_empty());
    let mut evidence = dispute["evidence"].clone();
    let mut details = dispute["evidence_details"].clone();
    details["has_evidence"] = json!(truth(&details, "has_evidence") || !given.is_empty());
    if let Some(evidence) = evidence.as_object_mut() {
        evidence.extend(given);
    }
    let mut status = text(&dispute, "status");
    if submit {
        details["submission_count"] = json!(integer(&details, "submission_count") + 1);
        status = match disputes::is_inquiry(&dispute) {
            true => "warning_under_review",
            false => "under_review",
        };
        decide(state, &dispute, text(&evidence, "uncategorized_text"));
    }
    state.edit(
        &call.id,
        json!({ "evidence": evidence, "evidence_details": details, "status": status }),
    );
    state.event(call, "charge.dispute.updated", &call.id);
    Ok(state.object(&call.id).clone())
}

/// Three texts decide a dispute in test mode (docs.stripe.com/testing#evidence). The issuer of any
/// other stays under review until somebody ends it.
fn decide(state: &mut State, dispute: &Value, words: &str) {
    let id = text(dispute, "id").to_owned();
    let sequel = match (words, disputes::is_inquiry(dispute)) {
        ("winning_evidence", false) => Sequel::DisputeEnds(id, End::Won),
        ("losing_evidence", false) => Sequel::DisputeEnds(id, End::Lost),
        ("winning_evidence" | "losing_evidence", true) => {
            Sequel::DisputeEnds(id, End::WarningClosed)
        }
        ("escalate_inquiry_evidence", true) => Sequel::InquiryEscalates(id),
        _ => return,
    };
    state.sequels.push(sequel);
}
