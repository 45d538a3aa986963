//! Gateways, keys, providers and logs, as a user types them against a development server.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};

use super::billing::with_credit;
use super::{client, dev, refused};
use crate::app::http_client;
use crate::process::{self, printed, run};
use crate::site::told;

const SECRET: &str = "sk-a-long-secret-1234";

async fn shown(args: &[&str], variables: &BTreeMap<String, String>) -> String {
    printed(&run(args, variables).await, 0)
}

/// What a command prints that is given this on standard input.
async fn fed(args: &[&str], variables: &BTreeMap<String, String>, input: &str) -> String {
    let mut command = process::command(args, variables);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    printed(&output.await.unwrap(), 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_are_made_changed_and_removed() {
    let (running, ready) = dev(&[]).await;
    let variables = client(&ready, &[("CLOUDFLARE_API_TOKEN", "token")]);
    let create = ["gateways", "create", "one", "--byok-only", "true"];
    let made = told(&create, &variables).await;
    assert_eq!(
        (&made["byok_only"], &made["collect_logs"]),
        (&json!(true), &json!(true))
    );
    let error = refused(&create, &variables, 1).await;
    assert!(
        error.contains("7001") && error.contains("body.id"),
        "{error}"
    );
    let listed = shown(&["gateways", "list", "--search", "one"], &variables).await;
    assert!(
        listed.ends_with("  one  authentication, logs, own keys only\n"),
        "{listed}"
    );
    let update = ["gateways", "update", "one", "--retry-max-attempts", "2"];
    let update = [
        &update[..],
        &["--byok-only", "false", "--log-management", "20000"],
    ]
    .concat();
    let changed = told(&update, &variables).await;
    assert_eq!(
        (&changed["retry_max_attempts"], &changed["byok_only"]),
        (&json!(2), &json!(false))
    );
    let update = ["gateways", "update", "one", "--unset", "retry_max_attempts"];
    let text = shown(&update, &variables).await;
    for line in ["retry_max_attempts: null\n", "log_management: 20000\n"] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let error = refused(&["gateways", "update", "one"], &variables, 1).await;
    assert!(error.contains("nothing to change"), "{error}");
    let wrong = ["gateways", "update", "one", "--retry-max-attempts", "9"];
    let error = refused(&wrong, &variables, 1).await;
    assert!(error.contains("body.retry_max_attempts"), "{error}");

    let url = shown(&["gateways", "url", "one", "openai"], &variables).await;
    let account = ready["account_id"].as_str().unwrap();
    assert!(
        url.ends_with(&format!("/v1/{account}/one/openai\n")),
        "{url}"
    );
    assert_eq!(
        told(&["gateways", "get", "one"], &variables).await["id"],
        "one"
    );
    assert_eq!(
        told(&["gateways", "delete", "one"], &variables).await["id"],
        "one"
    );
    let error = refused(&["gateways", "get", "one"], &variables, 1).await;
    assert!(error.contains("Gateway not found"), "{error}");
    running.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_read_from_where_nobody_sees_them() {
    let (running, ready) = dev(&[]).await;
    let variables = client(&ready, &[("CLOUDFLARE_API_TOKEN", "token")]);
    told(&["gateways", "create", "one"], &variables).await;
    let at = ["--gateway", "one"];
    let add = [
        &["provider-keys", "add", "openai", "--default", "--json"][..],
        &at,
    ]
    .concat();
    let text = fed(&add, &variables, &format!("{SECRET}\n")).await;
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (
            &stored["alias"],
            &stored["default_config"],
            &stored["secret_preview"]
        ),
        (&json!("default"), &json!(true), &json!("****1234"))
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "another-long-secret\n").unwrap();
    let add = [
        "provider-keys",
        "add",
        "openai",
        "--alias",
        "work",
        "--secret-file",
    ];
    let add = [&add[..], &[file.to_str().unwrap()], &at].concat();
    assert_eq!(told(&add, &variables).await["secret_preview"], "****cret");
    let error = refused(&add, &variables, 1).await;
    assert!(
        error.contains("body.alias") && !error.contains("another-long"),
        "{error}"
    );
    let nothing = [&["provider-keys", "add", "openai"][..], &at].concat();
    let error = refused(&nothing, &variables, 1).await;
    assert!(error.contains("there is no key"), "{error}");

    let list = [&["provider-keys", "list"][..], &at].concat();
    let listed = shown(&list, &variables).await;
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].ends_with("  openai  default  ****1234  default"),
        "{listed}"
    );
    assert!(lines[1].ends_with("  openai  work  ****cret"), "{listed}");
    let id = stored["id"].as_str().unwrap();
    let remove = [&["provider-keys", "remove", id][..], &at].concat();
    assert_eq!(told(&remove, &variables).await["id"], id);
    let error = refused(&remove, &variables, 1).await;
    assert!(error.contains("not found"), "{error}");
    running.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_of_ones_own_are_named() {
    let (running, ready) = dev(&[]).await;
    let variables = client(&ready, &[("CLOUDFLARE_API_TOKEN", "token")]);
    let create = ["custom-providers", "create", "mine", "--name", "Mine"];
    let create = [&create[..], &["--headers-file", "-", "--json"]].concat();
    let create = [
        &create[..],
        &["--provider-url", "https://llm.example.com/v1"],
    ]
    .concat();
    let text = fed(&create, &variables, r#"{"x-key":"hush"}"#).await;
    assert!(text.contains("x-key") && !text.contains("hush"), "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    let id = made["id"].as_str().unwrap();
    let list = ["custom-providers", "list", "--enable", "false"];
    let line = format!("{id}  mine  https://llm.example.com/v1  Mine  not enabled\n");
    assert_eq!(shown(&list, &variables).await, line);
    let enable = ["custom-providers", "update", id, "--enable"];
    assert_eq!(told(&enable, &variables).await["enable"], true);
    assert_eq!(shown(&list, &variables).await, "");
    let private = ["--provider-url", "https://10.0.0.1/v1"];
    let private = [&["custom-providers", "update", id][..], &private].concat();
    let error = refused(&private, &variables, 1).await;
    assert!(error.contains("body.base_url"), "{error}");
    let error = refused(&["custom-providers", "update", id], &variables, 1).await;
    assert!(error.contains("nothing to change"), "{error}");
    let got = told(&["custom-providers", "get", id], &variables).await;
    assert_eq!(
        (&got["enable"], &got["slug"]),
        (&json!(true), &json!("mine"))
    );
    assert_eq!(
        told(&["custom-providers", "delete", id], &variables).await["id"],
        id
    );
    running.terminate().await;
}

/// A call; the id of its log.
async fn called(ready: &Value, words: &str, user: &str) -> String {
    let text = |field: &str| ready[field].as_str().unwrap();
    let url = format!("{}/openai/v1/chat/completions", text("gateway_url"));
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": words}]});
    let request = http_client().post(url).bearer_auth(text("token"));
    let notes = json!({ "user": user }).to_string();
    let answer = request.header("cf-aig-metadata", notes).json(&body).send();
    let answer = answer.await.unwrap();
    answer.headers()["cf-aig-log-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_looked_up_and_removed() {
    let (running, ready) = dev(&[]).await;
    let variables = with_credit(&ready).await;
    let first = called(&ready, "one two", "ada").await;
    let second = called(&ready, "a [sandbox status=429]", "bob").await;
    let listed = shown(&["logs", "list"], &variables).await;
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].contains(&second) && lines[0].contains("  429  openai/gpt-4o  "),
        "{listed}"
    );
    assert!(
        lines[1].contains(&first) && lines[1].contains(" tokens  0.0000"),
        "{listed}"
    );
    for (which, expected) in [
        (&["--filter", "success=true"][..], &first),
        (&["--filter", "metadata.value=bob"], &second),
        (
            &["--filter", "model~GPT", "--filter", "cost>0.00000001"],
            &first,
        ),
        (&["--search", "ada"], &first),
        (
            &[
                "--order-by",
                "duration",
                "--ascending",
                "--filter",
                "success!=true",
            ],
            &second,
        ),
    ] {
        let list = [&["logs", "list", "--per-page", "1"][..], which].concat();
        let found = told(&list, &variables).await;
        assert_eq!(found[0]["id"], **expected, "{which:?}");
        assert_eq!(found.as_array().unwrap().len(), 1);
    }
    let over = ["logs", "list", "--until", "2026-01-01"];
    assert_eq!(shown(&over, &variables).await, "");
    assert_eq!(
        told(&["logs", "list", "--since", "2026-01-01"], &variables).await[1]["id"],
        *first
    );
    let error = refused(&["logs", "list", "--filter", "colour=red"], &variables, 1).await;
    assert!(error.contains("query.filters.0.key"), "{error}");
    let error = refused(&["logs", "list", "--filter", "model"], &variables, 2).await;
    assert!(error.contains("write KEY=VALUE"), "{error}");

    let log = told(&["logs", "get", &first], &variables).await;
    assert_eq!(log["metadata"], json!({ "user": "ada" }));
    let sent = shown(&["logs", "request", &first], &variables).await;
    assert_eq!(
        serde_json::from_str::<Value>(&sent).unwrap()["model"],
        "gpt-4o"
    );
    let got = told(&["logs", "response", &first], &variables).await;
    assert_eq!(got["content_type"], "application/json");
    assert_eq!(log["response_content_type"], "application/json");
    assert!(
        got["body"].as_str().unwrap().contains("chat.completion"),
        "{got}"
    );

    let error = refused(&["logs", "delete"], &variables, 1).await;
    assert!(error.contains("--all"), "{error}");
    let delete = ["logs", "delete", "--filter", "success=false"];
    assert_eq!(told(&delete, &variables).await, json!({ "success": true }));
    let error = refused(&["logs", "get", &second], &variables, 1).await;
    assert!(error.contains("not found"), "{error}");
    assert_eq!(
        shown(&["logs", "delete", "--all"], &variables).await,
        "success: true\n"
    );
    assert_eq!(shown(&["logs", "list"], &variables).await, "");
    running.terminate().await;
}
