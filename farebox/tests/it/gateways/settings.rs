//! `…/ai-gateway/gateways`

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{call, faults, gateway, path, required, send, with};
use crate::app::{Answer, TestApp};

async fn a_gateway_has_its_defaults(app: &TestApp) {
    let made = send(app, Method::POST, "gateways", required("my-gateway_2")).await;
    let mut body = made.body.clone();
    for name in ["created_at", "modified_at"] {
        let time = body["result"][name].take();
        let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
        assert!((app.app.now().millis() - time.as_millisecond()).abs() < 10_000);
    }
    insta::assert_snapshot!("defaults", serde_json::to_string_pretty(&body).unwrap());
    let shown = call(app, Method::GET, "gateways/my-gateway_2").await;
    assert_eq!(shown.body, made.body);
}

/// Everything that can be set and acts.
fn everything() -> Value {
    json!({
        "cache_ttl": 300, "cache_invalidate_on_update": true, "collect_logs": false,
        "log_management": 10_000, "log_management_strategy": "DELETE_OLDEST",
        "rate_limiting_limit": 50, "rate_limiting_interval": 60, "rate_limiting_technique": "sliding",
        "authentication": false, "byok_only": true, "zdr": true, "clamp_max_tokens": false,
        "retry_max_attempts": 5, "retry_delay": 60_000, "retry_backoff": "exponential",
        "store_id": "a1b2",
        "spend_limits": { "enabled": true, "rules": [{
            "id": "per-user", "enabled": true, "limit": 0.002, "limitType": "cost", "window": 3600,
            "technique": "fixed",
            "model": { "mode": "filter", "values": ["gpt-4o"] },
            "provider": { "mode": "filter", "values": ["openai", "anthropic"] },
            "metadata": { "user": { "mode": "partition" }, "plan": { "mode": "filter", "values": ["free"] } },
        }] },
    })
}

/// Whether the answer says at least this.
#[track_caller]
fn says(answer: &Answer, expected: &Value) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&answer.body["result"][name], value, "{name}");
    }
}

async fn everything_that_is_set_is_kept(app: &TestApp) {
    let all = with(required("one"), everything());
    says(
        &send(app, Method::POST, "gateways", all.clone()).await,
        &all,
    );
    says(&call(app, Method::GET, "gateways/one").await, &all);

    // PATCH changes what it names, and PUT sets the rest to its default.
    let some = json!({ "retry_backoff": null, "cache_ttl": null, "byok_only": false });
    let patched = send(app, Method::PATCH, "gateways/one", some).await;
    let expected = with(
        all.clone(),
        json!({ "retry_backoff": null, "cache_ttl": 0, "byok_only": false }),
    );
    says(&patched, &expected);
    assert!(
        patched.body["result"]["modified_at"].as_str()
            >= patched.body["result"]["created_at"].as_str()
    );
    let mut put = required("one");
    put.as_object_mut().unwrap().remove("id");
    let set = send(app, Method::PUT, "gateways/one", put).await;
    let defaults = json!({
        "cache_ttl": 0, "rate_limiting_limit": 0, "rate_limiting_technique": "fixed",
        "authentication": true, "byok_only": false, "zdr": false, "clamp_max_tokens": true,
        "log_management": null, "retry_max_attempts": null, "store_id": null, "spend_limits": null,
    });
    says(&set, &defaults);
    says(&call(app, Method::GET, "gateways/one").await, &defaults);

    // An answer can be sent back as it came.
    let shown = call(app, Method::GET, "gateways/one").await.body["result"].clone();
    says(
        &send(app, Method::PUT, "gateways/one", shown).await,
        &defaults,
    );
}

