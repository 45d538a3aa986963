use serde_json::json;

use crate::client::{KEY, PUBLISHABLE, start};

#[tokio::test]
async fn a_test_card_is_attached_as_a_copy_of_its_own() {
    let app = start().await;
    let (one, two) = (app.http.customer().await, app.http.customer().await);
    let attach = "/v1/payment_methods/pm_card_visa/attach";
    let first = app.http.post(attach, &[("customer", &one)]).await.ok();
    let second = app.http.post(attach, &[("customer", &two)]).await.ok();
    assert_eq!(first["customer"], json!(one));
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["id"], json!("pm_card_visa"));
    let path = format!(
        "/v1/payment_methods/{}/attach",
        first["id"].as_str().unwrap()
    );
    let taken = app.http.post(&path, &[("customer", &two)]).await;
    assert_eq!(taken.status, 400, "a card belongs to one customer");
}

#[tokio::test]
async fn a_card_that_declines_is_declined_on_attaching_but_for_one() {
    let app = start().await;
    let customer = app.http.customer().await;
    for (card, expected) in [
        ("pm_card_chargeDeclined", (402, "card_declined")),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            (402, "card_declined"),
        ),
        ("pm_card_chargeDeclinedExpiredCard", (402, "expired_card")),
        ("pm_card_chargeCustomerFail", (200, "no error")),
        ("pm_card_unheardOf", (404, "resource_missing")),
    ] {
        let path = format!("/v1/payment_methods/{card}/attach");
        let answer = app.http.post(&path, &[("customer", &customer)]).await;
        assert_eq!(answer.error(), expected, "{card}");
    }
}

#[tokio::test]
async fn a_seeded_test_id_is_the_customers_own_card() {
    let app = start().await;
    let (one, two) = (app.http.customer().await, app.http.customer().await);
    app.stripe
        .seed_customer_card(&one, "pm_card_visa", true)
        .unwrap();
    let seeded = app
        .http
        .get("/v1/payment_methods/pm_card_visa", &[])
        .await
        .ok();
    assert_eq!(
        (&seeded["id"], &seeded["customer"]),
        (&json!("pm_card_visa"), &json!(one))
    );

    let path = format!("customers/{two}/cards");
    app.http
        .control(&path, json!({ "payment_method": "pm_card_chargeDeclined" }))
        .await
        .ok();
    app.http
        .control(&path, json!({ "payment_method": "pm_card_visa" }))
        .await
        .ok();
    let (invoice, intent) = app.http.open(&one, "5000").await;
    app.http
        .pay(&invoice, &[("payment_method", "pm_card_visa")])
        .await
        .ok();
    assert_eq!(
        app.http.intent(&intent).await["payment_method"],
        json!("pm_card_visa")
    );

    let (invoice, _) = app.http.open(&two, "5000").await;
    let declined = app
        .http
        .pay(&invoice, &[("payment_method", "pm_card_chargeDeclined")])
        .await;
    assert_eq!(declined.error(), (402, "card_declined"));
    app.http
        .pay(&invoice, &[("payment_method", "pm_card_visa")])
        .await
        .ok();
    for customer in [&one, &two] {
        let path = format!("/v1/customers/{customer}/payment_methods/pm_card_visa");
        assert_eq!(
            app.http.get(&path, &[]).await.ok()["customer"],
            json!(customer)
        );
    }
    let listed = app
        .http
        .get("/v1/payment_methods", &[("customer", &two)])
        .await
        .ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn only_the_customers_own_card_pays_or_is_its_default() {
    let app = start().await;
    let (one, two) = (
        app.http.customer().await,
        app.http.customer_with("pm_card_visa").await,
    );
    let cards = app
        .http
        .get("/v1/payment_methods", &[("customer", &two)])
        .await
        .ok();
    let foreign = cards["data"][0]["id"].as_str().unwrap();
    let default = [("invoice_settings[default_payment_method]", foreign)];
    let refused = app
        .http
        .post(&format!("/v1/customers/{one}"), &default)
        .await;
    assert_eq!(refused.error(), (400, "resource_missing"));
    let (invoice, _) = app.http.open(&one, "5000").await;
    let refused = app.http.pay(&invoice, &[("payment_method", foreign)]).await;
    assert_eq!(refused.error(), (400, "resource_missing"));
    assert_eq!(
        app.http.pay(&invoice, &[]).await.error(),
        (400, "resource_missing"),
        "no card"
    );
}

#[tokio::test]
async fn a_detached_card_is_nobodys_default() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let path = format!("/v1/customers/{customer}");
    let before = app.http.get(&path, &[]).await.ok();
    let method = before["invoice_settings"]["default_payment_method"]
        .as_str()
        .unwrap();
    app.http
        .post(&format!("/v1/payment_methods/{method}/detach"), &[])
        .await
        .ok();
    let after = app.http.get(&path, &[]).await.ok();
    assert_eq!(
        after["invoice_settings"]["default_payment_method"],
        json!(null)
    );
    let events = app.http.get("/v1/events", &[("limit", "2")]).await.ok();
    let told = |index: usize| {
        let event = &events["data"][index];
        (&event["type"], &event["data"]["previous_attributes"])
    };
    let previous = &before["invoice_settings"];
    assert_eq!(
        told(0),
        (
            &json!("customer.updated"),
            &json!({ "invoice_settings": previous })
        )
    );
    assert_eq!(
        told(1),
        (
            &json!("payment_method.detached"),
            &json!({ "customer": customer })
        )
    );
}

