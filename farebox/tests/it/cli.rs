//! The commands as a user types them: what they print, how they end, and that no secret escapes.

mod billing;
mod costs;
mod gateways;
mod models;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farebox::config::Config;
use farebox::ids;
use farebox::store::{Store, accounts};
use ledger::{AccountId, Timestamp};
use reqwest::Method;
use sandbox::Outcome;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{Engine, STRIPE_KEY, WEBHOOK_SECRET, http_client, redact};
use crate::process::{self, Running, printed, run, texts};
use crate::site::{Site, told};
use crate::store::money;

/// Variables for a SQLite file and a key file in a directory of their own.
fn in_a_directory(dir: &Path) -> BTreeMap<String, String> {
    let variables = [
        (
            "DATABASE__URL",
            format!("sqlite://{}/farebox.db", dir.display()),
        ),
        (
            "SECURITY__KEY_FILE",
            format!("{}/farebox.key", dir.display()),
        ),
        ("HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("HTTP__METRICS_LISTEN", String::new()),
    ];
    let named = variables.map(|(name, value)| (format!("FAREBOX_{name}"), value));
    named.into_iter().collect()
}

fn fresh() -> (TempDir, BTreeMap<String, String>) {
    let dir = tempfile::tempdir().unwrap();
    let variables = in_a_directory(dir.path());
    (dir, variables)
}

/// A command that must fail with this exit code; what it says on standard error.
async fn refused(args: &[&str], variables: &BTreeMap<String, String>, code: i32) -> String {
    let output = run(args, variables).await;
    let (out, error) = texts(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{error}");
    assert!(!error.contains("panicked"), "{args:?}: {error}");
    assert_eq!(out, "", "{args:?}: an answer, although it failed");
    error
}

#[tokio::test]
async fn accounts_users_and_tokens() {
    let (_dir, variables) = fresh();
    let account = told(&["account", "create", "--name", "Research"], &variables).await;
    let id = account["id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    let again = ["account", "create", "--name", "Again", "--id", id];
    let error = refused(&again, &variables, 1).await;
    assert_eq!(error, format!("farebox: account {id} exists already\n"));
    let error = refused(
        &["account", "create", "--name", "Short", "--id", "12"],
        &variables,
        1,
    )
    .await;
    assert_eq!(
        error,
        "farebox: \"12\" is no account id: 32 hex characters\n"
    );
    let user = [
        "user",
        "create",
        "--email",
        "Ada@example.com",
        "--account",
        id,
    ];
    let made = told(&user, &variables).await;
    assert_eq!(made["key"].as_str().unwrap().len(), 40);
    assert_eq!(made["email"], "ada@example.com");
    let error = refused(&user, &variables, 1).await;
    assert!(
        error.contains("there is a user ada@example.com already"),
        "{error}"
    );
    let token = [
        "token",
        "create",
        "--account",
        id,
        "--name",
        "ci",
        "--permission",
        "write",
    ];
    let token = [&token[..], &["--permission", "run", "--expires-in", "3600"]].concat();
    let made = told(&token, &variables).await;
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("fbx_"));
    let list = printed(
        &run(&["token", "list", "--account", id], &variables).await,
        0,
    );
    assert!(!list.contains(secret), "a token is shown once");
    let row = made["id"].as_str().unwrap();
    let revoked = told(&["token", "revoke", row], &variables).await;
    assert_eq!(revoked, json!({ "id": row, "status": "revoked" }));
    let error = refused(&["token", "revoke", row], &variables, 1).await;
    assert!(error.contains("that could be revoked"), "{error}");
    let list = told(&["token", "list", "--account", id], &variables).await;
    assert!(list[0]["revoked_at"].is_string());
}

#[tokio::test]
async fn a_key_takes_anothers_place() {
    let (dir, mut variables) = fresh();
    let account = told(&["account", "create", "--name", "Research"], &variables).await;
    let id = account["id"].as_str().unwrap();
    let old = dir.path().join("old.key");
    std::fs::rename(dir.path().join("farebox.key"), &old).unwrap();
    std::fs::write(dir.path().join("farebox.key"), "ab".repeat(32)).unwrap();
    let list = ["token", "list", "--account", id];
    let error = refused(&list, &variables, 1).await;
    assert!(error.contains("previous_key"), "{error}");
    let previous = "FAREBOX_SECURITY__PREVIOUS_KEY_FILE".to_owned();
    variables.insert(previous.clone(), old.display().to_string());
    assert_eq!(told(&list, &variables).await, json!([]));
    let rotated = told(&["keys", "rotate"], &variables).await;
    assert_eq!(rotated, json!({ "resealed": 0 }));
    variables.remove(&previous);
    assert_eq!(told(&list, &variables).await, json!([]));
}

#[tokio::test]
async fn what_people_read_of_accounts_and_tokens() {
    let (_dir, variables) = fresh();
    let id = "00000000000000000000000000000001";
    let create = ["account", "create", "--name", "Research", "--id", id];
    let mut shown = printed(&run(&create, &variables).await, 0);
    shown.push_str(&printed(&run(&["account", "list"], &variables).await, 0));
    let token = [
        "token",
        "create",
        "--account",
        id,
        "--name",
        "ci",
        "--permission",
        "read",
    ];
    shown.push_str(&printed(&run(&token, &variables).await, 0));
    insta::with_settings!({ filters => vec![(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>")] }, {
        insta::assert_snapshot!("for_people", redact(&shown));
    });
}

#[tokio::test]
async fn what_is_not_understood_is_exit_code_two() {
    let (_dir, variables) = fresh();
    for args in [
        &["nonsense"][..],
        &["token", "create", "--name", "x"],
        &["topup", "create", "ten"],
    ] {
        let error = refused(args, &variables, 2).await;
        assert!(error.contains("--help"), "{error}");
    }
    let unknown = "0".repeat(32);
    let token = [
        "token",
        "create",
        "--account",
        &unknown,
        "--name",
        "x",
        "--permission",
    ];
    let error = refused(&[&token[..], &["read"]].concat(), &variables, 1).await;
    assert!(error.contains("there is no account"), "{error}");
    let error = refused(&[&token[..], &["everything"]].concat(), &variables, 2).await;
    assert!(error.contains("read, write, run"), "{error}");
}

#[tokio::test]
async fn the_schema_is_migrated_once() {
    let (_dir, variables) = fresh();
    let first = printed(&run(&["migrate"], &variables).await, 0);
    assert!(first.starts_with("applied: initial"), "{first}");
    let second = printed(&run(&["migrate"], &variables).await, 0);
    assert_eq!(second, "the schema is up to date\n");
}

#[tokio::test]
async fn what_a_newcomer_asks_for() {
    let none = BTreeMap::new();
    let config = printed(&run(&["config"], &none).await, 0);
    assert_eq!(config, farebox::config::DEFAULTS);
    let bash = printed(&run(&["completions", "bash"], &none).await, 0);
    assert!(bash.contains("_farebox()"), "{bash}");
    let help = printed(&run(&["--help"], &none).await, 0);
    for command in ["serve", "dev", "demo", "ledger", "topup"] {
        assert!(help.contains(command), "{help}");
    }
    assert!(printed(&run(&["--version"], &none).await, 0).starts_with("farebox "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_exported() {
    let (dir, variables) = fresh();
    let account: AccountId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    {
        let config = Config::load(None, variables.clone().into_iter()).unwrap();
        let at = Timestamp::from_millis(1_800_000_000_000);
        let store = Store::open(&config.database, Arc::new(move || at), |_| ()).await;
        let store = store.unwrap();
        accounts::create(&store.db, account, "Test", at)
            .await
            .unwrap();
        let [credit, hold, post] =
            ["credit", "hold", "post"].map(|name| ids::transfer_for("test", name));
        let mut held = money::hold(account, hold, 700);
        if let ledger::Operation::Hold {
            expires_at,
            reference,
            ..
        } = &mut held
        {
            *expires_at = Timestamp::from_millis(1_800_000_060_000);
            *reference = "a \"quoted\", divided note".to_owned();
        }
        for operation in [
            money::credit(account, credit, 5000),
            held,
            money::post(account, post, hold, 500),
        ] {
            store.committer.commit_one(operation).await.unwrap();
        }
    }
    let csv = printed(&run(&["ledger", "export"], &variables).await, 0);
    insta::assert_snapshot!("journal_csv", csv);
    let path = dir.path().join("journal.jsonl").display().to_string();
    let jsonl = ["ledger", "export", "--format", "jsonl", "--output", &path];
    assert_eq!(printed(&run(&jsonl, &variables).await, 0), "");
    let written = std::fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!("journal_jsonl", written);
    let check = printed(&run(&["ledger", "check"], &variables).await, 0);
    assert!(
        check.starts_with("3 transfers, 1 customers, 1 holds"),
        "{check}"
    );
}

#[tokio::test]
async fn there_are_no_books_where_there_is_no_database() {
    let (_dir, variables) = fresh();
    let error = refused(&["ledger", "check"], &variables, 1).await;
    assert!(error.contains("can't open"), "{error}");
}

/// A development server and what a client needs to know of it.
async fn dev(args: &[&str]) -> (Running, Value) {
    dev_with(args, &BTreeMap::new()).await
}

async fn dev_with(args: &[&str], variables: &BTreeMap<String, String>) -> (Running, Value) {
    let all = [&["dev", "--listen", "127.0.0.1:0", "--json"], args].concat();
    let command = process::command(&all, variables);
    let ready = tokio::task::spawn_blocking(move || {
        let running = Running::start(command);
        let line = running.line_with("base_url");
        (running, serde_json::from_str(&line).unwrap())
    });
    ready.await.unwrap()
}

fn client(ready: &Value, credentials: &[(&str, &str)]) -> BTreeMap<String, String> {
    let account = ("CLOUDFLARE_ACCOUNT_ID", "account_id");
    let mut all = vec![("CLOUDFLARE_BASE_URL", "base_url"), account];
    all.extend(credentials);
    let text = |field: &str| ready[field].as_str().unwrap().to_owned();
    let variables = all
        .into_iter()
        .map(|(name, field)| (name.to_owned(), text(field)));
    variables.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buying_from_a_development_server() {
    let (running, ready) = dev(&[]).await;
    let by_token = client(&ready, &[("CLOUDFLARE_API_TOKEN", "token")]);
    let bought = told(&["topup", "create", "5000"], &by_token).await;
    let id = bought["payment_intent_id"].as_str().unwrap();
    let status = ["topup", "status", id, "--wait", "20"];
    let status = printed(&run(&status, &by_token).await, 0);
    assert_eq!(
        status,
        format!("payment_intent_id: {id}\nstatus: completed\n")
    );
    let by_key = [("CLOUDFLARE_EMAIL", "email"), ("CLOUDFLARE_API_KEY", "key")];
    let balance = told(&["balance"], &client(&ready, &by_key)).await;
    assert_eq!(balance["balance"], 5000);
    let declined = [
        "topup",
        "create",
        "5000",
        "--payment-method",
        "pm_card_chargeDeclined",
    ];
    let error = refused(&declined, &by_token, 1).await;
    assert!(
        error.contains("8001") && error.contains("declined"),
        "{error}"
    );
    let secured = [
        "topup",
        "create",
        "2000",
        "--payment-method",
        "pm_card_authenticationRequired",
    ];
    let pending = told(&secured, &by_token).await;
    let id = pending["payment_intent_id"].as_str().unwrap();
    let output = run(&["topup", "status", id], &by_token).await;
    let (out, error) = texts(&output);
    assert!(
        out.contains("status: pending") && error.contains("--wait"),
        "{out}{error}"
    );
    let error = refused(&["balance"], &client(&ready, &[]), 1).await;
    assert!(error.contains("CLOUDFLARE_API_TOKEN"), "{error}");
    tops_itself_up(&by_token).await;
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

/// Sets when the account tops itself up, sees that it does, and removes it.
async fn tops_itself_up(by_token: &BTreeMap<String, String>) {
    let config = ["topup", "config", "set", "--amount", "1500"];
    let config = [&config[..], &["--threshold", "6000"]].concat();
    let set = told(&config, by_token).await;
    assert_eq!(
        (&set["amount"], &set["threshold"]),
        (&1500.into(), &6000.into())
    );
    let invoices = ["invoices", "--kind", "auto"];
    let begun = Instant::now();
    while told(&invoices, by_token).await["invoices"][0]["status"] != "paid" {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    let get = printed(&run(&["topup", "config", "get"], by_token).await, 0);
    assert!(
        get.contains("amount: 1500") && get.contains("error: null"),
        "{get}"
    );
    let unset = told(&["topup", "config", "unset"], by_token).await;
    assert_eq!(unset["amount"], Value::Null);
    let small = [
        "topup",
        "config",
        "set",
        "--amount",
        "999",
        "--threshold",
        "500",
    ];
    let error = refused(&small, by_token, 1).await;
    assert!(error.contains("7001") && error.contains("1000"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_keeps_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept").display().to_string();
    let (running, ready) = dev(&["--dir", &path]).await;
    let by_token = [("CLOUDFLARE_API_TOKEN", "token")];
    told(&["topup", "create", "5000"], &client(&ready, &by_token)).await;
    running.terminate().await;
    let (running, again) = dev(&["--dir", &path]).await;
    let mut first = client(&ready, &by_token);
    let base_url = again["base_url"].as_str().unwrap().to_owned();
    first.insert("CLOUDFLARE_BASE_URL".to_owned(), base_url);
    assert_eq!(told(&["balance"], &first).await["balance"], 5000);
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_serve_says_why() {
    let (dir, mut variables) = fresh();
    let error = refused(&["serve"], &variables, 1).await;
    assert!(error.contains("secret_key is not set"), "{error}");
    assert!(error.contains("farebox dev"), "{error}");
    variables.insert("FAREBOX_STRIPE__SECRET_KEY".to_owned(), "hush".to_owned());
    variables.insert("FAREBOX_TOPUP__MIN_CENTS".to_owned(), "1".to_owned());
    variables.insert("FAREBOX_TOPUP__COLOUR".to_owned(), "red".to_owned());
    let error = refused(&["serve"], &variables, 1).await;
    for named in ["stripe.secret_key", "topup.min_cents", "COLOUR"] {
        assert!(
            error.to_lowercase().contains(&named.to_lowercase()),
            "{named}: {error}"
        );
    }
    assert!(!error.contains("hush"), "{error}");
    let mut variables = in_a_directory(dir.path());
    variables.insert(
        "FAREBOX_STRIPE__SECRET_KEY".to_owned(),
        STRIPE_KEY.to_owned(),
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    variables.insert("FAREBOX_HTTP__LISTEN".to_owned(), address.clone());
    let error = refused(&["serve"], &variables, 1).await;
    assert!(
        error.contains(&format!("can't listen on {address}")),
        "{error}"
    );
    let error = refused(
        &["serve", "--config", "/nowhere/farebox.toml"],
        &variables,
        1,
    )
    .await;
    assert!(error.contains("/nowhere/farebox.toml"), "{error}");
    variables.insert(
        "FAREBOX_DATABASE__URL".to_owned(),
        "postgres://nobody@127.0.0.1:1/x".to_owned(),
    );
    variables.insert("FAREBOX_SECURITY__KEY_FILE".to_owned(), String::new());
    variables.insert("FAREBOX_SECURITY__KEY".to_owned(), "07".repeat(32));
    let error = refused(&["serve"], &variables, 1).await;
    assert!(error.contains("database failed"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_most_talkative_log_tells_no_secret() {
    let card = "pm_card_authenticationRequired";
    let mut site = Site::new(Engine::Sqlite, Some(card)).await.unwrap();
    let level = ("FAREBOX_LOG__LEVEL".to_owned(), "trace".to_owned());
    site.variables.extend([level]);
    let account = site.account.to_string();
    let user = [
        "user",
        "create",
        "--email",
        "ada@example.com",
        "--account",
        &account,
    ];
    let key = told(&user, &site.variables).await["key"].clone();
    let (running, url) = site.serve().await;
    let (status, body) = site.buy(&url).await;
    assert_eq!(status, 200, "{body}");
    let secret = body["result"]["client_secret"].as_str().unwrap().to_owned();
    let intent = secret.split("_secret_").next().unwrap();
    site.stripe.authenticate(intent, Outcome::Succeed).unwrap();
    site.stripe.deliveries_settled().await;
    let path = format!("{url}/client/v4/accounts/{account}/ai-gateway/billing/credit-balance");
    let request = http_client().request(Method::GET, path);
    let request = request.header("x-auth-email", "ada@example.com");
    let request = request.header("x-auth-key", key.as_str().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 200);
    let create = ["token", "create", "--account", &account, "--name", "beside"];
    let made = told(
        &[&create[..], &["--permission", "read"]].concat(),
        &site.variables,
    )
    .await;
    site.is_settled("logged").await;
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "it is talkative"
    );
    assert!(log.contains("top-up completed"), "{log}");
    let sealing = "07".repeat(32);
    let secrets = [
        ("token", site.token.as_str()),
        ("new token", made["token"].as_str().unwrap()),
        ("global key", key.as_str().unwrap()),
        ("Stripe's key", STRIPE_KEY),
        ("webhook secret", WEBHOOK_SECRET),
        ("client secret", &secret),
        ("part of a client secret", "_secret_"),
        ("sealing key", &sealing),
    ];
    for (what, secret) in secrets {
        assert!(!log.contains(secret), "a {what} is in the log");
    }
}

/// As `farebox completions bash | head` does, when `head` has read enough.
#[test]
fn a_reader_that_leaves_ends_a_command_quietly() {
    let (_dir, variables) = fresh();
    for args in [
        &["completions", "bash"][..],
        &["config"],
        &["prices", "show"],
        &["prices", "show", "--json"],
    ] {
        let mut command = process::command(args, &variables);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Nobody reads a byte of it.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let (_, error) = texts(&output);
        assert_eq!(
            (output.status.code(), error.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}
