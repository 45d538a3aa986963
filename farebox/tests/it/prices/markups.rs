//! What is added to the providers' prices: which markup counts for whom, and that the version says it.

use farebox::admin::{self, Command};
use farebox::billing::{self, explanation};
use farebox::store::callers;
use ledger::{AccountId, Basis, Unit, Usage};
use serde_json::Value;

use crate::app::TestApp;
use crate::on_both_engines;

on_both_engines!(
    a_scope_is_no_other_that_begins_alike,
    the_nearest_markup_counts with [("FAREBOX_PRICES__MARKUP_PERCENT", "5")],
    a_charge_with_a_markup_is_explained,
    what_is_no_markup_is_refused
);

async fn command(app: &TestApp, command: Command) -> Result<Value, String> {
    let done = admin::run(&app.app.store.db, &app.app.keyring, command, app.app.now()).await;
    done.map_err(|error| error.to_string())
}

async fn set(app: &TestApp, account: Option<AccountId>, scope: &str, percent: &str) {
    let set = Command::SetMarkup {
        account: account.map(|account| account.to_string()),
        scope: scope.to_owned(),
        percent: percent.to_owned(),
    };
    command(app, set).await.unwrap();
}

async fn markup(app: &TestApp, account: AccountId, provider: &str, model: &str) -> String {
    let model = app.app.catalog.current().find(provider, model).unwrap();
    let terms = billing::terms(&app.app, account, &model).await.unwrap();
    terms.markup.to_string()
}

async fn the_nearest_markup_counts(app: &TestApp) {
    let other = app.another_account().await;
    let ours = app.account;
    let configured = markup(app, ours, "openai", "gpt-4o").await;
    assert_eq!(configured, "5");
    set(app, None, "", "10").await;
    set(app, None, "openai", "20").await;
    set(app, None, "openai/gpt-4o", "30").await;
    set(app, Some(ours), "", "-40").await;
    set(app, Some(ours), "openai/gpt-5", "50.5").await;
    for (account, provider, model, percent) in [
        (other, "anthropic", "claude-opus-5", "10"),
        (other, "openai", "gpt-5", "20"),
        (other, "openai", "gpt-4o-2024-08-06", "30"),
        (ours, "openai", "gpt-4o", "-40"),
        (ours, "openai", "gpt-5-codex", "50.5"),
        (ours, "anthropic", "claude-opus-5", "-40"),
    ] {
        let found = markup(app, account, provider, model).await;
        assert_eq!(found, percent, "{provider}/{model}");
    }
    // One in place of another, and none in place of one.
    set(app, Some(ours), "", "1").await;
    assert_eq!(markup(app, ours, "openai", "gpt-4o").await, "1");
    let remove = Command::RemoveMarkup {
        account: Some(ours.to_string()),
        scope: String::new(),
    };
    command(app, remove.clone()).await.unwrap();
    assert_eq!(markup(app, ours, "openai", "gpt-4o").await, "30");
    let error = command(app, remove).await.unwrap_err();
    assert!(error.contains("there is no such markup"), "{error}");
    let list = command(app, Command::ListMarkups).await.unwrap();
    let told: Vec<(&str, &str)> = list.as_array().unwrap().iter().map(told).collect();
    let everybodys = [("all", "10"), ("openai", "20"), ("openai/gpt-4o", "30")];
    assert_eq!(told[..3], everybodys);
    assert_eq!(told[3..], [("openai/gpt-5", "50.5")]);
}

/// The scope of the one that counts for our call of a provider's model. Here everybody's are in capitals.
async fn scope(app: &TestApp, provider: &str, model: &str) -> Option<String> {
    let of = (provider, model);
    let found = callers::terms(&app.app.store.db, app.account, of, false).await;
    let found = found.unwrap().markup?;
    match found.account {
        Some(account) => assert_eq!(account, app.account),
        None => return Some(found.scope.to_uppercase()),
    }
    Some(found.scope)
}

