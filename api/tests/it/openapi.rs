//! The OpenAPI schemas say what the types do.

use api::{Cents, CreditBalance, Envelope, Topup, TopupConfig};
use serde_json::{Value, json};
use utoipa::PartialSchema;

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap()
}

#[test]
fn cents_are_a_number() {
    assert_eq!(schema::<Cents>()["type"], "number");
}

#[test]
fn what_is_always_written_is_required() {
    let required = |schema: Value| schema["required"].clone();
    assert_eq!(
        required(schema::<Envelope<Topup>>()),
        json!(["errors", "messages", "result", "success"])
    );
    assert_eq!(
        required(schema::<TopupConfig>()),
        json!([
            "threshold",
            "amount",
            "error",
            "disabledReason",
            "lastFailedAt"
        ])
    );
    assert_eq!(
        required(schema::<Topup>()),
        json!(["client_secret", "onboarding", "payment_intent_id"])
    );
    assert_eq!(
        required(schema::<CreditBalance>()),
        json!([
            "balance",
            "has_default_payment_method",
            "payment_method",
            "topup_config",
            "first_topup_success"
        ])
    );
}

#[test]
fn what_is_omitted_rather_than_null_is_not_nullable() {
    let topup = schema::<Topup>();
    assert_eq!(topup["properties"]["brand"]["type"], "string");
    assert_eq!(
        topup["properties"]["client_secret"]["type"],
        json!(["string", "null"])
    );
}
