use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn a_charge_is_given_back_once() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let early = app
        .http
        .post("/v1/refunds", &[("payment_intent", &intent)])
        .await;
    assert_eq!(early.status, 400, "nothing has been paid");
    app.http.pay(&invoice, &[]).await.ok();
    for (amount, expected) in [
        (
            "6000",
            (
                400,
                "Refund amount ($60.00) is greater than charge amount ($50.00)",
            ),
        ),
        ("0", (400, "parameter_invalid_integer")),
        ("1500", (200, "no error")),
        (
            "3501",
            (
                400,
                "Refund amount ($35.01) is greater than unrefunded amount on charge ($35.00)",
            ),
        ),
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
    let charge = app.http.intent(&intent).await["latest_charge"]
        .as_str()
        .unwrap()
        .to_owned();
    let after = app
        .http
        .get(&format!("/v1/charges/{charge}"), &[])
        .await
        .ok();
    assert_eq!(
        (&after["amount_refunded"], &after["refunded"]),
        (&json!(5000), &json!(true))
    );
    assert_eq!(
        app.http.invoice(&invoice).await["status"],
        "paid",
        "a refund does not unpay"
    );
    let listed = app
        .http
        .get("/v1/refunds", &[("charge", &charge)])
        .await
        .ok();
    let refunds = listed["data"].as_array().unwrap();
    assert_eq!(
        refunds
            .iter()
            .map(|r| r["amount"].as_i64().unwrap())
            .sum::<i64>(),
        5000
    );
    let newest = refunds[0]["id"].as_str().unwrap();
    assert_eq!(app.http.events_about(newest).await, ["refund.created"]);
    assert_eq!(
        app.http.events_about(&charge).await,
        ["charge.succeeded", "charge.refunded", "charge.refunded"],
    );
}
