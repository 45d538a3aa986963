use std::time::Duration;

use sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::client::start;

fn fault(path: &str, action: FaultAction) -> Fault {
    Fault {
        method: Some("POST".into()),
        path: path.into(),
        nth: 1,
        times: 1,
        action,
    }
}

#[tokio::test]
async fn a_repeat_is_answered_from_memory() {
    let app = start().await;
    let form = [("name", "once"), ("metadata[a]", "1")];
    let first = app.http.keyed("/v1/customers", &form, "k").await;
    let again = app.http.keyed("/v1/customers", &form, "k").await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    let all = app.http.get("/v1/customers", &[]).await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    let journal = app.stripe.requests();
    assert_eq!((journal[0].replayed, journal[1].replayed), (false, true));
}

#[tokio::test]
async fn other_parameters_under_a_key_are_refused() {
    let app = start().await;
    app.http
        .keyed("/v1/customers", &[("name", "a")], "k")
        .await
        .ok();
    let other = app.http.keyed("/v1/customers", &[("name", "b")], "k").await;
    assert_eq!(
        (other.status, &other.body["error"]["type"]),
        (400, &json!("idempotency_error"))
    );
    let elsewhere = app
        .http
        .keyed("/v1/setup_intents", &[("name", "a")], "k")
        .await;
    assert_eq!(elsewhere.status, 400);
    let right = app.http.keyed("/v1/customers", &[("name", "a")], "k").await;
    assert_eq!(
        right.header("idempotent-replayed"),
        Some("true"),
        "the first one stays"
    );
}

#[tokio::test]
async fn a_decline_is_stored_and_a_bad_parameter_is_not() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_chargeCustomerFail").await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let path = format!("/v1/invoices/{invoice}/pay");
    let first = app.http.keyed(&path, &[], "pay").await;
    let again = app.http.keyed(&path, &[], "pay").await;
    assert_eq!((first.status, &first.body), (402, &again.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let charges = app
        .http
        .get("/v1/charges", &[("payment_intent", &intent)])
        .await
        .ok();
    assert_eq!(
        charges["data"].as_array().unwrap().len(),
        1,
        "the card was asked once"
    );

    let bad = app
        .http
        .keyed("/v1/customers", &[("nonsense", "x")], "c")
        .await;
    assert_eq!(bad.error(), (400, "parameter_unknown"));
    app.http
        .keyed("/v1/customers", &[("name", "right")], "c")
        .await
        .ok();
}

#[tokio::test]
async fn a_refused_parameter_leaves_the_key_free() {
    let app = start().await;
    let customer = app.http.customer().await;
    let form = [("customer", customer.as_str()), ("amount", "5")];
    let bad = app.http.keyed("/v1/invoiceitems", &form[..1], "k").await;
    assert_eq!(bad.error(), (400, "parameter_missing"));
    app.http.keyed("/v1/invoiceitems", &form, "k").await.ok();
}

#[tokio::test]
async fn what_cannot_be_expanded_is_refused_before_the_work() {
    let app = start().await;
    let post = |expand: &'static str| {
        let http = app.http.clone();
        async move {
            http.keyed("/v1/customers", &[("expand[]", expand)], "k")
                .await
                .status
        }
    };
    assert_eq!(post("nonsense").await, 400);
    assert_eq!(
        post("payments.data.payment.payment_intent.latest_charge").await,
        400
    );
    let all = app.http.get("/v1/customers", &[]).await.ok();
    assert_eq!(all["data"], json!([]));
    app.http.keyed("/v1/customers", &[], "k").await.ok();
}

#[tokio::test]
async fn an_error_after_the_work_is_what_is_replayed() {
    let app = start().await;
    app.stripe.add_fault(fault(
        "/v1/customers",
        FaultAction::WorkThenAnswer { status: 500 },
    ));
    let first = app.http.keyed("/v1/customers", &[], "k").await;
    let again = app.http.keyed("/v1/customers", &[], "k").await;
    assert_eq!((first.status, again.status), (500, 500));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let all = app.http.get("/v1/customers", &[]).await.ok();
    assert_eq!(
        all["data"].as_array().unwrap().len(),
        1,
        "the work was done, once"
    );
}

#[tokio::test]
async fn a_request_under_way_blocks_its_key() {
    let app = start().await;
    let hang = app
        .stripe
        .add_fault(fault("/v1/customers", FaultAction::HangBefore));
    let http = app.http.clone();
    let mut first = Box::pin(async move { http.keyed("/v1/customers", &[], "k").await });
    tokio::select! {
        () = app.stripe.hanging(hang) => {}
        _ = &mut first => panic!("it was to hang"),
    }
    let second = app.http.keyed("/v1/customers", &[], "k").await;
    assert_eq!(second.error(), (409, "idempotency_key_in_use"));
    assert!(app.stripe.release(hang));
    let first = first.await.id();
    let third = app.http.keyed("/v1/customers", &[], "k").await;
    assert_eq!(third.id(), first);
}

#[tokio::test]
async fn a_client_that_left_before_the_work_leaves_its_key_free() {
    let app = start().await;
    let hang = app
        .stripe
        .add_fault(fault("/v1/customers", FaultAction::HangBefore));
    let http = app.http.clone();
    let first = async { http.keyed("/v1/customers", &[], "k").await };
    tokio::select! {
        () = app.stripe.hanging(hang) => {}
        _ = first => panic!("it was to hang"),
    }
    // The connection is gone; the server has to notice it before the key is free again.
    for _ in 0..100 {
        let again = app.http.keyed("/v1/customers", &[], "k").await;
        if again.status == 200 {
            assert_eq!(again.header("idempotent-replayed"), None);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the key stayed reserved");
}
