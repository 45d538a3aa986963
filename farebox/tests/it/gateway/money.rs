//! What is held, what is refused and what is given back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Told, asks, chat, nanos, runner};
use crate::app::TestApp;

/// Billionths of a dollar for a call with one word, and for each token that is written.
const INPUT: i64 = 2500;
const OUTPUT: i64 = 10_000;

fn limited(words: &str, limit: u64) -> Value {
    json!({"model": "gpt-4o", "max_tokens": limit, "messages": [{"role": "user", "content": words}]})
}

async fn nothing_there_is_refused_before_the_provider_hears_of_it(app: &TestApp) {
    let token = runner(app).await;
    let told = chat(app, &token, limited("one", 100)).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (402, 2021),
        "{}",
        told.text
    );
    assert!(told.json()["message"].as_str().unwrap().contains("Top up"));
    assert_eq!(told.json()["errors"][0]["code"], 2021);
    assert!(!told.header("cf-aig-log-id").is_empty());
    assert!(app.provider.requests().is_empty());
}

async fn what_is_there_is_spent_and_the_answer_cut_to_it(app: &TestApp) {
    // A cent: $0.01 pays for less than 1,000 tokens at $10 a million.
    app.give(1).await;
    let token = runner(app).await;
    let words = "one [sandbox words=5000]";
    let told = chat(app, &token, asks(words)).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let clamped: i64 = told.header("cf-aig-max-tokens-clamped").parse().unwrap();
    assert!((900..1000).contains(&clamped), "{clamped}");
    let sent = &app.provider.requests()[0].body;
    assert_eq!(sent["max_completion_tokens"], clamped);
    let usage = &told.json()["usage"];
    assert_eq!(usage["completion_tokens"], clamped);
    let cost = usage["prompt_tokens"].as_i64().unwrap() * INPUT + clamped * OUTPUT;
    assert_eq!(nanos(app).await, 10_000_000 - cost);
    // What is left pays for a little more, and in the end for nothing.
    let told = chat(app, &token, limited("one", 5000)).await;
    assert!(matches!(told.status.as_u16(), 200 | 402), "{}", told.text);
    assert!(nanos(app).await >= 0);
}

async fn a_gateway_can_refuse_rather_than_cut(app: &TestApp) {
    use farebox::store::gateways;
    app.give(1).await;
    let token = runner(app).await;
    let db = &app.app.store.db;
    let made = gateways::get_or_create_default(db, app.account, app.app.now())
        .await
        .unwrap();
    let mut settings = made.settings.clone();
    settings.clamp_max_tokens = false;
    gateways::update(db, &made, &settings, app.app.now())
        .await
        .unwrap();
    let told = chat(app, &token, limited("one", 5000)).await;
    assert_eq!((told.status.as_u16(), told.code()), (402, 2021));
    assert_eq!(chat(app, &token, limited("one", 500)).await.status, 200);
}

async fn fifty_at_once_get_what_there_is_and_not_more(app: &TestApp) {
    let token = runner(app).await;
    // What one of them is held at most, and a little: five fit.
    app.give(100).await;
    let body = limited("one [sandbox words=200]", 200);
    let first = chat(app, &token, body.clone()).await;
    let each = 1_000_000_000 - nanos(app).await;
    assert_eq!(first.status, 200);
    // What is left is spent, but for five of those.
    let rest = nanos(app).await - 5 * (each + 100_000);
    spend(app, rest).await;
    let before = nanos(app).await;
    let answers = join_all((0..50).map(|_| chat(app, &token, body.clone()))).await;
    let mut paid = 0;
    for answer in &answers {
        match answer.status.as_u16() {
            200 => paid += cost(&answer.json()["usage"]),
            // While others run, they hold what this one lacks.
            429 => assert_eq!(answer.code(), 8112, "{}", answer.text),
            status => assert_eq!((status, answer.code()), (402, 2021), "{}", answer.text),
        }
    }
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(served >= 5, "{served}");
    assert_eq!(nanos(app).await, before - paid);
    assert!(nanos(app).await >= 0);
}

/// The provider answers nobody until everybody else is refused, so that what is held is all there is.
async fn of_fifty_at_once_exactly_those_are_served_that_fit(app: &TestApp) {
    let token = runner(app).await;
    app.give(100).await;
    let body = limited("one [sandbox words=200]", 200);
    assert_eq!(chat(app, &token, body.clone()).await.status, 200);
    let each = held_at_most(app).await;
    // With half of what one can cost at most beside the five, a sixth is cut to it.
    for (beside, fit, cut) in [(0, 5, 0), (each / 2, 6, 1)] {
        app.give(100).await;
        spend(app, nanos(app).await - 5 * each - beside).await;
        let before = nanos(app).await;
        let answers = fifty_of_which_only(app, &token, &body, fit).await;
        let served = answers.iter().filter(|answer| answer.status == 200);
        let clamped = served.clone().filter(|answer| is_clamped(answer)).count();
        assert_eq!((served.clone().count(), clamped), (fit, cut));
        let paid: i64 = served.map(|answer| cost(&answer.json()["usage"])).sum();
        assert_eq!(nanos(app).await, before - paid);
        // What the five were not charged after all pays for more.
        assert_eq!(chat(app, &token, body.clone()).await.status, 200);
    }
}

