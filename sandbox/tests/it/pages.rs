use serde_json::json;

use crate::client::{App, start};

/// An intent that waits for its customer, and its secret.
async fn asked(app: &App, back: &str) -> (String, String) {
    let form = [
        ("amount", "1234"),
        ("currency", "usd"),
        ("confirm", "true"),
        ("payment_method", "pm_card_authenticationRequired"),
        ("return_url", back),
    ];
    let intent = app.http.post("/v1/payment_intents", &form).await.ok();
    let secret = intent["client_secret"].as_str().unwrap();
    let url = intent["next_action"]["redirect_to_url"]["url"]
        .as_str()
        .unwrap();
    let id = intent["id"].as_str().unwrap();
    assert_eq!(
        url,
        format!("{}/3ds/{id}?client_secret={secret}", app.http.url)
    );
    (id.to_owned(), secret.to_owned())
}

#[tokio::test]
async fn the_page_ends_authentication_and_leads_back() {
    for (outcome, status, result) in [
        ("succeed", "succeeded", "succeeded"),
        ("fail", "requires_payment_method", "failed"),
    ] {
        let app = start().await;
        let (id, secret) = asked(&app, "https://shop.example/back?order=1").await;
        let path = format!("/3ds/{id}");
        let page = app.http.get(&path, &[("client_secret", &secret)]).await;
        let html = page.body.as_str().unwrap();
        assert!(page.status == 200 && html.contains("USD 12.34"));
        assert!(html.contains("value=succeed") && html.contains("value=fail"));
        let form = [("client_secret", secret.as_str()), ("outcome", outcome)];
        let answer = app.http.post(&path, &form).await;
        let back = format!(
            "https://shop.example/back?order=1&payment_intent={id}\
             &payment_intent_client_secret={secret}&redirect_status={result}"
        );
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(back.as_str()))
        );
        assert_eq!(app.http.intent(&id).await["status"], json!(status));
        assert_eq!(
            app.http.post(&path, &form).await.status,
            409,
            "it asks once"
        );
    }
}

#[tokio::test]
async fn the_page_needs_the_secret() {
    let app = start().await;
    let (id, _) = asked(&app, "https://shop.example/").await;
    for form in [
        &[][..],
        &[("client_secret", "wrong")],
        &[("client_secret", "")],
    ] {
        assert_eq!(
            app.http.get(&format!("/3ds/{id}"), form).await.status,
            404,
            "{form:?}"
        );
        let answer = app.http.post(&format!("/3ds/{id}"), form).await;
        assert_eq!(answer.status, 404, "{form:?}");
    }
    assert_eq!(app.http.intent(&id).await["status"], "requires_action");
}

#[tokio::test]
async fn the_hosted_invoice_is_a_page_that_shows_text_as_text() {
    let app = start().await;
    let customer = app.http.customer().await;
    let invoice = app
        .http
        .post("/v1/invoices", &[("customer", &customer)])
        .await
        .id();
    let item = [
        ("invoice", invoice.as_str()),
        ("amount", "5000"),
        ("description", "<b>x</b>"),
    ];
    app.http.post("/v1/invoiceitems", &item).await.ok();
    let open = app
        .http
        .post(&format!("/v1/invoices/{invoice}/finalize"), &[])
        .await
        .ok();
    let url = open["hosted_invoice_url"].as_str().unwrap();
    let page = app
        .http
        .get(url.strip_prefix(&app.http.url).unwrap(), &[])
        .await;
    let html = page.body.as_str().unwrap();
    assert!(html.contains("USD 50.00") && html.contains("&lt;b&gt;x&lt;/b&gt;"));
    assert!(!html.contains("<b>x</b>"));
}