async fn rules_get_ids_of_their_own(app: &TestApp) {
    let rule = json!({ "limit": 5, "limitType": "cost", "window": 60 });
    let limits = |rules: Vec<Value>| json!({ "spend_limits": { "rules": rules } });
    let body = with(required("one"), limits(vec![rule.clone(); 20]));
    let made = send(app, Method::POST, "gateways", body).await;
    let rules = made.body["result"]["spend_limits"]["rules"]
        .as_array()
        .unwrap();
    assert_eq!(rules.len(), 20);
    for one in rules {
        let id = one["id"].as_str().unwrap();
        assert!(
            id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
        assert_eq!(
            (&one["enabled"], &one["technique"]),
            (&json!(true), &json!("sliding"))
        );
        assert_eq!(one["limit"], 5);
    }
    // Rules without `enabled` count; none at all, and rules that are switched off, don't.
    assert_eq!(made.body["result"]["spend_limits"]["enabled"], true);
    for (given, enabled) in [
        (json!({ "rules": [] }), false),
        (json!({}), false),
        (json!({ "enabled": false, "rules": [rule.clone()] }), false),
    ] {
        let body = json!({ "spend_limits": given });
        let set = send(app, Method::PATCH, "gateways/one", body).await;
        assert_eq!(set.body["result"]["spend_limits"]["enabled"], enabled);
    }
    // Sent back as they came, they are the same rules.
    let again = send(app, Method::PATCH, "gateways/one", limits(rules.clone())).await;
    assert_eq!(
        &again.body["result"]["spend_limits"]["rules"],
        &json!(rules)
    );

    let many = with(required("two"), limits(vec![rule; 21]));
    let refused = send(app, Method::POST, "gateways", many).await;
    assert_eq!(
        faults(&refused),
        ["body.spend_limits.rules: Array must contain at most 20 element(s)"]
    );
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    let missing = send(app, Method::POST, "gateways", json!({})).await;
    let post = faults(&missing);
    gateway(app, "one").await;
    let wrong = json!({
        "cache_ttl": -1, "cache_invalidate_on_update": null, "collect_logs": "yes",
        "log_management": 9_999, "log_management_strategy": "KEEP",
        "rate_limiting_limit": 1.5, "rate_limiting_interval": "60", "rate_limiting_technique": "both",
        "retry_max_attempts": 6, "retry_delay": 60_001, "retry_backoff": "none",
        "store_id": 7, "unheard_of": true,
        "spend_limits": { "rules": [
            { "limit": 0, "limitType": "count", "window": 0, "id": "a", "model": { "mode": "partition" } },
            { "limit": 0.0000000001, "limitType": "cost", "window": 1, "id": "a",
              "metadata": { "user": { "mode": "split" }, "plan": "free" } },
            { "limit": "5", "extra": 1, "provider": { "mode": "filter", "values": [""] } },
        ] },
    });
    let patch = faults(&send(app, Method::PATCH, "gateways/one", wrong).await);
    let list = faults(&call(app, Method::GET, "gateways?page=0&per_page=101").await);
    insta::assert_snapshot!(
        "faults",
        [post.join("\n"), patch.join("\n"), list.join("\n")].join("\n\n")
    );
    let found = call(app, Method::GET, "gateways").await;
    assert_eq!(found.body["result_info"]["total_count"], 1);
}

/// What does not act is taken turned off, and refused turned on.
async fn nothing_is_kept_that_does_not_act(app: &TestApp) {
    let off = json!({
        "guardrails": { "prompt": {}, "response": {} },
        "dlp": { "enabled": false, "action": "BLOCK", "profiles": ["x"] },
        "otel": [], "stripe": null, "logpush": false, "logpush_public_key": null,
        "log_classification": false, "workers_ai_billing_mode": "postpaid",
    });
    let made = send(app, Method::POST, "gateways", with(required("off"), off)).await;
    assert_eq!(made.status, 200, "{}", made.text);
    for (name, on) in [
        (
            "guardrails",
            json!({ "prompt": { "S1": "FLAG" }, "response": {} }),
        ),
        ("dlp", json!({ "enabled": true, "policies": [] })),
        ("dlp", json!({ "action": "FLAG", "profiles": [] })),
        (
            "otel",
            json!([{ "url": "https://example.com", "headers": {} }]),
        ),
        (
            "stripe",
            json!({ "authorization": "sk", "usage_events": [] }),
        ),
        ("logpush", json!(true)),
        ("logpush_public_key", json!("xxxxxxxxxxxxxxxx")),
        ("log_classification", json!(true)),
        ("workers_ai_billing_mode", json!("unified")),
    ] {
        let body = with(required("on"), json!({ name: on }));
        let refused = faults(&send(app, Method::POST, "gateways", body).await);
        assert_eq!(refused.len(), 1, "{name}");
        assert!(
            refused[0].starts_with(&format!("body.{name}: Farebox does not do this")),
            "{refused:?}"
        );
    }
}

async fn ids_are_checked_and_unique(app: &TestApp) {
    for id in ["a", "0_", "a-b-c", &"x".repeat(64)] {
        gateway(app, id).await;
        let twice = send(app, Method::POST, "gateways", required(id)).await;
        let refused = faults(&twice).remove(0);
        assert!(refused.starts_with("body.id: A gateway"), "{refused}");
    }
    for id in [
        "",
        "A",
        "a--b",
        "-a",
        "a-",
        "a b",
        "ä",
        "a/b",
        &"x".repeat(65),
    ] {
        let refused = send(app, Method::POST, "gateways", required(id)).await;
        assert!(faults(&refused)[0].starts_with("body.id: "), "{id}");
    }
    // The same id in another account is another gateway.
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Write"]).await;
    let theirs = path(app, "gateways").replace(&app.account.to_string(), &other.to_string());
    let request = app.anonymous(Method::POST, &theirs);
    let request = request.header("authorization", &format!("Bearer {token}"));
    assert_eq!(request.json(required("a")).send().await.status, 200);
}

async fn lists_have_pages(app: &TestApp) {
    for number in 0..5 {
        gateway(app, &format!("gw_{number}")).await;
    }
    gateway(app, "gwx1").await;
    let ids = async |query: &str| {
        let page = call(app, Method::GET, &format!("gateways?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let ids = page.body["result"].as_array().unwrap().iter();
        let ids: Vec<_> = ids
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        (ids.join(" "), page.body["result_info"].clone())
    };
    let (all, info) = ids("").await;
    assert_eq!(all, "gw_0 gw_1 gw_2 gw_3 gw_4 gwx1");
    assert_eq!(info["per_page"], 20);
    let (page, info) = ids("page=2&per_page=4").await;
    assert_eq!(page, "gw_4 gwx1");
    assert_eq!(
        info,
        json!({ "has_more": false, "page": 2, "per_page": 4, "total_count": 6, "count": 2, "total_pages": 2 })
    );
    assert_eq!(ids("page=3&per_page=4").await.0, "");
    let (found, info) = ids("search=GW_").await;
    assert_eq!(
        (found.as_str(), &info["total_count"]),
        ("gw_0 gw_1 gw_2 gw_3 gw_4", &json!(5))
    );
    assert_eq!(ids("search=&page=").await.1["total_count"], 6);
}

async fn a_removed_gateway_is_gone(app: &TestApp) {
    let made = gateway(app, "one").await;
    let removed = call(app, Method::DELETE, "gateways/one").await;
    assert_eq!(removed.body["result"], made);
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::PUT, json!({})),
        (Method::PATCH, json!({})),
        (Method::DELETE, json!({})),
    ] {
        let gone = send(app, method, "gateways/one", body).await;
        assert_eq!((gone.status.as_u16(), gone.code()), (404, 7002));
    }
    let odd = call(app, Method::GET, "gateways/No%20Such%20Thing").await;
    assert_eq!((odd.status.as_u16(), odd.code()), (404, 7002));
    gateway(app, "one").await;
}

/// Of changes at once none is lost, or somebody is told.
async fn changes_at_once_are_all_made(app: &TestApp) {
    gateway(app, "one").await;
    let changes = [
        json!({ "rate_limiting_interval": 7 }),
        json!({ "clamp_max_tokens": false }),
        json!({ "retry_delay": 3 }),
        json!({ "byok_only": true }),
    ];
    let sent = changes
        .iter()
        .map(|change| send(app, Method::PATCH, "gateways/one", change.clone()));
    for one in join_all(sent).await {
        assert_eq!(one.status, 200, "{}", one.text);
    }
    let all = json!({
        "rate_limiting_interval": 7, "clamp_max_tokens": false, "retry_delay": 3, "byok_only": true,
    });
    says(&call(app, Method::GET, "gateways/one").await, &all);
}

crate::on_both_engines![
    a_gateway_has_its_defaults,
    everything_that_is_set_is_kept,
    rules_get_ids_of_their_own,
    every_fault_is_named_at_once,
    nothing_is_kept_that_does_not_act,
    ids_are_checked_and_unique,
    lists_have_pages,
    a_removed_gateway_is_gone,
    changes_at_once_are_all_made,
];
