//! `…/billing/holds`.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{CaptureHold, Cents, CreateHold, HoldCaptureParams, HoldCreateParams, HoldListParams};
use api::{HoldParams, HoldState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn hold(app: &TestApp, body: Value) -> Answer {
    let request = app.request(Method::POST, &app.billing("holds"));
    request.json(body).send().await
}

async fn hold_with_key(app: &TestApp, key: &str, body: Value) -> Answer {
    let request = app.request(Method::POST, &app.billing("holds"));
    let request = request.header("idempotency-key", key);
    request.json(body).send().await
}

async fn capture(app: &TestApp, id: &str, body: Value) -> Answer {
    let path = app.billing(&format!("holds/{id}/capture"));
    app.request(Method::POST, &path).json(body).send().await
}

async fn void(app: &TestApp, id: &str) -> Answer {
    let path = app.billing(&format!("holds/{id}"));
    app.request(Method::DELETE, &path).send().await
}

async fn list(app: &TestApp, query: &str) -> Answer {
    let path = app.billing(&format!("holds?{query}"));
    app.request(Method::GET, &path).send().await
}

/// The id of a hold that was made.
#[track_caller]
fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["result"]["id"].as_str().unwrap().to_owned()
}

/// Code and HTTP status of a refusal.
#[track_caller]
fn refused(answer: &Answer) -> (u16, i64) {
    (answer.status.as_u16(), answer.code())
}

/// Available, held and balance in cents.
async fn totals(app: &TestApp) -> [String; 3] {
    let balance = app.balance().await;
    let (available, held) = (balance.available.unwrap(), balance.held.unwrap());
    [available, held, balance.balance].map(|cents| cents.to_string())
}

async fn it_is_captured_in_parts_and_the_rest_is_released(app: &TestApp) {
    app.give(1000).await;
    let made = hold(
        app,
        json!({ "amount": 600.0000001, "currency": "USD", "metadata": { "job": "7" } }),
    )
    .await;
    let id = id(&made);
    let made = &made.body["result"];
    assert_eq!(made["amount"].to_string(), "600.0000001");
    assert_eq!(
        (&made["state"], &made["currency"]),
        (&json!("open"), &json!("usd"))
    );
    assert_eq!(totals(app).await, ["399.9999999", "600.0000001", "1000"]);

    let part = json!({ "amount": "100.25", "description": "first", "metadata": { "n": "1" } });
    let first = capture(app, &id, part).await;
    assert_eq!(first.body["result"]["captured"].to_string(), "100.25");
    assert_eq!(first.body["result"]["state"], "open");
    let last = capture(app, &id, json!({ "amount": 50, "final": true })).await;
    let last = &last.body["result"];
    assert_eq!(
        (&last["state"], &last["remaining"]),
        (&json!("captured"), &json!(0))
    );
    assert_eq!(totals(app).await, ["849.75", "0", "849.75"]);

    let captures = last["captures"].as_array().unwrap();
    let told: Vec<_> = captures
        .iter()
        .map(|one| {
            (
                one["description"].clone(),
                one["metadata"].clone(),
                one["final"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("first"), json!({ "n": "1" }), json!(false)),
            (Value::Null, json!({}), json!(true)),
        ]
    );
    let over = capture(app, &id, json!({ "amount": 1 })).await;
    assert_eq!(refused(&over), (400, 8023));
    assert_eq!(refused(&void(app, &id).await), (400, 8023));
}

async fn credit_that_is_not_there_is_not_held(app: &TestApp) {
    app.give(10).await;
    let short = hold(app, json!({ "amount": "10.0000001" })).await;
    assert_eq!(refused(&short), (402, 8020));
    let message = short.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("10 are available"), "{message}");
    let all = id(&hold(app, json!({ "amount": 10 })).await);
    let more = capture(app, &all, json!({ "amount": "10.0000001" })).await;
    assert_eq!(refused(&more), (400, 8024));
    let message = more.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("10 are left"), "{message}");
    assert_eq!(
        capture(app, &all, json!({ "amount": 10 })).await.status,
        200
    );
    assert_eq!(app.cents().await, "0");
}

async fn a_void_releases_and_is_the_same_again(app: &TestApp) {
    app.give(10).await;
    let id = id(&hold(app, json!({ "amount": 10 })).await);
    capture(app, &id, json!({ "amount": 4 })).await;
    for _ in 0..2 {
        let voided = void(app, &id).await;
        assert_eq!(voided.body["result"]["state"], "voided", "{}", voided.text);
        assert_eq!(voided.body["result"]["captured"], 4);
    }
    assert_eq!(totals(app).await, ["6", "0", "6"]);
    let late = capture(app, &id, json!({ "amount": 1 })).await;
    assert_eq!(refused(&late), (400, 8023));
}

