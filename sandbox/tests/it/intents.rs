use sandbox::Outcome;
use serde_json::json;

use crate::client::{PUBLISHABLE, start};

#[tokio::test]
async fn a_browser_pays_with_a_new_card_and_only_with_the_secret() {
    let app = start().await;
    let customer = app.http.customer().await;
    let (invoice, intent) = app.http.open(&customer, "5000").await;
    let secret = app.http.intent(&intent).await["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/payment_intents/{intent}/confirm");
    let card = [
        ("key", PUBLISHABLE),
        ("payment_method_data[type]", "card"),
        ("payment_method_data[card][number]", "4242 4242 4242 4242"),
        ("payment_method_data[card][exp_month]", "12"),
        ("payment_method_data[card][exp_year]", "2040"),
        ("setup_future_usage", "off_session"),
    ];
    let key = [("authorization", "")];
    let without = app.http.send("POST", &path, &card, &key).await.unwrap();
    assert_eq!(without.error(), (400, "payment_intent_invalid_parameter"));
    let with = |secret: String| {
        let (http, path) = (app.http.clone(), path.clone());
        async move {
            let form: Vec<_> = card
                .into_iter()
                .chain([("client_secret", secret.as_str())])
                .collect();
            http.send("POST", &path, &form, &key).await.unwrap()
        }
    };
    assert_eq!(with(format!("{secret}x")).await.status, 400);
    assert_eq!(with(secret).await.ok()["status"], "succeeded");
    assert_eq!(app.http.invoice(&invoice).await["status"], "paid");
    let cards = app
        .http
        .get("/v1/payment_methods", &[("customer", &customer)])
        .await
        .ok();
    assert_eq!(
        cards["data"].as_array().unwrap().len(),
        1,
        "and the card is kept for later"
    );
}

#[tokio::test]
async fn test_cards_do_what_they_are_for() {
    let app = start().await;
    for (number, code, decline) in [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ] {
        let form = [
            ("amount", "500"),
            ("currency", "usd"),
            ("confirm", "true"),
            ("payment_method_data[type]", "card"),
            ("payment_method_data[card][number]", number),
        ];
        let answer = app.http.post("/v1/payment_intents", &form).await;
        assert_eq!(answer.error(), (402, code), "{number}");
        assert_eq!(answer.body["error"]["decline_code"], decline, "{number}");
    }
}

#[tokio::test]
async fn a_card_may_be_declined_after_authentication() {
    let app = start().await;
    let form = [
        ("amount", "500"),
        ("currency", "usd"),
        ("confirm", "true"),
        (
            "payment_method",
            "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        ),
    ];
    let asked = app.http.post("/v1/payment_intents", &form).await.ok();
    assert_eq!(asked["status"], "requires_action");
    let after = app
        .stripe
        .authenticate(asked["id"].as_str().unwrap(), Outcome::Succeed)
        .unwrap();
    assert_eq!(after["status"], "requires_payment_method");
    assert_eq!(
        after["last_payment_error"]["decline_code"],
        "insufficient_funds"
    );
}

#[tokio::test]
async fn a_setup_intent_saves_the_card_and_its_authentication() {
    let app = start().await;
    let customer = app.http.customer().await;
    let form = [
        ("customer", customer.as_str()),
        ("confirm", "true"),
        ("payment_method", "pm_card_authenticationRequiredOnSetup"),
    ];
    let asked = app.http.post("/v1/setup_intents", &form).await.ok();
    assert_eq!(asked["status"], "requires_action");
    let listed = [("customer", customer.as_str())];
    let before = app.http.get("/v1/payment_methods", &listed).await.ok();
    assert_eq!(
        before["data"],
        json!([]),
        "not before the customer has authenticated"
    );
    let id = asked["id"].as_str().unwrap();
    let done = app.stripe.authenticate(id, Outcome::Succeed).unwrap();
    assert_eq!(done["status"], "succeeded");
    assert_eq!(
        app.http.events_about(id).await,
        [
            "setup_intent.created",
            "setup_intent.requires_action",
            "setup_intent.succeeded"
        ],
    );
    let method = done["payment_method"].as_str().unwrap();
    let (invoice, _) = app.http.open(&customer, "5000").await;
    let pay = [("payment_method", method), ("off_session", "true")];
    assert_eq!(app.http.pay(&invoice, &pay).await.ok()["status"], "paid");
    let (invoice, _) = app.http.open(&customer, "5000").await;
    let pay = [("payment_method", method), ("off_session", "false")];
    let asked = app.http.pay(&invoice, &pay).await;
    assert_eq!(
        asked.error(),
        (402, "invoice_payment_intent_requires_action")
    );
}

#[tokio::test]
async fn confirming_a_setup_intent_attaches_its_card_and_tells_of_it() {
    let app = start().await;
    let customer = app.http.customer().await;
    let made = app
        .http
        .post("/v1/setup_intents", &[("customer", &customer)])
        .await
        .id();
    let confirm = format!("/v1/setup_intents/{made}/confirm");
    let declined = [("payment_method", "pm_card_chargeDeclined")];
    let declined = app.http.post(&confirm, &declined).await;
    assert_eq!(declined.error(), (402, "card_declined"));
    let visa = [("payment_method", "pm_card_visa")];
    let done = app.http.post(&confirm, &visa).await.ok();
    assert_eq!(
        app.http.events_about(&made).await,
        [
            "setup_intent.created",
            "setup_intent.setup_failed",
            "setup_intent.succeeded"
        ]
    );
    let method = done["payment_method"].as_str().unwrap();
    assert_eq!(app.stripe.object(method)["customer"], json!(customer));
    assert_eq!(
        app.http.events_about(method).await,
        ["payment_method.attached"]
    );
}

#[tokio::test]
async fn a_failed_setup_saves_nothing() {
    let app = start().await;
    let customer = app.http.customer().await;
    let form = [
        ("customer", customer.as_str()),
        ("payment_method", "pm_card_authenticationRequired"),
    ];
    let made = app.http.post("/v1/setup_intents", &form).await.id();
    app.http
        .post(&format!("/v1/setup_intents/{made}/confirm"), &[])
        .await
        .ok();
    let failed = app.stripe.authenticate(&made, Outcome::Fail).unwrap();
    assert_eq!(failed["status"], "requires_payment_method");
    assert_eq!(
        failed["last_setup_error"]["code"],
        "setup_intent_authentication_failure"
    );
    let cards = app
        .http
        .get("/v1/payment_methods", &[("customer", &customer)])
        .await
        .ok();
    assert_eq!(cards["data"], json!([]));
}

#[tokio::test]
async fn amounts_have_bounds() {
    let app = start().await;
    for (amount, expected) in [
        ("49", (400, "amount_too_small")),
        ("50", (200, "no error")),
        ("99999999", (200, "no error")),
        ("100000000", (400, "amount_too_large")),
        ("5.5", (400, "parameter_invalid_integer")),
        ("", (400, "parameter_invalid_empty")),
    ] {
        let form = [("amount", amount), ("currency", "usd")];
        let answer = app.http.post("/v1/payment_intents", &form).await;
        assert_eq!(answer.error(), expected, "{amount}");
    }
    let answer = app
        .http
        .post("/v1/payment_intents", &[("currency", "usd")])
        .await;
    assert_eq!(answer.error(), (400, "parameter_missing"));
    assert_eq!(answer.body["error"]["param"], "amount");
}