/// Fifty calls at once; those that fit are answered when the others have been refused.
async fn fifty_of_which_only(app: &TestApp, token: &str, body: &Value, fit: usize) -> Vec<Told> {
    let hangs = sandbox::provider::Behaviour {
        hang: true,
        ..Default::default()
    };
    app.provider.add_fault(sandbox::provider::Fault {
        times: 50,
        ..sandbox::provider::Fault::next(hangs)
    });
    let refused = AtomicUsize::new(0);
    let calls = join_all((0..50).map(async |_| {
        let answer = chat(app, token, body.clone()).await;
        if answer.status != 200 {
            assert_eq!((answer.status.as_u16(), answer.code()), (429, 8112));
            refused.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }));
    let releasing = async {
        app.until(async || refused.load(Ordering::Relaxed) == 50 - fit)
            .await;
        assert_eq!(app.provider.counts().waiting, fit as u64);
        app.provider.clear_faults();
    };
    tokio::join!(calls, releasing).0
}

/// What the first call's hold was.
async fn held_at_most(app: &TestApp) -> i64 {
    let sql = "SELECT transfers.amount FROM transfers JOIN charges ON transfers.id = charges.hold";
    let mut rows = app.app.store.db.query(sql, &[]).await.unwrap();
    rows[0].int().unwrap()
}

fn is_clamped(answer: &Told) -> bool {
    !answer.header("cf-aig-max-tokens-clamped").is_empty()
}

fn cost(usage: &Value) -> i64 {
    let tokens = |name: &str| usage[name].as_i64().unwrap();
    tokens("prompt_tokens") * INPUT + tokens("completion_tokens") * OUTPUT
}

async fn spend(app: &TestApp, nanos: i64) {
    use ledger::{Account, Amount, Code, Operation};
    let operation = Operation::Transfer {
        id: farebox::ids::transfer_for("spent", &farebox::ids::opaque()),
        debit: Account::Customer(app.account),
        credit: Account::Revenue,
        amount: Amount::from_nanos(nanos),
        code: Code::Usage,
        reference: "before".to_owned(),
    };
    app.app.store.committer.commit_one(operation).await.unwrap();
}

async fn the_accounts_own_limit_counts(app: &TestApp) {
    app.give(1000).await;
    let token = runner(app).await;
    let body = json!({"amount": 100, "duration": "daily", "strategy": "fixed"});
    let path = app.billing("spending-limit");
    let set = app
        .request(reqwest::Method::POST, &path)
        .json(body)
        .send()
        .await;
    assert_eq!(set.status, 201, "{}", set.body);
    spend(app, 999_000_000).await;
    // A thousandth of a dollar is left of the limit.
    let told = chat(app, &token, limited("one", 5000)).await;
    let told = match told.status.as_u16() {
        200 => chat(app, &token, limited("one [sandbox words=9000]", 9000)).await,
        _ => told,
    };
    assert!(
        app.balance().await.balance.to_string().starts_with("90"),
        "{}",
        app.cents().await
    );
    assert!(matches!(told.status.as_u16(), 200 | 429), "{}", told.text);
    spend_all_of_the_limit(app, &token).await;
}

async fn spend_all_of_the_limit(app: &TestApp, token: &str) {
    for _ in 0..20 {
        let told = chat(app, token, limited("one [sandbox words=9000]", 9000)).await;
        if told.status == 429 {
            assert_eq!(told.code(), 8105);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the limit never held");
}

async fn an_error_of_the_providers_costs_nothing(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for status in [400, 404, 429, 500, 503] {
        let told = chat(
            app,
            &token,
            limited(&format!("one [sandbox status={status}]"), 10),
        )
        .await;
        assert_eq!(told.status.as_u16(), status);
        assert!(
            told.json()["error"].is_object(),
            "as the provider gave it: {}",
            told.text
        );
        assert_eq!(nanos(app).await, 1_000_000_000);
    }
}

/// A provider's words about a key quote it.
async fn that_the_operators_key_is_refused_is_not_told_in_the_providers_words(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, limited("one [sandbox status=401]", 10)).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (502, 2005),
        "{}",
        told.text
    );
    assert!(
        told.text.contains("The operator has to mend it"),
        "{}",
        told.text
    );
    assert_eq!(nanos(app).await, 1_000_000_000);
}

async fn a_call_that_leaves_too_little_tops_up(app: &TestApp) {
    use crate::billing::topup_config;
    topup_config::card(app, "pm_card_visa").await;
    app.give(501).await;
    topup_config::set(app, 1000, 500).await;
    let token = runner(app).await;
    let told = chat(app, &token, limited("one [sandbox words=2000]", 3000)).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(topup_config::over(app, 1).await, ["completed"]);
    assert!(nanos(app).await > 10_000_000_000);
}

crate::on_both_engines![
    that_the_operators_key_is_refused_is_not_told_in_the_providers_words,
    a_call_that_leaves_too_little_tops_up,
    nothing_there_is_refused_before_the_provider_hears_of_it,
    what_is_there_is_spent_and_the_answer_cut_to_it,
    a_gateway_can_refuse_rather_than_cut,
    of_fifty_at_once_exactly_those_are_served_that_fit,
    fifty_at_once_get_what_there_is_and_not_more,
    the_accounts_own_limit_counts,
    an_error_of_the_providers_costs_nothing,
];
