//! The shapes of the contract, verbatim, read and written.

use api::{
    ApiMessage, Cents, CreateTopup, CreditBalance, Envelope, PaymentMethodSummary, TokenStatus,
    TokenVerify, Topup, TopupConfig, TopupStatus, TopupStatusResponse,
};
use serde_json::json;

/// The answer that the API reference shows for `POST …/billing/topup/status`.
const STATUS_EXAMPLE: &str = r#"{
  "errors": [
    {
      "code": 0,
      "message": "message"
    }
  ],
  "messages": [
    {
      "code": 0,
      "message": "message"
    }
  ],
  "result": {
    "payment_intent_id": "payment_intent_id",
    "status": "completed"
  },
  "success": true,
  "result_info": {
    "has_more": true,
    "page": 0,
    "per_page": 0,
    "total_count": 0
  }
}"#;

#[test]
fn the_reference_answer_to_topup_status_is_read_and_written_the_same() {
    let envelope: Envelope<TopupStatusResponse> = serde_json::from_str(STATUS_EXAMPLE).unwrap();
    assert_eq!(
        envelope.result.as_ref().unwrap().status,
        TopupStatus::Completed
    );
    assert!(envelope.result_info.unwrap().has_more);
    assert_eq!(
        serde_json::to_string_pretty(&envelope).unwrap(),
        STATUS_EXAMPLE
    );
}

#[test]
fn a_success_carries_its_four_fields() {
    let envelope = Envelope::success(TopupStatusResponse {
        payment_intent_id: "in_1abc".into(),
        status: TopupStatus::Pending,
    });
    let expected = r#"{"errors":[],"messages":[],"result":{"payment_intent_id":"in_1abc","status":"pending"},"success":true}"#;
    assert_eq!(serde_json::to_string(&envelope).unwrap(), expected);
}

#[test]
fn a_failure_carries_a_null_result_and_only_the_parts_that_an_error_has() {
    let validation = ApiMessage {
        path: Some(vec!["body".into(), "amount".into()]),
        ..ApiMessage::new(7001, "Input Validation Error")
    };
    let header = ApiMessage {
        error_chain: Some(vec![ApiMessage::new(
            6111,
            "Invalid format for Authorization header",
        )]),
        ..ApiMessage::new(6003, "Invalid request headers")
    };
    let envelope = Envelope::<()>::failure(vec![validation, header]);
    assert_eq!(
        serde_json::to_value(&envelope).unwrap(),
        json!({
            "errors": [
                {"code": 7001, "message": "Input Validation Error", "path": ["body", "amount"]},
                {"code": 6003, "message": "Invalid request headers", "error_chain": [
                    {"code": 6111, "message": "Invalid format for Authorization header"}
                ]}
            ],
            "messages": [], "result": null, "success": false
        })
    );
}

#[test]
fn cloudflares_own_failures_are_read() {
    let bodies = [
        // Billing: no `messages`.
        (
            r#"{"success":false,"errors":[{"code":7002,"message":"m"}],"result":null}"#,
            7002,
        ),
        (
            r#"{"success":false,"errors":[{"code":7001,"message":"m","path":["body","x"]}],"result":{}}"#,
            7001,
        ),
        (
            r#"{"success":false,"errors":[{"code":9106,"message":"Authentication failed (status: 400)"}],"messages":[],"result":null}"#,
            9106,
        ),
        (
            r#"{"success":false,"errors":[{"code":1000,"message":"m","documentation_url":"u","source":{"pointer":"p"}}],"messages":null}"#,
            1000,
        ),
        // A list's 400: no code.
        (
            r#"{"success":false,"errors":[{"message":"m"}],"result":{}}"#,
            0,
        ),
    ];
    for (body, code) in bodies {
        let envelope: Envelope<serde_json::Value> = serde_json::from_str(body).unwrap();
        assert!(!envelope.success, "{body}");
        assert_eq!(envelope.errors[0].code, code, "{body}");
        assert!(envelope.messages.is_empty(), "{body}");
    }
}

