use serde_json::Value;

use crate::client::start;

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_go_both_ways_and_skip_nothing() {
    let app = start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, app.http.customer().await);
    }
    let page = |cursor: &'static str, id: String| {
        let http = app.http.clone();
        async move {
            let form = [("limit", "2"), (cursor, id.as_str())];
            http.get("/v1/customers", &form).await.ok()
        }
    };
    let first = app.http.get("/v1/customers", &[("limit", "2")]).await.ok();
    assert_eq!(
        (ids(&first), &first["has_more"]),
        (made[..2].to_vec(), &Value::Bool(true))
    );
    let last = page("starting_after", made[3].clone()).await;
    assert_eq!(
        (ids(&last), &last["has_more"]),
        (made[4..].to_vec(), &Value::Bool(false))
    );
    let back = page("ending_before", made[4].clone()).await;
    assert_eq!(
        (ids(&back), &back["has_more"]),
        (made[2..4].to_vec(), &Value::Bool(true))
    );
    let front = page("ending_before", made[1].clone()).await;
    assert_eq!(
        (ids(&front), &front["has_more"]),
        (made[..1].to_vec(), &Value::Bool(false))
    );
    for (limit, status) in [("0", 400), ("1", 200), ("100", 200), ("101", 400)] {
        let answer = app.http.get("/v1/customers", &[("limit", limit)]).await;
        assert_eq!(answer.status, status, "{limit}");
    }
}

#[tokio::test]
async fn filters_narrow() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let (paid, _) = app.http.open(&customer, "5000").await;
    app.http.pay(&paid, &[]).await.ok();
    let draft = app.http.draft(&customer, "100").await;
    let other = app.http.customer().await;
    let foreign = app.http.draft(&other, "100").await;
    let created = app.http.invoice(&paid).await["created"].as_i64().unwrap();
    let (later, now) = ((created + 1000).to_string(), (created).to_string());
    let all = [foreign.clone(), draft.clone(), paid.clone()];
    for (form, expected) in [
        (vec![], all.to_vec()),
        (vec![("customer", customer.as_str())], all[1..].to_vec()),
        (
            vec![("customer", &customer), ("status", "paid")],
            vec![paid.clone()],
        ),
        (vec![("created[gte]", now.as_str())], all.to_vec()),
        (vec![("created[gt]", later.as_str())], vec![]),
        (vec![("created[lt]", now.as_str())], vec![]),
    ] {
        let found = app.http.get("/v1/invoices", &form).await.ok();
        assert_eq!(ids(&found), expected, "{form:?}");
    }
    let wrong = app.http.get("/v1/invoices", &[("status", "lost")]).await;
    assert_eq!(wrong.status, 400);
    let types = [
        ("types[]", "invoice.paid"),
        ("types[]", "invoice.finalized"),
    ];
    assert_eq!(ids(&app.http.get("/v1/events", &types).await.ok()).len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let app = start().await;
    for path in [
        "customers/x",
        "invoices/x",
        "payment_intents/x",
        "refunds/x",
        "events/x",
        "charges/x",
        "setup_intents/x",
        "payment_methods/x",
        "invoiceitems/x",
    ] {
        let answer = app.http.get(&format!("/v1/{path}"), &[]).await;
        assert_eq!(answer.error(), (404, "resource_missing"), "{path}");
    }
    let named = app
        .http
        .post("/v1/invoices", &[("customer", "cus_x")])
        .await;
    assert_eq!(named.error(), (400, "resource_missing"));
    assert_eq!(app.http.get("/v1/subscriptions", &[]).await.status, 404);
    let customer = app.http.customer().await;
    let path = format!("/v1/customers/{customer}");
    app.http.send("DELETE", &path, &[], &[]).await.unwrap().ok();
    assert_eq!(app.http.get(&path, &[]).await.ok()["deleted"], true);
    let late = app
        .http
        .post("/v1/invoices", &[("customer", &customer)])
        .await;
    assert_eq!(late.error(), (400, "resource_missing"));
}

#[tokio::test]
async fn metadata_is_merged_and_unset() {
    let app = start().await;
    let customer = app.http.customer().await;
    let path = format!("/v1/customers/{customer}");
    for (form, expected) in [
        (("metadata[a]", "1"), r#"{"a":"1"}"#),
        (("metadata[b]", "2"), r#"{"a":"1","b":"2"}"#),
        (("metadata[a]", ""), r#"{"b":"2"}"#),
        (("metadata", ""), "{}"),
    ] {
        let after = app.http.post(&path, &[form]).await.ok();
        assert_eq!(after["metadata"].to_string(), expected, "{form:?}");
    }
}
