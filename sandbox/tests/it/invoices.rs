use sandbox::Outcome;
use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn a_paid_invoice_says_so_everywhere() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let paid = app
        .http
        .pay(&invoice, &[("off_session", "true")])
        .await
        .ok();
    assert_eq!(paid["status"], "paid");
    assert_eq!(
        (&paid["amount_paid"], &paid["amount_remaining"]),
        (&json!(5000), &json!(0))
    );
    assert_eq!(paid["total_excluding_tax"], 5000);
    assert!(paid["status_transitions"]["paid_at"].is_i64());
    let intent_now = app.http.intent(&intent).await;
    assert_eq!(
        (&intent_now["status"], &intent_now["amount_received"]),
        (&json!("succeeded"), &json!(5000))
    );
    assert_eq!(
        app.http.events_about(&invoice).await,
        [
            "invoice.created",
            "invoice.updated",
            "invoice.updated",
            "invoice.finalized",
            "invoice.updated",
            "invoice.paid",
            "invoice.payment_succeeded"
        ],
    );
    assert_eq!(
        app.http.events_about(&intent).await,
        ["payment_intent.created", "payment_intent.succeeded"],
    );
}

#[tokio::test]
async fn a_decline_leaves_the_invoice_open() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_chargeCustomerFail").await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let declined = app.http.pay(&invoice, &[]).await;
    assert_eq!(declined.error(), (402, "card_declined"));
    let error = &declined.body["error"];
    assert_eq!(
        (&error["type"], &error["decline_code"]),
        (&json!("card_error"), &json!("generic_decline"))
    );
    assert_eq!(error["payment_intent"]["id"], json!(intent));
    let after = app.http.intent(&intent).await;
    assert_eq!(after["status"], "requires_payment_method");
    assert_eq!(after["last_payment_error"]["code"], "card_declined");
    let open = app.http.invoice(&invoice).await;
    assert_eq!(
        (&open["status"], &open["attempt_count"]),
        (&json!("open"), &json!(1))
    );
    assert_eq!(
        app.http.events_about(&invoice).await.last().unwrap(),
        "invoice.payment_failed"
    );
    app.stripe
        .seed_customer_card(&customer, "pm_card_visa", true)
        .unwrap();
    assert_eq!(
        app.http.pay(&invoice, &[]).await.ok()["status"],
        "paid",
        "another card pays it"
    );
}

#[tokio::test]
async fn authentication_is_asked_for_only_when_the_customer_is_there() {
    for (off_session, code, status) in [
        (
            "false",
            "invoice_payment_intent_requires_action",
            "requires_action",
        ),
        ("true", "authentication_required", "requires_payment_method"),
    ] {
        let app = start().await;
        let customer = app
            .http
            .customer_with("pm_card_authenticationRequired")
            .await;
        let (invoice, intent) = app.http.open(&customer, "5000").await;
        let answer = app
            .http
            .pay(&invoice, &[("off_session", off_session)])
            .await;
        assert_eq!(answer.error(), (402, code));
        assert_eq!(app.http.intent(&intent).await["status"], status);
        assert_eq!(app.http.invoice(&invoice).await["status"], "open");
    }
}

#[tokio::test]
async fn off_session_is_the_default_of_pay() {
    let app = start().await;
    let customer = app
        .http
        .customer_with("pm_card_authenticationRequired")
        .await;
    let (invoice, _) = app.http.open(&customer, "5000").await;
    assert_eq!(
        app.http.pay(&invoice, &[]).await.error(),
        (402, "authentication_required")
    );
}

#[tokio::test]
async fn an_authenticated_payment_pays_and_a_failed_one_does_not() {
    for (outcome, invoice_status, intent_status) in [
        (Outcome::Succeed, "paid", "succeeded"),
        (Outcome::Fail, "open", "requires_payment_method"),
    ] {
        let app = start().await;
        let customer = app
            .http
            .customer_with("pm_card_authenticationRequired")
            .await;
        let (invoice, intent) = app.http.open(&customer, "5000").await;
        app.http.pay(&invoice, &[("off_session", "false")]).await;
        app.stripe.authenticate(&intent, outcome).unwrap();
        assert_eq!(app.http.invoice(&invoice).await["status"], invoice_status);
        assert_eq!(app.http.intent(&intent).await["status"], intent_status);
        assert!(
            app.stripe.authenticate(&intent, outcome).is_err(),
            "it asks only once"
        );
    }
}

#[tokio::test]
async fn a_voided_invoice_can_neither_be_paid_nor_authenticated() {
    let app = start().await;
    let customer = app
        .http
        .customer_with("pm_card_authenticationRequired")
        .await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    app.http.pay(&invoice, &[("off_session", "false")]).await;
    let voided = app
        .http
        .post(&format!("/v1/invoices/{invoice}/void"), &[])
        .await
        .ok();
    assert_eq!(voided["status"], "void");
    let canceled = app.http.intent(&intent).await;
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(canceled["cancellation_reason"], "void_invoice");
    let error = app
        .stripe
        .authenticate(&intent, Outcome::Succeed)
        .unwrap_err();
    assert_eq!(error.error["code"], "payment_intent_unexpected_state");
    assert_eq!(
        app.http.pay(&invoice, &[]).await.error(),
        (400, "Voided invoices cannot be paid.")
    );
}