#[test]
fn a_topup_is_asked_for_in_whole_cents_and_nothing_unknown() {
    let plain = CreateTopup {
        amount: 5000,
        payment_method_id: None,
    };
    assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"amount":5000}"#);
    let read = |text| serde_json::from_str::<CreateTopup>(text);
    assert_eq!(read(r#"{"amount":5000}"#).unwrap(), plain);
    let other = read(r#"{"amount":1000,"payment_method_id":"pm_123"}"#).unwrap();
    assert_eq!(other.payment_method_id.as_deref(), Some("pm_123"));
    for refused in [
        r#"{"amount":50.5}"#,
        r#"{"amount":"5000"}"#,
        "{}",
        r#"{"amount":1,"x":1}"#,
    ] {
        assert!(read(refused).is_err(), "{refused}");
    }
}

#[test]
fn a_topups_secret_is_on_the_wire_and_in_no_debug_print() {
    let mut topup = Topup {
        client_secret: Some("pi_1_secret_2".into()),
        onboarding: true,
        payment_intent_id: "in_1abc".into(),
        brand: None,
        last4: Some("4242".into()),
    };
    assert!(!format!("{topup:?}").contains("pi_1_secret_2"));
    assert!(
        serde_json::to_string(&topup)
            .unwrap()
            .contains("pi_1_secret_2")
    );
    topup.client_secret = None;
    topup.last4 = None;
    let expected = r#"{"client_secret":null,"onboarding":true,"payment_intent_id":"in_1abc"}"#;
    assert_eq!(serde_json::to_string(&topup).unwrap(), expected);
}

#[test]
fn a_status_that_is_not_known_is_an_error() {
    let text = r#"{"payment_intent_id":"in_1abc","status":"failed"}"#;
    let error = serde_json::from_str::<TopupStatusResponse>(text).unwrap_err();
    assert!(error.to_string().contains("failed"), "{error}");
}

#[test]
fn a_balance_is_written_with_every_documented_field() {
    let credit = CreditBalance {
        balance: Cents::from_nanos(6_401_900_000),
        has_default_payment_method: false,
        payment_method: None,
        topup_config: TopupConfig::default(),
        first_topup_success: false,
        available: Some(Cents::from_nanos(6_401_899_999)),
        held: Some(Cents::from_nanos(1)),
        pending_topups: Some(Cents::ZERO),
    };
    let expected = concat!(
        r#"{"balance":640.19,"has_default_payment_method":false,"payment_method":null,"#,
        r#""topup_config":{"threshold":null,"amount":null,"error":null,"disabledReason":null,"#,
        r#""lastFailedAt":null},"first_topup_success":false,"#,
        r#""available":640.1899999,"held":0.0000001,"pending_topups":0}"#
    );
    assert_eq!(serde_json::to_string(&credit).unwrap(), expected);
    assert_eq!(
        serde_json::from_str::<CreditBalance>(expected).unwrap(),
        credit
    );
}

#[test]
fn cloudflares_balance_is_read_without_fareboxs_fields() {
    let text = r#"{
        "balance": 640.19, "has_default_payment_method": true,
        "payment_method": {"brand": "visa", "last4": "4242", "wallet": "new"},
        "topup_config": {"threshold": 500, "amount": 5000.0},
        "something_new": {"a": [1]}
    }"#;
    let credit: CreditBalance = serde_json::from_str(text).unwrap();
    assert_eq!(credit.balance.to_string(), "640.19");
    let visa = PaymentMethodSummary {
        brand: Some("visa".into()),
        last4: Some("4242".into()),
    };
    assert_eq!(credit.payment_method, Some(visa));
    assert_eq!(credit.topup_config.threshold, Cents::from_whole(500));
    assert_eq!(credit.topup_config.amount, Cents::from_whole(5000));
    assert_eq!(credit.topup_config.disabled_reason, None);
    assert!(!credit.first_topup_success);
    assert_eq!(
        (credit.available, credit.held, credit.pending_topups),
        (None, None, None)
    );
}

#[test]
fn a_token_is_verified_as_cloudflare_answers() {
    // As the troubleshooting page and a live answer show it.
    let text = r#"{
        "result": {"id": "f267e341f3dd4697bd3b9f71dd96247f", "status": "active",
                   "not_before": "2018-07-01T05:20:00Z", "expires_on": "2020-01-01T00:00:00Z"},
        "success": true, "errors": [],
        "messages": [{"code": 10000, "message": "This API Token is valid and active", "type": null}]
    }"#;
    let envelope: Envelope<TokenVerify> = serde_json::from_str(text).unwrap();
    assert_eq!(envelope.messages[0].code, 10000);
    let token = envelope.result.unwrap();
    assert_eq!(token.status, TokenStatus::Active);
    assert_eq!(token.expires_on.as_deref(), Some("2020-01-01T00:00:00Z"));

    let expired = TokenVerify {
        status: TokenStatus::Expired,
        not_before: None,
        expires_on: None,
        ..token
    };
    let expected = r#"{"id":"f267e341f3dd4697bd3b9f71dd96247f","status":"expired"}"#;
    assert_eq!(serde_json::to_string(&expired).unwrap(), expected);
}