async fn a_scope_is_no_other_that_begins_alike(app: &TestApp) {
    let strangers = Some(app.another_account().await);
    set(app, strangers, "", "1").await;
    set(app, strangers, "openai/gpt-4o", "1").await;
    assert_eq!(scope(app, "openai", "gpt-4o").await, None);
    let ours = ["o/m", "p/a/b", "openai/gpt-4", "q"];
    let everybodys = ["openai", "openai/gpt-4o", "p", "p/a", "p/a/b/c", "q/model"];
    for (account, scopes) in [(Some(app.account), &ours[..]), (None, &everybodys)] {
        for scope in scopes {
            set(app, account, scope, "2").await;
        }
    }
    for (provider, model, expected) in [
        ("openai", "gpt-4", Some("openai/gpt-4")),
        ("openai", "gpt-4o", Some("OPENAI/GPT-4O")),
        ("openai", "gpt-4o-mini", Some("OPENAI")),
        ("openai", "gpt", Some("OPENAI")),
        ("open", "ai", None),
        ("o", "m", Some("o/m")),
        ("o", "model", None),
        ("p", "a/b", Some("p/a/b")),
        ("p", "a/b/c", Some("P/A/B/C")),
        ("p", "a/b/c/d", Some("P")),
        ("p", "a", Some("P/A")),
        ("p", "", Some("P")),
        ("q", "model", Some("q")),
        ("%", "%", None),
        ("", "", None),
    ] {
        let found = scope(app, provider, model).await;
        assert_eq!(found.as_deref(), expected, "{provider} {model}");
    }
    set(app, None, "", "3").await;
    assert_eq!(scope(app, "open", "ai").await.as_deref(), Some(""));
}

fn told(row: &Value) -> (&str, &str) {
    let text = |name: &str| row[name].as_str().unwrap();
    (text("scope"), text("percent"))
}

async fn a_charge_with_a_markup_is_explained(app: &TestApp) {
    set(app, None, "openai", "20").await;
    let model = app.app.catalog.current().find("openai", "gpt-4o").unwrap();
    let terms = billing::terms(&app.app, app.account, &model).await;
    let markup = terms.unwrap().markup;
    let usage = Usage::new(Basis::Reported).with(&[
        (Unit::Input, 2000),
        (Unit::CacheRead, 8000),
        (Unit::Output, 500),
    ]);
    let priced = model.charge(app.app.now(), &usage, markup).unwrap();
    assert_eq!(priced.charge.amount.nanos(), 24_000_000);
    let version = &priced.version;
    assert!(version.starts_with("genai-prices-"), "{version}");
    assert!(version.ends_with("+20%"), "{version}");
    let text = explanation::encode(&priced);
    assert_eq!(explanation::decode(&text).as_ref(), Ok(&priced));
    let lines = explanation::explain(&priced);
    assert_eq!(lines[0], format!("rates: {version}"));
    assert_eq!(
        lines[1..],
        [
            "input: 2000 x 2.5 per million = 0.005",
            "cache_read: 8000 x 1.25 per million = 0.01",
            "output: 500 x 10 per million = 0.005",
            "markup: 20%",
            "total: 0.024",
        ]
    );
}

async fn what_is_no_markup_is_refused(app: &TestApp) {
    for (account, percent, why) in [
        (None, "x", "is no percentage from -100 to 10000"),
        (None, "-100.1", "is no percentage"),
        (None, "1.00001", "too many digits"),
        (Some("1"), "1", "is no account id"),
        (
            Some("00000000000000000000000000000009"),
            "1",
            "there is no account",
        ),
    ] {
        let wrong = Command::SetMarkup {
            account: account.map(str::to_owned),
            scope: String::new(),
            percent: percent.to_owned(),
        };
        let error = command(app, wrong).await.unwrap_err();
        assert!(error.contains(why), "{percent}: {error}");
    }
}