#[tokio::test]
async fn what_is_done_cannot_be_done_again() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let path = format!("/v1/invoices/{invoice}");
    app.http.pay(&invoice, &[]).await.ok();
    assert_eq!(
        app.http.pay(&invoice, &[]).await.error(),
        (400, "Invoice is already paid")
    );
    for action in ["void", "mark_uncollectible", "finalize"] {
        let answer = app.http.post(&format!("{path}/{action}"), &[]).await;
        assert_eq!(answer.status, 400, "{action}");
    }
    let item = [("invoice", invoice.as_str()), ("amount", "1")];
    let late = app.http.post("/v1/invoiceitems", &item).await;
    assert_eq!(late.error(), (400, "invoice_not_editable"));
    let confirm = app
        .http
        .post(&format!("/v1/payment_intents/{intent}/confirm"), &[])
        .await;
    assert_eq!(confirm.error(), (400, "payment_intent_unexpected_state"));
    assert_eq!(app.http.invoice(&invoice).await["status"], "paid");
}

#[tokio::test]
async fn the_intent_of_an_invoice_cannot_be_canceled_apart() {
    let app = start().await;
    let customer = app.http.customer().await;
    let (_, intent) = app.http.open(&customer, "5000").await;
    let answer = app
        .http
        .post(&format!("/v1/payment_intents/{intent}/cancel"), &[])
        .await;
    assert_eq!(answer.error(), (400, "payment_intent_unexpected_state"));
}

#[tokio::test]
async fn money_from_elsewhere_counts_but_is_no_succeeded_payment() {
    let app = start().await;
    let customer = app.http.customer().await;
    let (invoice, _) = app.http.open(&customer, "5000").await;
    let paid = app
        .http
        .pay(&invoice, &[("paid_out_of_band", "true")])
        .await
        .ok();
    assert_eq!(
        (&paid["status"], &paid["amount_paid_off_stripe"]),
        (&json!("paid"), &json!(5000))
    );
    let events = app.http.events_about(&invoice).await;
    assert!(events.contains(&"invoice.paid".to_owned()));
    assert!(!events.contains(&"invoice.payment_succeeded".to_owned()));
}

#[tokio::test]
async fn a_balance_changes_what_is_due_and_not_the_total() {
    // (balance before, lines, due, balance after, status after finalization)
    for (before, lines, due, after, status) in [
        ("0", "5000", 5000, 0, "open"),
        ("-2000", "5000", 3000, 0, "open"),
        ("-6000", "5000", 0, -1000, "paid"),
        ("700", "5000", 5700, 0, "open"),
        ("0", "49", 0, 49, "paid"),
        ("0", "50", 50, 0, "open"),
    ] {
        let app = start().await;
        let customer = app.http.customer().await;
        app.http
            .post(&format!("/v1/customers/{customer}"), &[("balance", before)])
            .await
            .ok();
        let (invoice, _) = app.http.open(&customer, lines).await;
        let found = app.http.invoice(&invoice).await;
        let owner = app
            .http
            .get(&format!("/v1/customers/{customer}"), &[])
            .await
            .ok();
        assert_eq!(
            (&found["amount_due"], &owner["balance"], &found["status"]),
            (&json!(due), &json!(after), &json!(status)),
            "balance {before}, lines {lines}",
        );
        assert_eq!(found["total"].to_string(), lines);
    }
}

#[tokio::test]
async fn drafts_take_only_what_is_theirs() {
    let app = start().await;
    let customer = app.http.customer().await;
    let floating = [("customer", customer.as_str()), ("amount", "700")];
    app.http.post("/v1/invoiceitems", &floating).await.ok();
    let plain = app.http.draft(&customer, "5000").await;
    assert_eq!(
        app.http.invoice(&plain).await["total"],
        5000,
        "nothing is swept up by default"
    );
    let form = [
        ("customer", customer.as_str()),
        ("pending_invoice_items_behavior", "include"),
    ];
    let swept = app.http.post("/v1/invoices", &form).await.ok();
    assert_eq!(swept["total"], 700);
    let empty = app
        .http
        .post("/v1/invoices", &[("customer", &customer)])
        .await
        .id();
    let answer = app
        .http
        .post(&format!("/v1/invoices/{empty}/finalize"), &[])
        .await;
    assert_eq!(answer.error(), (400, "invoice_no_customer_line_items"));
}

#[tokio::test]
async fn secrets_and_payments_are_sent_only_when_asked_for() {
    let app = start().await;
    let customer = app.http.customer().await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let plain = app.http.invoice(&invoice).await;
    assert!(plain.get("payments").is_none() && plain["confirmation_secret"].is_null());
    let form = [
        ("expand[]", "confirmation_secret"),
        ("expand[]", "payments.data.payment.payment_intent"),
    ];
    let full = app
        .http
        .get(&format!("/v1/invoices/{invoice}"), &form)
        .await
        .ok();
    let payment = &full["payments"]["data"][0]["payment"]["payment_intent"];
    assert_eq!(payment["id"], json!(intent));
    assert_eq!(
        full["confirmation_secret"]["client_secret"],
        payment["client_secret"]
    );
    let wrong = [("expand[]", "nothing_of_the_kind")];
    assert_eq!(
        app.http
            .get(&format!("/v1/invoices/{invoice}"), &wrong)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn an_intent_leads_back_to_its_invoice() {
    let app = start().await;
    let customer = app.http.customer().await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    app.http.open(&customer, "6000").await;
    let form = [
        ("payment[type]", "payment_intent"),
        ("payment[payment_intent]", intent.as_str()),
    ];
    let found = app.http.get("/v1/invoice_payments", &form).await.ok();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["invoice"], json!(invoice));
}