#[tokio::test]
async fn detaching_another_card_leaves_the_default() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let attach = "/v1/payment_methods/pm_card_mastercard/attach";
    let spare = app.http.post(attach, &[("customer", &customer)]).await.id();
    let before = app.http.events_about(&customer).await;
    app.http
        .post(&format!("/v1/payment_methods/{spare}/detach"), &[])
        .await
        .ok();
    assert_eq!(app.http.events_about(&customer).await, before);
    let kept = &app.stripe.object(&customer)["invoice_settings"];
    assert!(kept["default_payment_method"].is_string());
}

#[tokio::test]
async fn keys_open_what_they_should() {
    let app = start().await;
    let get = |authorization: &'static str| {
        let http = app.http.clone();
        async move {
            let headers = [("authorization", authorization)];
            http.send("GET", "/v1/customers", &[], &headers)
                .await
                .unwrap()
                .status
        }
    };
    assert_eq!(KEY, "sk_test_it");
    assert_eq!(get("Bearer sk_test_it").await, 200);
    assert_eq!(
        get("Basic c2tfdGVzdF9pdDo=").await,
        200,
        "sk_test_it: in base 64"
    );
    assert_eq!(get("Bearer sk_test_i").await, 401);
    assert_eq!(get("Basic c2tfdGVzdF9pdAo6").await, 401);
    assert_eq!(get("").await, 401);
    assert_eq!(PUBLISHABLE, "pk_test_it");
    assert_eq!(get("Bearer pk_test_it").await, 403);
}

#[tokio::test]
async fn the_journal_keeps_no_secret() {
    let app = start().await;
    let form = [
        ("type", "card"),
        ("card[number]", "4242424242424242"),
        ("card[exp_month]", "12"),
        ("card[exp_year]", "2040"),
        ("card[cvc]", "987"),
    ];
    app.http
        .keyed("/v1/payment_methods", &form, "the-key")
        .await
        .ok();
    let journal = app.stripe.requests();
    let entry = journal.last().unwrap();
    assert_eq!((entry.method.as_str(), entry.status), ("POST", Some(200)));
    assert_eq!(entry.path, "/v1/payment_methods");
    assert_eq!(entry.idempotency_key.as_deref(), Some("the-key"));
    assert_eq!(entry.form["card"]["exp_year"], json!("2040"));
    let text = serde_json::to_string(&journal).unwrap();
    for secret in ["4242424242424242", "987", KEY] {
        assert!(!text.contains(secret), "{secret}");
    }
    let dump = app.stripe.state().to_string();
    assert!(!dump.contains("4242424242424242") && !dump.contains(KEY));
}
