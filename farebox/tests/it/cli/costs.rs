//! `farebox explain` and `farebox rerate`, beside a server that has the database.

use std::collections::BTreeMap;

use farebox::config::DatabaseUrl;
use reqwest::header::AUTHORIZATION;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::refused;
use crate::app::TestApp;
use crate::gateway::{Told, asks, chat, runner, send, to};
use crate::process::{printed, run};
use crate::site::told;

/// What a command has to know to find the server's database.
fn beside(app: &TestApp) -> BTreeMap<String, String> {
    let url = match &app.app.config.database.url {
        DatabaseUrl::Sqlite(path) => format!("sqlite://{}", path.display()),
        DatabaseUrl::Postgres(url) => url.expose_secret().to_owned(),
    };
    BTreeMap::from([("FAREBOX_DATABASE__URL".to_owned(), url)])
}

fn id(told: &Told) -> &str {
    let id = told.header("cf-aig-log-id");
    assert!(!id.is_empty(), "{}", told.text);
    id
}

/// What is printed of a call, without what is another each time.
async fn explained(app: &TestApp, call: &Told) -> String {
    let id = id(call);
    let text = printed(&run(&["explain", id], &beside(app)).await, 0);
    let text = text.replace(id, "<id>");
    let text = text.replace(&app.account.to_string(), "<account>");
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some((name @ ("at" | "held"), _)) => format!("{name}: <{name}>"),
        Some(("rates", rates)) => {
            let (list, hash) = rates.split_once(':').unwrap();
            assert_eq!(hash.len(), 12);
            format!("rates: {list}:<hash>")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn a_charge_is_explained(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut body = asks("one two");
    body["max_tokens"] = json!(100);
    let call = chat(app, &token, body).await;
    assert_eq!(
        explained(app, &call).await,
        "call: <id>\n\
         at: <at>\n\
         account: <account>\n\
         model: openai/gpt-4o\n\
         rates: genai-prices-0.2.3:<hash>\n\
         input: 2 x 2.5 per million = 0.000005\n\
         output: 5 x 10 per million = 0.00005\n\
         total: 0.000055\n\
         cost: 0.000055\n\
         held: <held>\n\
         charged: 0.000055\n\
         basis: reported"
    );
    let told = told(&["explain", id(&call)], &beside(app)).await;
    assert_eq!(told["id"], id(&call));
    assert_eq!(told["charged"], json!(0.000055));
    assert_eq!(told["provider"], "openai");
    assert_eq!(
        told["arithmetic"]["lines"][1],
        json!({
            "unit": "output", "priced_as": "output", "quantity": 5, "price": "10",
            "per": "per million",
        })
    );
    assert_eq!(told["arithmetic"]["uncharged"], json!({"request": 1}));
    assert_eq!(told["transfer"].as_str().unwrap().len(), 32);
}

async fn a_wrong_bound_shows_its_overrun(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let wrong = json!({"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000});
    let mut body = asks(&format!(
        "one [sandbox usage={{\"instead\":{wrong}}} words=0]"
    ));
    body["max_tokens"] = json!(1);
    let call = chat(app, &token, body).await;
    let text = explained(app, &call).await;
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    assert!(
        lines[1].ends_with(", which was not held and is written off"),
        "{text}"
    );
}

async fn what_cost_nothing_says_why(app: &TestApp) {
    let token = runner(app).await;
    let refused = chat(app, &token, asks("one")).await;
    assert_eq!(refused.status, 402);
    let text = explained(app, &refused).await;
    assert!(
        text.contains("\ncharged: 0\nbecause: no provider was asked: The call needs at least $"),
        "{text}"
    );
    app.give(100).await;
    let failed = chat(app, &token, asks("one [sandbox status=500]")).await;
    let text = explained(app, &failed).await;
    assert!(
        text.ends_with("because: the provider answered with the status 500"),
        "{text}"
    );
    let own = to(app, "openai/v1/chat/completions")
        .header("cf-aig-authorization", format!("Bearer {token}"))
        .header(AUTHORIZATION, "Bearer sk-operator-openai");
    let own = send(own.json(&asks("one"))).await;
    let told = told(&["explain", id(&own)], &beside(app)).await;
    assert_eq!(told["charged"], 0);
    assert_eq!(
        told["because"],
        "it went with a provider key that the request brought"
    );
}

async fn what_is_no_call_is_refused(app: &TestApp) {
    let error = refused(&["explain", "x"], &beside(app), 1).await;
    assert_eq!(
        error,
        "farebox: \"x\" is not a log id: a UUID, or the 26 letters and digits of an older log. Use the cf-aig-log-id of an answer.\n"
    );
    let error = refused(&["explain", "01K8W2S3T4V5W6X7Y8Z9A0B1C2"], &beside(app), 1).await;
    assert!(
        error.contains("neither a charge nor a log of the call 01K8W2"),
        "{error}"
    );
}

/// Twice as dear, another model with no price any more, and others as they are.
const PRICES: &str = r#"{"source":"ours","providers":{
"openai":{"models":[{"id":"gpt-4o","prices":[{"from":"2010-01-01","rates":{"input":"5","output":"20"}}]}]},
"anthropic":{"models":[{"id":"claude-sonnet-4-5","why":"sold no more","prices":[]}]}}}"#;

async fn message(app: &TestApp, token: &str) -> Told {
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": "one two"}]});
    let request = to(app, "anthropic/v1/messages").header("x-api-key", token);
    send(
        request
            .header("anthropic-version", "2023-06-01")
            .json(&body),
    )
    .await
}

async fn charges_are_priced_anew_and_stay(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let before = app.app.now().millis().to_string();
    for _ in 0..2 {
        assert_eq!(chat(app, &token, asks("one two")).await.status, 200);
    }
    let mut small = asks("one two");
    small["model"] = json!("gpt-4o-mini");
    assert_eq!(chat(app, &token, small).await.status, 200);
    assert_eq!(message(app, &token).await.status, 200);
    let balance = app.cents().await;

    let mut variables = beside(app);
    let rerate = ["rerate", "--since", &before, "--dry-run"];
    let same = printed(&run(&rerate, &variables).await, 0);
    assert_eq!(
        same,
        "anthropic/claude-sonnet-4-5: 0.000081 -> 0.000081 (the same), 1 call\n\
         openai/gpt-4o: 0.00011 -> 0.00011 (the same), 2 calls\n\
         openai/gpt-4o-mini: 0.0000033 -> 0.0000033 (the same), 1 call\n\
         in all: 0.0001943 -> 0.0001943 (the same), 4 calls\n\
         nothing was changed\n"
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prices.json");
    std::fs::write(&file, PRICES).unwrap();
    variables.insert(
        "FAREBOX_PRICES__FILE".to_owned(),
        file.display().to_string(),
    );
    let dearer = printed(&run(&rerate, &variables).await, 0);
    assert_eq!(
        dearer,
        "anthropic/claude-sonnet-4-5: 0.000081 has no price now, 1 call\n\
         openai/gpt-4o: 0.00011 -> 0.00022 (+0.00011), 2 calls\n\
         openai/gpt-4o-mini: 0.0000033 -> 0.0000033 (the same), 1 call\n\
         in all: 0.0001133 -> 0.0002233 (+0.00011), 3 calls; 0.000081 has no price now, 1 call\n\
         nothing was changed\n"
    );
    let json: Value = told(&rerate, &variables).await;
    assert_eq!(json["models"][1]["difference"], json!(0.00011));
    assert_eq!(json["total"]["unpriced_calls"], 1);
    assert_eq!(app.cents().await, balance);
    spans(app, &before, &variables).await;
}

async fn spans(app: &TestApp, before: &str, variables: &BTreeMap<String, String>) {
    let account = app.account.to_string();
    let other = app.another_account().await.to_string();
    let base = ["rerate", "--since", before, "--dry-run"];
    for (more, calls) in [
        (["--account", account.as_str()], 3),
        (["--account", other.as_str()], 0),
        (["--until", before], 0),
        (["--until", "2100-01-01"], 3),
        // Before the file has a price.
        (["--at", "2001-01-01"], 1),
    ] {
        let told = told(&[&base[..], &more].concat(), variables).await;
        assert_eq!(told["total"]["calls"], calls, "{more:?}: {told}");
    }
    let error = refused(&["rerate", "--since", before], variables, 1).await;
    assert_eq!(
        error,
        "farebox: charges are never rewritten: add --dry-run to see what they would be by the prices \
         of now\n"
    );
    let error = refused(&[&base[..], &["--account", "x"]].concat(), variables, 1).await;
    assert_eq!(
        error,
        "farebox: \"x\" is no account id: 32 hex characters\n"
    );
}

crate::on_both_engines![
    a_charge_is_explained,
    a_wrong_bound_shows_its_overrun,
    what_cost_nothing_says_why,
    what_is_no_call_is_refused,
    charges_are_priced_anew_and_stay,
];
