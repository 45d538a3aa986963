//! `…/gateways/{gateway_id}/logs`

use std::time::Duration;

use farebox::ids::LogId;
use farebox::store::gateways::{self, Gateway, Settings};
use farebox::store::logs::{Body, Payloads};
use reqwest::Method;
use serde_json::{Value, json};

use super::{call, faults, path, send};
use crate::app::{Answer, TestApp};
use crate::calls::{self, REQUEST, RESPONSE, free, noted, settle, variety};
use crate::store::logs::rows;

const LOGS: &str = "gateways/one/logs";

async fn one(app: &TestApp) -> Gateway {
    calls::gateway(app, "one", &Settings::default()).await
}

/// The answer to a list with this query, after a look at its status.
async fn listed(app: &TestApp, query: &[(&str, &str)]) -> Value {
    let mut request = app.request(Method::GET, &path(app, LOGS));
    request.0 = request.0.query(query);
    let answer = request.send().await;
    assert_eq!(answer.status, 200, "{query:?}: {}", answer.text);
    answer.body
}

fn ids(listed: &Value) -> Vec<String> {
    let logs = listed["result"].as_array().unwrap().iter();
    logs.map(|log| log["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn refused(app: &TestApp, query: &[(&str, &str)]) -> Answer {
    let mut request = app.request(Method::GET, &path(app, LOGS));
    request.0 = request.0.query(query);
    request.send().await
}

/// The same answer with what differs from run to run made the same.
fn redacted(mut log: Value) -> String {
    for name in ["id", "created_at"] {
        log[name] = json!("…");
    }
    if let Some(charge) = log.get_mut("charge") {
        (charge["hold"], charge["transfer"]) = (json!("…"), json!("…"));
    }
    serde_json::to_string_pretty(&log).unwrap()
}

async fn a_log_says_what_a_call_was(app: &TestApp) {
    app.give(1).await;
    let gateway = one(app).await;
    let new = free(&gateway, app.app.now(), calls::call("openai", "gpt-4o"));
    let notes = json!({ "user": "ada", "try": 2, "beta": true });
    let id = settle(app, noted(new, notes), 450_000)
        .await
        .unwrap()
        .to_string();
    let list = listed(app, &[]).await;
    assert_eq!(ids(&list), [id.as_str()]);
    let shown = call(app, Method::GET, &format!("{LOGS}/{id}")).await;
    let (item, log) = (list["result"][0].clone(), shown.body["result"].clone());
    assert_eq!(log["created_at"], item["created_at"]);
    insta::assert_snapshot!("log", format!("{}\n\n{}", redacted(item), redacted(log)));

    for (side, expected) in [("request", REQUEST), ("response", RESPONSE)] {
        let raw = call(app, Method::GET, &format!("{LOGS}/{id}/{side}")).await;
        assert_eq!((raw.status.as_u16(), raw.text.as_str()), (200, expected));
        assert_eq!(raw.headers["content-type"], "application/json");
        assert_eq!(raw.headers["x-content-type-options"], "nosniff");
    }
}

/// What a body that is not kept, or not whole, answers.
async fn bodies_are_kept_whole_or_begun_or_not(app: &TestApp) {
    let gateway = one(app).await;
    let long = "ä".repeat(5000);
    let mut new = free(&gateway, app.app.now(), calls::call("openai", "gpt-4o"));
    let log = new.log.as_mut().unwrap();
    log.call.request_size = 10_000;
    log.call.response_content_type = Some("bad\nheader".to_owned());
    log.payloads = Some(Payloads {
        request: Some(Body::pack(long.as_bytes(), 9_999)),
        response: None,
    });
    let id = calls::write(app, new).await.unwrap();
    let shown = call(app, Method::GET, &format!("{LOGS}/{id}")).await.body["result"].clone();
    assert_eq!(shown["request_head"], "ä".repeat(2048));
    assert_eq!(
        (&shown["request_head_complete"], &shown["request_size"]),
        (&json!(false), &json!(10_000))
    );
    assert_eq!(
        (&shown["response_head"], &shown["response_head_complete"]),
        (&Value::Null, &json!(false))
    );
    for (side, why) in [
        ("request", "10000 bytes long"),
        ("response", "was not kept"),
    ] {
        let gone = call(app, Method::GET, &format!("{LOGS}/{id}/{side}")).await;
        assert_eq!((gone.status.as_u16(), gone.code()), (404, 7002));
        assert!(gone.text.contains(why), "{}", gone.text);
    }
    // A whole one that is longer than what is shown of it.
    let mut new = free(&gateway, app.app.now(), calls::call("openai", "gpt-4o"));
    let log = new.log.as_mut().unwrap();
    log.call.request_size = 10_000;
    log.call.request_content_type = None;
    log.payloads = Some(Payloads {
        request: Some(Body::pack(long.as_bytes(), 10_000)),
        response: Some(Body::pack(b"", 10)),
    });
    let id = calls::write(app, new).await.unwrap();
    let shown = call(app, Method::GET, &format!("{LOGS}/{id}")).await.body["result"].clone();
    assert_eq!(shown["request_head"], "ä".repeat(4096));
    assert_eq!(shown["request_head_complete"], false);
    let raw = call(app, Method::GET, &format!("{LOGS}/{id}/request")).await;
    assert_eq!((raw.status.as_u16(), raw.text), (200, long));
    assert_eq!(raw.headers["content-type"], "application/octet-stream");
}

/// The three ways in which filters come leave the same logs, and so do those that came before them.
async fn filters_come_in_every_way(app: &TestApp) {
    let gateway = one(app).await;
    let made: Vec<_> = variety(app, &gateway)
        .await
        .iter()
        .map(LogId::to_string)
        .collect();
    let at = |place: usize| made[place].parse::<LogId>().unwrap().at();
    let day = |place: usize| {
        jiff::Timestamp::from_millisecond(at(place).millis())
            .unwrap()
            .to_string()
    };
    let array = json!([
        { "key": "provider", "operator": "eq", "value": ["openai", "google-ai-studio"] },
        { "key": "cost", "operator": "gt", "value": [0.0001] },
        { "key": "feedback", "operator": "eq", "value": [null] },
        { "key": "success", "operator": "eq", "value": [true] },
    ])
    .to_string();
    let (key, operator, value) = ("filters.key", "filters.operator", "filters.value");
    let in_turn = [
        (key, "provider"),
        (operator, "eq"),
        (value, "openai"),
        (value, "google-ai-studio"),
        (key, "cost"),
        (operator, "gt"),
        (value, "0.0001"),
        (key, "feedback"),
        (operator, "eq"),
        (value, ""),
        (key, "success"),
        (operator, "eq"),
        (value, "true"),
    ];
    let in_heaps = [
        (key, "provider"),
        (key, "cost"),
        (key, "feedback"),
        (key, "success"),
        (operator, "eq"),
        (operator, "gt"),
        (operator, "eq"),
        (operator, "eq"),
        (value, "openai"),
        (value, "google-ai-studio"),
        (value, "1e-4"),
        (value, "true"),
    ];
    for query in [&[("filters", array.as_str())][..], &in_turn, &in_heaps] {
        let found = listed(app, query).await;
        assert_eq!(
            ids(&found),
            [made[4].clone(), made[3].clone(), made[0].clone()],
            "{query:?}"
        );
        assert_eq!(found["result_info"]["total_count"], 3);
    }
    let (second, third) = (day(1), day(2));
    for (query, expected) in [
        (&[("cached", "true")][..], &[2][..]),
        (&[("success", "false")], &[1]),
        (&[("success", "true"), ("cached", "false")], &[4, 3, 0]),
        (&[("provider", "anthropic")], &[1]),
        (&[("model", "gpt-4o")], &[2, 0]),
        (
            &[
                ("model_type", "Text Generation"),
                ("request_content_type", "application/json"),
            ],
            &[4, 3, 2, 1, 0],
        ),
        (&[("response_content_type", "text/event-stream")], &[]),
        (&[("feedback", "1")], &[]),
        (&[("start_date", &second), ("end_date", &third)], &[2, 1]),
        (&[("min_cost", "0.00045"), ("max_cost", "4.5e-04")], &[4, 0]),
        (
            &[("min_duration", "30.0"), ("max_duration", "730")],
            &[4, 1, 0],
        ),
        (&[("min_tokens_in", "101")], &[3]),
        (
            &[("max_tokens_out", "20"), ("min_total_tokens", "121")],
            &[3],
        ),
        (&[("max_total_tokens", "0")], &[1]),
        (&[("search", "ADA")], &[4, 1]),
        (
            &[
                ("search", ""),
                ("model", ""),
                ("filters", "null"),
                ("end_date", ""),
            ],
            &[4, 3, 2, 1, 0],
        ),
    ] {
        let found = ids(&listed(app, query).await);
        let expected: Vec<_> = expected.iter().map(|place| made[*place].clone()).collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

async fn lists_have_an_order_and_pages(app: &TestApp) {
    let gateway = one(app).await;
    let made: Vec<_> = variety(app, &gateway)
        .await
        .iter()
        .map(LogId::to_string)
        .collect();
    let newest: Vec<_> = made.iter().rev().cloned().collect();
    assert_eq!(ids(&listed(app, &[]).await), newest);
    assert_eq!(
        ids(&listed(app, &[("order_by_direction", "asc")]).await),
        made
    );
    assert_eq!(ids(&listed(app, &[("direction", "asc")]).await), made);
    let by_cost = ids(&listed(app, &[("order_by", "cost"), ("order_by_direction", "desc")]).await);
    assert_eq!(by_cost[0], made[3]);
    let last = listed(app, &[("page", "3"), ("per_page", "2")]).await;
    assert_eq!(ids(&last), [made[0].clone()]);
    assert_eq!(
        last["result_info"],
        json!({ "has_more": false, "page": 3, "per_page": 2, "count": 1, "total_count": 5, "total_pages": 3 })
    );
    let first = listed(app, &[("per_page", "2"), ("success", "true")]).await;
    let info = &first["result_info"];
    assert_eq!(
        (&info["has_more"], &info["total_count"]),
        (&json!(true), &json!(4))
    );
    let past = listed(app, &[("page", "9"), ("per_page", "2")]).await;
    assert_eq!(
        (ids(&past).len(), &past["result_info"]["total_count"]),
        (0, &json!(5))
    );
    let bounds = listed(app, &[("meta_info", "true"), ("per_page", "1")]).await;
    for (name, value) in [
        ("min_cost", json!(0)),
        ("max_cost", json!(0.2)),
        ("min_duration", json!(2)),
        ("max_duration", json!(9000)),
        ("min_tokens_in", json!(100)),
        ("max_tokens_in", json!(9000)),
        ("min_tokens_out", json!(20)),
        ("max_tokens_out", json!(20)),
        ("min_total_tokens", json!(0)),
        ("max_total_tokens", json!(9020)),
    ] {
        assert_eq!(bounds["result_info"][name], value, "{name}");
    }
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    one(app).await;
    let array = json!([
        { "key": "colour", "operator": "eq", "value": ["red"] },
        { "key": "cost", "operator": "is", "value": [1] },
        { "key": "cost", "operator": "gt", "value": [1, 2] },
        { "key": "cost", "operator": "contains", "value": ["1"] },
        { "key": "model", "operator": "lt", "value": ["a"] },
        { "key": "tokens", "operator": "eq", "value": ["many"] },
        { "key": "success", "operator": "neq", "value": ["perhaps"] },
        { "key": "duration", "operator": "gt", "value": [null] },
        { "key": "created_at", "operator": "gt", "value": ["yesterday"] },
        { "key": "model", "operator": "eq", "value": [] },
        { "key": "cost", "operator": "eq", "value": [0.0000000001] },
    ])
    .to_string();
    let query = [
        ("filters", array.as_str()),
        ("order_by", "colour"),
        ("order_by_direction", "up"),
        ("per_page", "51"),
        ("meta_info", "maybe"),
        ("cached", "x"),
        ("min_cost", "x"),
        ("start_date", "x"),
        ("max_duration", "1.5"),
    ];
    let mut lines = faults(&refused(app, &query).await);
    for (name, value) in [
        ("filters", "{}"),
        ("filters[0][key]", "id"),
        ("filter", "x"),
    ] {
        lines.extend(faults(&refused(app, &[(name, value)]).await));
    }
    insta::assert_snapshot!("log_faults", lines.join("\n"));
    let delete = call(
        app,
        Method::DELETE,
        &format!("{LOGS}?limit=10001&filters[0][key]=id"),
    )
    .await;
    assert_eq!(faults(&delete).len(), 2);
}

async fn a_log_is_judged(app: &TestApp) {
    let gateway = one(app).await;
    let id = variety(app, &gateway).await[0].to_string();
    let log = format!("{LOGS}/{id}");
    let judged = json!({ "feedback": 1, "score": 0.75, "metadata": { "user": "alan", "n": 1.5 } });
    let changed = send(app, Method::PATCH, &log, judged).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let shown = call(app, Method::GET, &log).await.body["result"].clone();
    assert_eq!(changed.body["result"], shown);
    assert_eq!(
        (&shown["feedback"], &shown["score"]),
        (&json!(1), &json!(0.75))
    );
    assert_eq!(shown["metadata"], json!({ "user": "alan", "n": 1.5 }));
    assert_eq!(ids(&listed(app, &[("feedback", "1")]).await), [id.as_str()]);
    let partly = send(
        app,
        Method::PATCH,
        &log,
        json!({ "score": null, "metadata": null }),
    )
    .await;
    let partly = &partly.body["result"];
    assert_eq!(
        (&partly["feedback"], &partly["score"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(partly.get("metadata"), None);
    let wrong = json!({ "feedback": 2, "score": "high", "metadata": { "a": [] }, "x": 1 });
    let many = json!({ "metadata": { "a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1 } });
    assert_eq!(
        faults(&send(app, Method::PATCH, &log, wrong).await).len(),
        4
    );
    assert_eq!(faults(&send(app, Method::PATCH, &log, many).await).len(), 1);
    assert_eq!(
        faults(&send(app, Method::PATCH, &log, json!({ "metadata": 1 })).await).len(),
        1
    );
}

async fn logs_are_removed(app: &TestApp) {
    app.give(1).await;
    let gateway = one(app).await;
    let made: Vec<_> = variety(app, &gateway)
        .await
        .iter()
        .map(LogId::to_string)
        .collect();
    let new = free(&gateway, app.app.now(), calls::call("openai", "gpt-4o"));
    let charged = settle(app, new, 1000).await.unwrap();
    let delete = async |query: &str| {
        let answer = call(app, Method::DELETE, &format!("{LOGS}?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body),
            (200, &json!({ "success": true }))
        );
        listed(app, &[]).await["result_info"]["total_count"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(
        delete("filters.key=success&filters.operator=eq&filters.value=false").await,
        5
    );
    assert_eq!(delete("limit=1").await, 4, "the oldest first");
    let first = call(app, Method::GET, &format!("{LOGS}/{}", made[0])).await;
    assert_eq!((first.status.as_u16(), first.code()), (404, 7002));
    assert_eq!(
        delete("limit=1&order_by=duration&order_by_direction=desc").await,
        3
    );
    assert_eq!(delete("filters=[]").await, 0);
    for table in ["logs", "log_metadata"] {
        assert_eq!(rows(app, table).await, 0, "{table}");
    }
    // Why money was taken stays on record.
    let db = &app.app.store.db;
    let charge = farebox::store::charges::find(db, app.account, charged).await;
    assert!(charge.unwrap().is_some());
}

async fn logs_belong_to_their_gateway(app: &TestApp) {
    let gateway = one(app).await;
    calls::gateway(app, "two", &Settings::default()).await;
    let id = variety(app, &gateway).await[0];
    for log in [
        format!("gateways/two/logs/{id}"),
        format!("gateways/three/logs/{id}"),
        format!("{LOGS}/{}", LogId::new(app.app.now())),
        format!("{LOGS}/not-an-id"),
    ] {
        for (method, rest) in [
            (Method::GET, ""),
            (Method::GET, "/request"),
            (Method::GET, "/response"),
            (Method::PATCH, ""),
        ] {
            let gone = send(app, method, &format!("{log}{rest}"), json!({})).await;
            assert_eq!(
                (gone.status.as_u16(), gone.code()),
                (404, 7002),
                "{log}{rest}"
            );
        }
    }
    for method in [Method::GET, Method::DELETE] {
        let gone = call(app, method, "gateways/three/logs").await;
        assert_eq!((gone.status.as_u16(), gone.code()), (404, 7002));
    }
    assert_eq!(
        call(app, Method::DELETE, "gateways/two/logs").await.status,
        200
    );
    assert_eq!(ids(&listed(app, &[]).await).len(), 5);
}

/// The logs of a gateway that is removed go, and another one of its id has none of them.
async fn a_removed_gateways_logs_go(app: &TestApp) {
    let gateway = one(app).await;
    variety(app, &gateway).await;
    assert_eq!(call(app, Method::DELETE, "gateways/one").await.status, 200);
    one(app).await;
    assert_eq!(ids(&listed(app, &[]).await).len(), 0);
    // A call that was under way.
    calls::write(
        app,
        free(&gateway, app.app.now(), calls::call("openai", "gpt-4o")),
    )
    .await
    .unwrap();
    farebox::gateways::prune_logs(&app.app).await.unwrap();
    assert_eq!(rows(app, "logs").await, 0);
    let db = &app.app.store.db;
    assert_eq!(gateways::removed(db).await.unwrap().len(), 1);
    app.tick(Duration::from_secs(25 * 3600));
    farebox::gateways::prune_logs(&app.app).await.unwrap();
    assert_eq!(gateways::removed(db).await.unwrap(), []);
}

/// A database from before 2026-11 has logs with ULIDs. They keep their ids and their places, and both forms find any.
async fn older_logs_keep_their_ids(app: &TestApp) {
    let gateway = one(app).await;
    let make = async |id: Option<&str>| {
        let mut new = free(&gateway, app.app.now(), calls::call("openai", "gpt-4o"));
        new.id = id.map_or(new.id, |id| id.parse().unwrap());
        calls::write(app, new).await.unwrap().to_string()
    };
    let old = calls::ulids(app.app.now());
    for id in &old {
        assert_eq!(make(Some(id)).await, *id);
    }
    app.tick(Duration::from_millis(5));
    let mut expected = old.to_vec();
    for _ in 0..3 {
        app.tick(Duration::from_millis(5));
        let id = make(None).await;
        assert_eq!((id.len(), &id[14..15]), (36, "7"), "{id}");
        expected.push(id);
    }
    expected.reverse();
    assert_eq!(ids(&listed(app, &[]).await), expected);
    let mut paged = Vec::new();
    for page in ["1", "2", "3"] {
        paged.extend(ids(&listed(app, &[("per_page", "2"), ("page", page)]).await));
    }
    assert_eq!(paged, expected);
    for (operator, id, found) in [
        ("lt", &expected[2], &expected[3..]),
        ("gt", &expected[3], &expected[..3]),
        ("eq", &expected[1], &expected[1..2]),
        ("eq", &expected[4], &expected[4..5]),
        ("contains", &expected[4], &expected[4..5]),
        ("contains", &expected[1], &expected[1..2]),
    ] {
        let filters = json!([{ "key": "id", "operator": operator, "value": [id] }]).to_string();
        assert_eq!(
            ids(&listed(app, &[("filters", &filters)]).await),
            found,
            "{operator} {id}"
        );
    }
    for id in &expected {
        let parsed: LogId = id.parse().unwrap();
        let ulid = parsed.key();
        for form in [id, &ulid] {
            let shown = call(app, Method::GET, &format!("{LOGS}/{form}")).await;
            assert_eq!(shown.body["result"]["id"], id.as_str(), "{}", shown.text);
            let body = call(app, Method::GET, &format!("{LOGS}/{form}/request")).await;
            assert_eq!(body.status, 200, "{}", body.text);
        }
    }
}

crate::on_both_engines![
    older_logs_keep_their_ids,
    a_log_says_what_a_call_was,
    bodies_are_kept_whole_or_begun_or_not,
    filters_come_in_every_way,
    lists_have_an_order_and_pages,
    every_fault_is_named_at_once,
    a_log_is_judged,
    logs_are_removed,
    logs_belong_to_their_gateway,
    a_removed_gateways_logs_go,
];