async fn an_expired_hold_is_released_and_cannot_be_captured(app: &TestApp) {
    app.give(10).await;
    let id = id(&hold(app, json!({ "amount": 10, "expires_in": 1 })).await);
    app.tick(Duration::from_secs(1));
    let late = capture(app, &id, json!({ "amount": 1 })).await;
    assert_eq!(refused(&late), (400, 8022));
    let message = late.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("expired at 20"), "{message}");
    app.until(async || list(app, "state=expired").await.body["result"][0]["id"] == id)
        .await;
    assert_eq!(totals(app).await, ["10", "0", "10"]);
    assert_eq!(refused(&void(app, &id).await), (400, 8022));
}

async fn a_key_names_one_hold_and_one_capture(app: &TestApp) {
    app.give(100).await;
    let body = json!({ "amount": 10, "metadata": { "a": "1", "b": "2" } });
    let first = hold_with_key(app, "k", body).await;
    let again = json!({ "metadata": { "b": "2", "a": "1" }, "amount": "10.0" });
    let again = hold_with_key(app, "k", again).await;
    assert_eq!(first.body, again.body, "the same content in other words");
    for other in [
        json!({ "amount": 11, "metadata": { "a": "1", "b": "2" } }),
        json!({ "amount": 10 }),
        json!({ "amount": 10, "metadata": { "a": "1", "b": "2" }, "expires_in": 601 }),
    ] {
        assert_eq!(refused(&hold_with_key(app, "k", other).await), (409, 8007));
    }
    let id = id(&first);
    let path = app.billing(&format!("holds/{id}/capture"));
    let take = async |body: Value| {
        let request = app.request(Method::POST, &path);
        let request = request.header("idempotency-key", "k");
        request.json(body).send().await
    };
    for _ in 0..2 {
        let taken = take(json!({ "amount": 3, "metadata": { "n": "1" } })).await;
        assert_eq!(taken.body["result"]["captured"], 3, "{}", taken.text);
    }
    for other in [
        json!({ "amount": 4, "metadata": { "n": "1" } }),
        json!({ "amount": 3, "metadata": { "n": "2" } }),
        json!({ "amount": 3, "metadata": { "n": "1" }, "final": true }),
        json!({ "amount": 3, "metadata": { "n": "1" }, "description": "d" }),
    ] {
        assert_eq!(refused(&take(other).await), (409, 8007));
    }
    void(app, &id).await;
    let late = take(json!({ "amount": 3, "metadata": { "n": "1" } })).await;
    assert_eq!(
        late.body["result"]["state"], "voided",
        "a repeat still is one"
    );
    assert_eq!(totals(app).await, ["97", "0", "97"]);
}

async fn two_hundred_at_once_never_hold_more_than_there_is(app: &TestApp) {
    app.give(100).await;
    let asked = (0..200).map(|number| {
        // Every key comes twice: half of the calls are repeats that arrive with the first.
        let key = format!("burst-{}", number / 2);
        async move { hold_with_key(app, &key, json!({ "amount": "2.5" })).await }
    });
    let answers = futures_util::future::join_all(asked).await;
    let mut ids: Vec<String> = Vec::new();
    for answer in &answers {
        match answer.status.as_u16() {
            200 => ids.push(id(answer)),
            402 => assert_eq!(answer.code(), 8020),
            other => panic!("{other}: {}", answer.text),
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40, "what there is, to the last cent");
    assert_eq!(totals(app).await, ["0", "100", "100"]);
    let taken = ids
        .iter()
        .map(|id| async move { capture(app, id, json!({ "amount": 1, "final": true })).await });
    for answer in futures_util::future::join_all(taken).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(totals(app).await, ["60", "0", "60"]);
}

async fn parallel_captures_never_take_more_than_the_hold(app: &TestApp) {
    app.give(100).await;
    let id = id(&hold(app, json!({ "amount": 10 })).await);
    let taken = (0..50).map(|_| capture(app, &id, json!({ "amount": 1 })));
    let answers = futures_util::future::join_all(taken).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 10);
    assert_eq!(totals(app).await, ["90", "0", "90"]);
}

