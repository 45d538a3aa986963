//! Every route that is served refuses strangers. The list of routes is the OpenAPI document's, so a
//! route that is missing here fails the test.

use std::collections::BTreeMap;

use farebox::store::gateways;
use ledger::AccountId;
use reqwest::Method;
use serde_json::Value;

use crate::app::{Answer, TestApp};
use crate::calls;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Anybody.
    Open,
    /// Any token, which is told about itself.
    AnyToken,
    /// A token of the account with `AI Gateway Read` or `Write`.
    Read,
    /// A token of the account with `AI Gateway Write`.
    Write,
    /// A token of the account with `AI Gateway Run`; refused as the data plane refuses.
    Run,
    /// A token of the account with `Farebox Operator`.
    Operate,
    /// Whoever can sign with the webhook's secret.
    Signature,
}

const ROUTES: &[(&str, &str, Guard)] = &[
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/credit-balance",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/holds",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/holds",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/holds/{hold_id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/holds/{hold_id}",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/holds/{hold_id}/capture",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/spending-limit",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/spending-limit",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/spending-limit",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/invoice-history",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/invoice-preview",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods/setup",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods/{payment_method_id}",
        Guard::Write,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods/{payment_method_id}/default",
        Guard::Write,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/config",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/config",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/config",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/eligibility",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/eligibility",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/limits",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/status",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/{payment_intent_id}/refund",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/{payment_intent_id}/refund",
        Guard::Operate,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/disputes",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/transactions",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/billing/usage-history",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
        Guard::Read,
    ),
    (
        "patch",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
        Guard::Write,
    ),
    (
        "put",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs/{id}",
        Guard::Write,
    ),
    (
        "put",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs/{id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/custom-providers",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai-gateway/custom-providers",
        Guard::Write,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/custom-providers/{id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/custom-providers/{id}",
        Guard::Read,
    ),
    (
        "patch",
        "/client/v4/accounts/{account_id}/ai-gateway/custom-providers/{id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/url/{provider}",
        Guard::Read,
    ),
    (
        "delete",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}",
        Guard::Read,
    ),
    (
        "patch",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}",
        Guard::Write,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}/request",
        Guard::Read,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}/response",
        Guard::Read,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai/run",
        Guard::Run,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai/run/{model}",
        Guard::Run,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai/v1/chat/completions",
        Guard::Run,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai/v1/messages",
        Guard::Run,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai/v1/models",
        Guard::Run,
    ),
    (
        "get",
        "/client/v4/accounts/{account_id}/ai/v1/models/{id}",
        Guard::Run,
    ),
    (
        "post",
        "/client/v4/accounts/{account_id}/ai/v1/responses",
        Guard::Run,
    ),
    ("get", "/client/v4/user/tokens/verify", Guard::AnyToken),
    ("get", "/healthz", Guard::Open),
    ("get", "/openapi.json", Guard::Open),
    ("get", "/readyz", Guard::Open),
    ("post", "/webhooks/stripe", Guard::Signature),
];

async fn every_route_is_on_the_list(app: &TestApp) {
    let document = app
        .anonymous(Method::GET, "/openapi.json")
        .send()
        .await
        .body;
    let paths = document["paths"].as_object().unwrap();
    let served: Vec<_> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |m| (m, path)))
        .map(|(method, path)| (method.as_str(), path.as_str()))
        .collect();
    let mut listed: Vec<_> = ROUTES
        .iter()
        .map(|(method, path, _)| (*method, *path))
        .collect();
    listed.sort_by_key(|(_, path)| *path);
    assert_eq!(
        served, listed,
        "add the route to ROUTES, with who may call it"
    );
}

