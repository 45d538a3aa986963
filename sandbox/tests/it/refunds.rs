use serde_json::json;

use crate::client::{App, start};

/// A paid invoice of 5000 cents and its intent.
async fn paid(app: &App) -> (String, String) {
    let customer = app.http.customer_with("pm_card_visa").await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let early = app
        .http
        .post("/v1/refunds", &[("payment_intent", &intent)])
        .await;
    assert_eq!(early.status, 400, "nothing has been paid");
    app.http.pay(&invoice, &[]).await.ok();
    (invoice, intent)
}

#[tokio::test]
async fn no_more_is_given_back_than_was_paid() {
    let app = start().await;
    let (_, intent) = paid(&app).await;
    let above_all = "Refund amount ($60.00) is greater than charge amount ($50.00)";
    let above_rest = "Refund amount ($35.01) is greater than unrefunded amount on charge ($35.00)";
    for (amount, expected) in [
        ("6000", (400, above_all)),
        ("0", (400, "parameter_invalid_integer")),
        ("1500", (200, "no error")),
        ("3501", (400, above_rest)),
        ("3500", (200, "no error")),
        ("1", (400, "charge_already_refunded")),
    ] {
        let form = [("payment_intent", intent.as_str()), ("amount", amount)];
        assert_eq!(
            app.http.post("/v1/refunds", &form).await.error(),
            expected,
            "{amount}"
        );
    }
    let after = app.http.charge(&intent).await;
    assert_eq!(
        (&after["amount_refunded"], &after["refunded"]),
        (&json!(5000), &json!(true))
    );
}

#[tokio::test]
async fn a_refund_is_told_of_and_does_not_unpay_the_invoice() {
    let app = start().await;
    let (invoice, intent) = paid(&app).await;
    let form = [("payment_intent", intent.as_str()), ("amount", "1500")];
    let part = app.http.post("/v1/refunds", &form).await.id();
    let charge = app.http.charge(&intent).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rest = app
        .http
        .post("/v1/refunds", &[("charge", &charge)])
        .await
        .id();
    assert_eq!(app.http.invoice(&invoice).await["status"], "paid");
    let listed = app
        .http
        .get("/v1/refunds", &[("charge", &charge)])
        .await
        .ok();
    let amounts = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| refund["amount"].clone());
    assert_eq!(amounts.collect::<Vec<_>>(), [3500, 1500]);
    for refund in [part, rest] {
        assert_eq!(app.http.events_about(&refund).await, ["refund.created"]);
    }
    let told = app.http.events_about(&charge).await;
    assert_eq!(
        told,
        ["charge.succeeded", "charge.refunded", "charge.refunded"]
    );
}
