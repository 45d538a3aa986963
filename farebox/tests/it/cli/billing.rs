//! Holds, the spending limit and payment methods, as a user types them against a development server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{client, dev, refused};
use crate::app::http_client;
use crate::process::{printed, run};
use crate::site::told;

/// A development server's client, with credit.
pub(super) async fn with_credit(ready: &Value) -> BTreeMap<String, String> {
    let variables = client(ready, &[("CLOUDFLARE_API_TOKEN", "token")]);
    let bought = told(&["topup", "create", "1000"], &variables).await;
    let id = bought["payment_intent_id"].as_str().unwrap();
    told(&["topup", "status", id, "--wait", "20"], &variables).await;
    variables
}

/// What a command prints for people.
async fn shown(args: &[&str], variables: &BTreeMap<String, String>) -> String {
    printed(&run(args, variables).await, 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credit_is_held_and_taken_in_parts() {
    let (running, ready) = dev(&[]).await;
    let variables = with_credit(&ready).await;
    // More digits than a float has.
    let create = ["holds", "create", "600.0000001", "--metadata", "job=7"];
    let create = [
        &create[..],
        &["--idempotency-key", "k", "--expires-in", "60"],
    ]
    .concat();
    let json = shown(&[&create[..], &["--json"]].concat(), &variables).await;
    assert!(json.contains("\"amount\":600.0000001"), "{json}");
    let hold: Value = serde_json::from_str(&json).unwrap();
    let id = hold["id"].as_str().unwrap();
    assert_eq!(hold["metadata"], json!({ "job": "7" }));
    assert_eq!(
        told(&create, &variables).await["id"],
        id,
        "the key is one hold"
    );

    let capture = [
        "holds",
        "capture",
        id,
        "0.0000001",
        "--description",
        "a page",
    ];
    let text = shown(&capture, &variables).await;
    for line in ["captured: 0.0000001\n", "remaining: 600\n", "state: open\n"] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let last = ["holds", "capture", id, "0", "--final"];
    assert_eq!(told(&last, &variables).await["state"], "captured");
    let got = told(&["holds", "get", id], &variables).await;
    assert_eq!(got["captures"].as_array().unwrap().len(), 2);
    assert_eq!(got["captures"][0]["description"], "a page");

    let other = told(&["holds", "create", "1"], &variables).await;
    let other = other["id"].as_str().unwrap();
    assert_eq!(
        told(&["holds", "void", other], &variables).await["state"],
        "voided"
    );
    let listed = shown(&["holds", "list", "--state", "captured"], &variables).await;
    assert!(
        listed.contains(id)
            && listed.ends_with("  captured  0.0000001 of 600.0000001 usd captured\n"),
        "{listed}"
    );
    assert_eq!(listed.lines().count(), 1);
    let all = told(
        &["holds", "list", "--per-page", "1", "--page", "2"],
        &variables,
    )
    .await;
    assert_eq!(all[0]["id"], id, "the older one is on the second page");

    let error = refused(&["holds", "create", "1000000"], &variables, 1).await;
    assert!(
        error.contains("8020") && error.contains("are available"),
        "{error}"
    );
    for amount in ["ten", "-1", "0.00000001"] {
        let error = refused(&["holds", "create", amount], &variables, 2).await;
        assert!(error.contains("--help"), "{amount}: {error}");
    }
    let error = refused(
        &["holds", "create", "1", "--metadata", "job"],
        &variables,
        2,
    )
    .await;
    assert!(error.contains("write NAME=VALUE"), "{error}");
    running.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_set_and_removed() {
    let (running, ready) = dev(&[]).await;
    let variables = with_credit(&ready).await;
    let (get, unset) = (["spending-limit", "get"], ["spending-limit", "unset"]);
    assert_eq!(shown(&get, &variables).await, "no limit\n");
    let set = [
        "spending-limit",
        "set",
        "100",
        "--duration",
        "weekly",
        "--strategy",
        "sliding",
    ];
    let text = "amount: 100\nduration: weekly\nstrategy: sliding\n";
    assert_eq!(shown(&set, &variables).await, text);
    let config = json!({ "amount": 100, "duration": "weekly", "strategy": "sliding" });
    let expected = json!({ "config": config, "enabled": true });
    assert_eq!(told(&get, &variables).await, expected);
    let error = refused(&["holds", "create", "100.5"], &variables, 1).await;
    assert!(error.contains("8021"), "{error}");
    assert_eq!(shown(&unset, &variables).await, "no limit\n");
    assert_eq!(told(&unset, &variables).await["enabled"], false);
    let error = refused(&["spending-limit", "set", "100"], &variables, 2).await;
    assert!(
        error.contains("--duration") && error.contains("--strategy"),
        "{error}"
    );
    let low = [
        "spending-limit",
        "set",
        "99",
        "--duration",
        "daily",
        "--strategy",
        "fixed",
    ];
    let error = refused(&low, &variables, 1).await;
    assert!(error.contains("7001"), "{error}");
    running.terminate().await;
}

/// What the customer does on a page of Stripe's.
async fn completed(ready: &Value, page: &str) {
    let stripe = ready["stripe_url"].as_str().unwrap();
    let session = page.rsplit('/').next().unwrap();
    let url = format!("{stripe}/_sandbox/checkout/sessions/{session}/complete");
    let request = http_client()
        .post(url)
        .header("content-type", "application/json");
    let body = json!({ "payment_method": "pm_card_mastercard" }).to_string();
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_are_saved_chosen_and_removed() {
    let (running, ready) = dev(&[]).await;
    let variables = client(&ready, &[("CLOUDFLARE_API_TOKEN", "token")]);
    let listed = shown(&["payment-methods", "list"], &variables).await;
    assert!(
        listed.starts_with("pm_card_visa  card  visa  4242  default\n"),
        "{listed}"
    );
    let secret = shown(&["payment-methods", "setup"], &variables).await;
    assert!(secret.contains("client_secret: seti_"), "{secret}");
    let page = [
        "payment-methods",
        "setup",
        "--return-url",
        "https://example.com/",
    ];
    let page = told(&page, &variables).await;
    completed(&ready, page["url"].as_str().unwrap()).await;
    let list = async || told(&["payment-methods", "list"], &variables).await;
    let mut methods = list().await;
    for _ in 0..200 {
        if methods[0]["brand"] == "mastercard" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        methods = list().await;
    }
    assert_eq!(methods[0]["last4"], "4444", "{methods}");
    assert_eq!(methods[0]["default"], true, "{methods}");
    let id = methods[0]["id"].as_str().unwrap();
    let chosen = told(&["payment-methods", "default", "pm_card_visa"], &variables).await;
    assert_eq!(chosen["default"], true);
    let removed = shown(&["payment-methods", "remove", id], &variables).await;
    assert_eq!(removed, format!("id: {id}\n"));
    let error = refused(&["payment-methods", "remove", id], &variables, 1).await;
    assert!(error.contains("Payment method not found"), "{error}");
    let nowhere = [
        "payment-methods",
        "setup",
        "--return-url",
        "http://example.com/",
    ];
    let error = refused(&nowhere, &variables, 1).await;
    assert!(error.contains("https"), "{error}");
    running.terminate().await;
}