/// What a route answers to each kind of stranger: status and code.
async fn every_route_refuses_strangers(app: &TestApp) {
    let other = app.another_account().await;
    let strangers: BTreeMap<&str, String> = BTreeMap::from([
        (
            "another account's",
            app.token_for(other, &["AI Gateway Write"]).await,
        ),
        (
            "a runner's",
            app.token_for(app.account, &["AI Gateway Run"]).await,
        ),
        (
            "a reader's",
            app.token_for(app.account, &["AI Gateway Read"]).await,
        ),
        (
            "a guessed",
            "fbx_0000000000000000000000000000000000000000".to_owned(),
        ),
    ]);
    app.give(100).await;
    let body = serde_json::json!({ "amount": 100 });
    let made = app.request(Method::POST, &app.billing("holds"));
    let hold = made.json(body).send().await.body["result"]["id"].clone();
    let hold = hold.as_str().unwrap();
    let gateway = gateways::get_or_create_default(&app.app.store.db, app.account, app.app.now());
    let gateway = gateway.await.unwrap();
    let log = calls::free(&gateway, app.app.now(), calls::call("openai", "gpt-4o"));
    let log = calls::write(app, log).await.unwrap();
    let path = app.billing("").replace("billing/", "custom-providers");
    let body = serde_json::json!({ "name": "One", "slug": "one", "base_url": "https://1.1.1.1" });
    let made = app.request(Method::POST, &path).json(body).send().await;
    let custom = made.body["result"]["id"].as_str().unwrap().to_owned();
    app.add_cards().await;
    let invoice = app
        .topup(serde_json::json!({ "amount": 1000 }))
        .await
        .invoice();
    for (method, path, guard) in ROUTES {
        let path = &path.replace("{hold_id}", hold);
        let path = &path.replace("{payment_intent_id}", &invoice);
        let path = &path.replace("{gateway_id}", &gateway.id);
        let path = &path.replace("{provider}", "openai");
        let path = &path.replace("logs/{id}", &format!("logs/{log}"));
        let path = &path.replace(
            "custom-providers/{id}",
            &format!("custom-providers/{custom}"),
        );
        let nobody = call(app, method, path, None).await;
        let expected = match guard {
            Guard::Open => (200, None),
            Guard::AnyToken | Guard::Read | Guard::Write | Guard::Operate => (401, Some(9106)),
            Guard::Run => (401, Some(2009)),
            Guard::Signature => (400, Some(8009)),
        };
        assert_eq!(outcome(&nobody), expected, "{method} {path} with nothing");
        if *guard == Guard::Operate {
            // The customer's own token, which may do all that a customer may.
            let answer = call(app, method, path, Some(&app.token)).await;
            assert_eq!(outcome(&answer), (403, Some(10000)), "{method} {path}");
        }
        for (whose, token) in &strangers {
            let answer = call(app, method, path, Some(token)).await;
            let expected = match (guard, *whose) {
                (Guard::Open, _) => (200, None),
                (Guard::Signature, _) => (400, Some(8009)),
                (Guard::Run, "a runner's") if path.ends_with("/models") => (200, None),
                (Guard::Run, "a runner's") if *method == "get" => (404, Some(7003)),
                // Who may call is told what is wrong with the body.
                (Guard::Run, "a runner's") => (400, Some(2019)),
                (Guard::Run, "a reader's") => (403, Some(2009)),
                (Guard::Run, _) => (401, Some(2009)),
                (Guard::AnyToken, "a guessed") => (401, Some(1000)),
                (_, "a guessed") => (401, Some(10000)),
                (Guard::AnyToken, _) | (Guard::Read, "a reader's") => (200, None),
                (_, "another account's") => (403, Some(9109)),
                _ => (403, Some(10000)),
            };
            assert_eq!(
                outcome(&answer),
                expected,
                "{method} {path} with {whose} token"
            );
        }
    }
    let void = app.request(Method::DELETE, &app.billing(&format!("holds/{hold}")));
    assert_eq!(void.send().await.status, 200, "no stranger has touched it");
}

fn outcome(answer: &Answer) -> (u16, Option<i64>) {
    (
        answer.status.as_u16(),
        code(&answer.body["errors"]).or(code(&answer.body["error"])),
    )
}

fn code(errors: &Value) -> Option<i64> {
    errors[0]["code"].as_i64()
}

async fn call(app: &TestApp, method: &str, path: &str, token: Option<&str>) -> Answer {
    let path = path.replace("{account_id}", &app.account.to_string());
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let mut request = app.anonymous(method, &path);
    // What a route needs in order to answer at all; the others ignore it.
    request.0 = request.0.query(&[("value_grouping_window", "day")]);
    if let Some(token) = token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    request.body("{}").send().await
}

async fn an_account_that_does_not_exist_is_refused_like_another_one(app: &TestApp) {
    let nobodys: AccountId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let other = app.another_account().await;
    let get = async |account: AccountId| {
        let path = app.billing("credit-balance");
        let path = path.replace(&app.account.to_string(), &account.to_string());
        app.request(Method::GET, &path).send().await
    };
    let (nobodys, others) = (get(nobodys).await, get(other).await);
    assert_eq!(
        (nobodys.status, &nobodys.body),
        (others.status, &others.body)
    );
    assert_eq!(others.code(), 9109);
}

