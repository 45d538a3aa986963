//! `GET …/billing/invoice-history`.

use api::{InvoiceHistory, InvoiceHistoryParams, InvoiceKind};
use reqwest::Method;
use serde_json::json;

use crate::app::{Answer, TestApp};

async fn ask(app: &TestApp, query: &str) -> Answer {
    let path = app.billing(&format!("invoice-history?{query}"));
    app.request(Method::GET, &path).send().await
}

async fn history(app: &TestApp, params: InvoiceHistoryParams) -> InvoiceHistory {
    let params = InvoiceHistoryParams {
        account_id: app.account.to_string(),
        ..params
    };
    let client = app.client();
    let asked = client.ai_gateway().billing().invoice_history(params);
    asked.await.unwrap()
}

async fn an_invoice_for_each_topup(app: &TestApp) {
    app.add_cards().await;
    let paid = app.topup(json!({ "amount": 5000 })).await.invoice();
    let declined = json!({ "amount": 3000, "payment_method_id": "pm_card_chargeDeclined" });
    assert_eq!(app.topup(declined).await.code(), 8001);
    let waiting = json!({ "amount": 2000, "payment_method_id": "pm_card_authenticationRequired" });
    app.topup(waiting).await.invoice();
    let all = history(app, InvoiceHistoryParams::default()).await;
    let told = all.invoices.iter().map(|one| {
        format!(
            "{} {} - {} = {}",
            one.status, one.amount_due, one.amount_paid, one.amount_remaining
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "open 2000 - 0 = 2000",
            "void 3000 - 0 = 3000",
            "paid 5000 - 5000 = 0"
        ]
    );
    let first = &all.invoices[2];
    assert_eq!(first.id, paid);
    assert!(first.created_by.starts_with("token:"));
    assert_eq!(
        (first.invoice_origin.as_str(), first.attempted),
        ("manual", true)
    );
    let invoice = app.app.stripe.invoice(&paid).await.unwrap();
    assert_eq!(first.invoice_pdf, invoice.invoice_pdf);
    assert!(first.invoice_pdf.is_some() && first.number.is_some());
    assert_eq!(
        (&first.number, first.created),
        (&invoice.number, invoice.created)
    );
}

async fn it_answers_while_stripe_does_not(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 1000 })).await.invoice();
    app.settle().await;
    app.stripe.add_fault(crate::app::down());
    let all = history(app, InvoiceHistoryParams::default()).await;
    assert_eq!(all.invoices[0].status, "paid");
}

async fn the_address_of_a_pdf_is_not_stored_in_clear(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 1000 })).await.invoice();
    let all = history(app, InvoiceHistoryParams::default()).await;
    let pdf = all.invoices[0].invoice_pdf.clone().unwrap();
    let rows = app.app.store.db.query("SELECT * FROM invoices", &[]).await;
    let text = format!("{:?}", rows.unwrap());
    assert!(text.contains("paid") && !text.contains(&pdf));
}

async fn pages_end_with_an_empty_one(app: &TestApp) {
    app.add_cards().await;
    for amount in [1000, 2000, 3000] {
        app.topup(json!({ "amount": amount })).await.invoice();
    }
    let page = async |kind, page| {
        let params = InvoiceHistoryParams {
            kind: Some(kind),
            page: Some(page),
            per_page: Some(2),
            ..InvoiceHistoryParams::default()
        };
        let found = history(app, params).await;
        let dues: Vec<_> = found
            .invoices
            .iter()
            .map(|one| one.amount_due.to_string())
            .collect();
        (
            dues.join(" "),
            found.pagination.has_more,
            found.pagination.total_count,
        )
    };
    let told = |dues: &str, has_more, count| (dues.to_owned(), has_more, count);
    assert_eq!(page(InvoiceKind::All, 1).await, told("3000 2000", true, 3));
    assert_eq!(page(InvoiceKind::Manual, 2).await, told("1000", false, 3));
    assert_eq!(page(InvoiceKind::All, 3).await, told("", false, 3));
    assert_eq!(
        page(InvoiceKind::All, 1_000_000_000).await,
        told("", false, 3)
    );
    assert_eq!(page(InvoiceKind::Auto, 1).await, told("", false, 0));
}

async fn another_accounts_are_not_in_it(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 1000 })).await.invoice();
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Read"]).await;
    let path = app.billing("invoice-history");
    let path = path.replace(&app.account.to_string(), &other.to_string());
    let request = app.anonymous(Method::GET, &path);
    let request = request.header("authorization", &format!("Bearer {token}"));
    insta::assert_snapshot!("none", request.send().await.snapshot());
}

async fn each_fault_says_where_it_is(app: &TestApp) {
    let answer = ask(app, "type=some&page=0&per_page=101").await;
    insta::assert_snapshot!("faults", answer.snapshot());
}

crate::on_both_engines![
    an_invoice_for_each_topup,
    it_answers_while_stripe_does_not,
    the_address_of_a_pdf_is_not_stored_in_clear,
    pages_end_with_an_empty_one,
    another_accounts_are_not_in_it,
    each_fault_says_where_it_is,
];