async fn the_list_has_pages_and_states(app: &TestApp) {
    app.give(100).await;
    let mut made = Vec::new();
    for amount in 1..=5 {
        made.push(id(&hold(app, json!({ "amount": amount })).await));
    }
    capture(app, &made[0], json!({ "amount": 0, "final": true })).await;
    let page = list(app, "page=2&per_page=2").await;
    let ids: Vec<_> = page.body["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, [made[2].clone(), made[1].clone()], "newest first");
    assert_eq!(
        page.body["result_info"],
        json!({ "has_more": true, "page": 2, "per_page": 2, "total_count": 5 })
    );
    let open = list(app, "state=open").await;
    assert_eq!(open.body["result_info"]["total_count"], 4);
    let past = list(app, "page=9").await;
    assert_eq!(
        (past.status.as_u16(), &past.body["result"]),
        (200, &json!([]))
    );
    assert_eq!(past.body["result_info"]["has_more"], false);
    let wrong = list(app, "state=lost&per_page=101&page=0").await;
    assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 3);
    for id in &made[1..] {
        void(app, id).await;
    }
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    let many: BTreeMap<_, _> = (0..51).map(|n| (n.to_string(), "")).collect();
    for (body, expected) in [
        (json!({}), vec!["body.amount"]),
        (json!({ "amount": 0 }), vec!["body.amount"]),
        (json!({ "amount": -1 }), vec!["body.amount"]),
        (json!({ "amount": "0.00000001" }), vec!["body.amount"]),
        (json!({ "amount": "1,5" }), vec!["body.amount"]),
        (json!({ "amount": "1e30" }), vec!["body.amount"]),
        (json!({ "amount": true }), vec!["body.amount"]),
        (
            json!({ "amount": 1, "currency": "eur", "expires_in": 604_801, "colour": 1 }),
            vec!["body.currency", "body.expires_in", "body"],
        ),
        (
            json!({ "amount": 1, "metadata": { "a": 1, "": "x" } }),
            vec!["body.metadata.", "body.metadata.a"],
        ),
        (
            json!({ "amount": 1, "metadata": many }),
            vec!["body.metadata"],
        ),
        (
            json!({ "amount": 1, "expires_in": 0 }),
            vec!["body.expires_in"],
        ),
    ] {
        let answer = hold(app, body.clone()).await;
        assert_eq!(refused(&answer), (400, 7001), "{body}");
        let errors = answer.body["errors"].as_array().unwrap();
        let paths: Vec<_> = errors
            .iter()
            .map(|error| {
                let path = error["path"].as_array().unwrap();
                let parts: Vec<_> = path.iter().map(|part| part.as_str().unwrap()).collect();
                parts.join(".")
            })
            .collect();
        assert_eq!(paths, expected, "{body}");
    }
    let keyless = hold_with_key(app, " ", json!({ "amount": 1 })).await;
    assert_eq!(refused(&keyless), (400, 7001));
}

async fn nobody_touches_anothers_hold(app: &TestApp) {
    app.give(10).await;
    let mine = id(&hold(app, json!({ "amount": 10 })).await);
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Write"]).await;
    for (method, rest) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "/capture"),
    ] {
        let path = app.billing(&format!("holds/{mine}{rest}"));
        let path = path.replace(&app.account.to_string(), &other.to_string());
        let request = app.anonymous(method, &path);
        let request = request.header("authorization", &format!("Bearer {token}"));
        let answer = request.json(json!({ "amount": 1 })).send().await;
        assert_eq!(refused(&answer), (404, 7002), "{path}");
    }
    let wrong = capture(app, "what", json!({ "amount": 1 })).await;
    assert_eq!(refused(&wrong), (404, 7002));
    assert_eq!(void(app, &mine).await.status, 200);
}

async fn the_client_has_every_call(app: &TestApp) {
    app.give(10).await;
    let (client, account_id) = (app.client(), app.account.to_string());
    let holds = client.ai_gateway().billing().holds();
    let create = |amount: &str| HoldCreateParams {
        account_id: account_id.clone(),
        hold: CreateHold {
            amount: amount.parse().unwrap(),
            currency: None,
            expires_in: Some(60),
            metadata: BTreeMap::new(),
        },
        idempotency_key: None,
    };
    let made = holds.create(create("1.5")).await.unwrap();
    let short = holds.create(create("9")).await.unwrap_err();
    assert_eq!(short.failure().unwrap().status, 402);
    let taken = holds
        .capture(HoldCaptureParams {
            account_id: account_id.clone(),
            hold_id: made.id.clone(),
            capture: CaptureHold {
                amount: Cents::from_nanos(1),
                description: None,
                metadata: BTreeMap::new(),
                last: false,
            },
            idempotency_key: None,
        })
        .await
        .unwrap();
    assert_eq!(taken.captured.nanos(), 1);
    let params = HoldParams {
        account_id: account_id.clone(),
        hold_id: made.id,
    };
    let voided = holds.void(params.clone()).await.unwrap();
    assert_eq!(voided.state, HoldState::Voided);
    assert_eq!(holds.get(params).await.unwrap(), voided);
    let listed = holds.list(HoldListParams {
        account_id,
        per_page: Some(5),
        state: Some(HoldState::Voided),
        ..HoldListParams::default()
    });
    assert_eq!(listed.await.unwrap().len(), 1);
}

crate::on_both_engines![
    it_is_captured_in_parts_and_the_rest_is_released,
    credit_that_is_not_there_is_not_held,
    a_void_releases_and_is_the_same_again,
    an_expired_hold_is_released_and_cannot_be_captured,
    a_key_names_one_hold_and_one_capture,
    two_hundred_at_once_never_hold_more_than_there_is,
    parallel_captures_never_take_more_than_the_hold,
    the_list_has_pages_and_states,
    every_fault_is_named_at_once,
    nobody_touches_anothers_hold,
    the_client_has_every_call,
];