async fn a_global_key_works_for_its_users_accounts_only(app: &TestApp) {
    let command = farebox::admin::Command::CreateUser {
        email: "User@Example.com".to_owned(),
        accounts: vec![app.account.to_string()],
    };
    let (db, keyring) = (&app.app.store.db, &app.app.keyring);
    let user = farebox::admin::run(db, keyring, command, app.app.now())
        .await
        .unwrap();
    let key = user["key"].as_str().unwrap();
    let get = async |path: &str, email: &str, key: &str| {
        let request = app
            .anonymous(Method::GET, path)
            .header("x-auth-email", email);
        request.header("x-auth-key", key).send().await
    };
    let own = app.billing("credit-balance");
    assert_eq!(get(&own, "user@example.com", key).await.status, 200);
    assert_eq!(
        outcome(&get(&own, "user@example.com", "wrong").await),
        (401, Some(9103))
    );
    assert_eq!(
        outcome(&get(&own, "other@example.com", key).await),
        (401, Some(9103))
    );
    // It may do all that a customer may, and nothing that is the operator's alone.
    let request = app.anonymous(Method::POST, &app.billing("topup/in_0/refund"));
    let request = request.header("x-auth-email", "user@example.com");
    let refund = request.header("x-auth-key", key).body("{}").send().await;
    assert_eq!(outcome(&refund), (403, Some(10000)));
    let other = app.another_account().await;
    let theirs = own.replace(&app.account.to_string(), &other.to_string());
    assert_eq!(
        outcome(&get(&theirs, "user@example.com", key).await),
        (403, Some(9109))
    );
    let half = app
        .anonymous(Method::GET, &own)
        .header("x-auth-key", key)
        .send()
        .await;
    assert_eq!(outcome(&half), (401, Some(9106)));
}

async fn a_malformed_authorization_says_so(app: &TestApp) {
    for header in ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "fbx_token"] {
        let request = app.anonymous(Method::GET, &app.billing("credit-balance"));
        let answer = request.header("authorization", header).send().await;
        assert_eq!(outcome(&answer), (400, Some(6003)), "{header}");
        assert_eq!(answer.body["errors"][0]["error_chain"][0]["code"], 6111);
    }
}

async fn who_keeps_failing_is_slowed_down(app: &TestApp) {
    let try_with = async |token: &str| {
        let request = app.anonymous(Method::GET, &app.billing("credit-balance"));
        request
            .header("authorization", &format!("Bearer {token}"))
            .send()
            .await
    };
    for _ in 0..5 {
        assert_eq!(try_with("guess").await.status, 401);
    }
    let slowed = try_with("guess").await;
    assert_eq!(outcome(&slowed), (429, Some(971)));
    let wait: u64 = slowed.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        try_with(&app.token).await.status,
        200,
        "the good aren't refused for the bad"
    );
}

async fn nothing_secret_is_stored_in_clear(app: &TestApp) {
    app.add_cards().await;
    let tables = [
        "tokens",
        "users",
        "idempotency_keys",
        "accounts",
        "topups",
        "stripe_events",
    ];
    let body = serde_json::json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let request = app
        .request(Method::POST, &app.billing("topup"))
        .header("idempotency-key", "k");
    let answer = request.json(body).send().await;
    let secret = answer.body["result"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    app.settle().await;
    for table in tables {
        let rows = app
            .app
            .store
            .db
            .query(&format!("SELECT * FROM {table}"), &[])
            .await
            .unwrap();
        let text = format!("{rows:?}");
        for needle in [
            app.token.as_str(),
            &secret,
            crate::app::STRIPE_KEY,
            crate::app::WEBHOOK_SECRET,
        ] {
            assert!(!text.contains(needle), "{table} holds a secret in clear");
        }
    }
    assert_ne!(answer.body, Value::Null);
}

crate::on_both_engines![
    every_route_is_on_the_list,
    every_route_refuses_strangers with [("FAREBOX_HTTP__AUTH_FAILURES_PER_MINUTE", "0")],
    an_account_that_does_not_exist_is_refused_like_another_one,
    a_global_key_works_for_its_users_accounts_only,
    a_malformed_authorization_says_so,
    who_keeps_failing_is_slowed_down with [("FAREBOX_HTTP__AUTH_FAILURES_PER_MINUTE", "5")],
    nothing_secret_is_stored_in_clear,
];
