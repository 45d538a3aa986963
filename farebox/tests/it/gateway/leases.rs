//! Where an account calls often, calls are let in by one hold for many of them. On PostgreSQL, where several nodes
//! share the credit, each is held for by itself.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{asks, chat, is_settled, nanos, runner};
use crate::app::TestApp;

fn body() -> Value {
    json!({"model": "gpt-4o", "max_tokens": 20, "messages": [{"role": "user", "content": "one"}]})
}

fn is_leased(app: &TestApp) -> bool {
    let (leases, now) = (app.app.store.committer.leases(), app.app.now());
    leases.has_idle(app.account, now)
}

/// Calls until there is a lease, where there are any.
async fn call_often(app: &TestApp, token: &str) {
    let may = app.app.store.db.engine() == "sqlite";
    for _ in 0..20 {
        let answers = join_all((0..20).map(|_| chat(app, token, body()))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        tokio::time::sleep(Duration::from_millis(50)).await;
        if is_leased(app) || !may {
            assert_eq!(is_leased(app), may);
            return;
        }
    }
    panic!("no lease is made");
}

async fn held_for_calls(app: &TestApp) -> usize {
    let sql = "SELECT id FROM transfers WHERE phase = 'pending'";
    app.app.store.db.query(sql, &[]).await.unwrap().len()
}

/// Dollars with up to nine places.
fn billionths(dollars: &str) -> i64 {
    let (whole, part) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{part:0<9}").parse().unwrap()
}

async fn many_calls_take_one_hold_and_each_its_own_charge(app: &TestApp) {
    let token = runner(app).await;
    app.give(10_000).await;
    call_often(app, &token).await;
    let (holds, before) = (held_for_calls(app).await, nanos(app).await);
    let answers = join_all((0..10).map(|_| chat(app, &token, body()))).await;
    let mut paid = 0;
    for answer in &answers {
        paid += billionths(answer.header("cf-aig-cost"));
    }
    assert_eq!(nanos(app).await, before - paid);
    let own = held_for_calls(app).await - holds;
    match is_leased(app) {
        true => assert_eq!(own, 0),
        false => assert_eq!(own, 10),
    }
    // What a lease holds can be spent, and so it is no less that is told of.
    let told = app.balance().await;
    assert_eq!(told.available, Some(told.balance));
    let last = chat(app, &token, body()).await;
    assert_eq!(billionths(last.header("cf-aig-balance")), nanos(app).await);
    // An error of the provider's costs nothing, and its part is idle again.
    let before = nanos(app).await;
    let failed = json!({"model": "gpt-4o", "max_tokens": 20,
        "messages": [{"role": "user", "content": "one [sandbox status=500]"}]});
    assert_eq!(chat(app, &token, failed).await.status, 500);
    assert_eq!(nanos(app).await, before);
    let told = app.balance().await;
    assert_eq!(told.available, Some(told.balance));
    app.tick(Duration::from_secs(5));
    is_settled(app).await;
}

async fn what_a_lease_has_idle_is_there_for_everything_else(app: &TestApp) {
    let token = runner(app).await;
    app.give(10_000).await;
    call_often(app, &token).await;
    let hangs = sandbox::provider::Behaviour {
        hang: true,
        ..Default::default()
    };
    app.provider
        .add_fault(sandbox::provider::Fault::next(hangs));
    let call = chat(app, &token, body());
    let meanwhile = async {
        app.until(async || app.provider.counts().waiting == 1).await;
        // All but what the call under way can cost, to the nano.
        let there = app.balance().await.available.unwrap().nanos();
        assert!(there < nanos(app).await);
        assert!(!holds_all(app, there + 1).await);
        assert!(holds_all(app, there).await);
        app.provider.clear_faults();
    };
    let (answer, ()) = tokio::join!(call, meanwhile);
    assert_eq!(answer.status, 200, "{}", answer.text);
    // What the call was not charged after all is there again, and not enough for a long one.
    let long = chat(app, &token, asks("one [sandbox words=900]")).await;
    assert!(matches!(long.status.as_u16(), 200 | 402), "{}", long.text);
    app.tick(Duration::from_secs(3600));
    is_settled(app).await;
}

async fn holds_all(app: &TestApp, nanos: i64) -> bool {
    let id = farebox::ids::transfer_for("test", &farebox::ids::opaque());
    let operation = crate::store::money::hold(app.account, id, nanos);
    app.app.store.committer.commit_one(operation).await.is_ok()
}

/// A lease is no leave to go on: what an account may do is looked up for each call.
async fn no_lease_lets_in_who_may_not_spend(app: &TestApp) {
    let token = runner(app).await;
    app.give(10_000).await;
    for (hinder, status, free) in [
        (
            "UPDATE balances SET frozen = 1",
            403,
            "UPDATE balances SET frozen = 0",
        ),
        (
            "INSERT INTO spending_limits (account_id, amount_cents, duration, strategy, updated_at) \
             SELECT account_id, 1, 'daily', 'fixed', 0 FROM balances",
            429,
            "DELETE FROM spending_limits",
        ),
        // More is taken back than there is, as a dispute does.
        (
            "UPDATE balances SET debits_posted = debits_posted + 1000000000000",
            402,
            "UPDATE balances SET debits_posted = debits_posted - 1000000000000",
        ),
    ] {
        call_often(app, &token).await;
        let spent = leave_a_limit_used_up(app).await;
        app.app.store.db.execute(hinder, &[]).await.unwrap();
        let told = chat(app, &token, body()).await;
        assert_eq!(told.status, status, "{spent} {}", told.text);
        app.app.store.db.execute(free, &[]).await.unwrap();
    }
    app.tick(Duration::from_secs(5));
    is_settled(app).await;
}

/// Spends two cents, which is more than a limit of one.
async fn leave_a_limit_used_up(app: &TestApp) -> i64 {
    let left = nanos(app).await - 20_000_000;
    super::leave(app, left).await;
    left
}

/// What a lease holds is no less to spend: no card is charged because of it.
async fn a_lease_tops_nobody_up(app: &TestApp) {
    use crate::billing::topup_config;
    topup_config::card(app, "pm_card_visa").await;
    let token = runner(app).await;
    app.give(10_000).await;
    // Less than there is, and more than there would be without what is leased.
    topup_config::set(app, 1000, 9950).await;
    call_often(app, &token).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sql = "SELECT id FROM topups WHERE kind = 'auto'";
    assert!(app.app.store.db.query(sql, &[]).await.unwrap().is_empty());
    assert!(nanos(app).await > 99_500_000_000);
    app.tick(Duration::from_secs(5));
    is_settled(app).await;
}

/// Nobody has to wait for a lease to be released: a stop does it.
async fn a_stop_releases_what_is_leased(app: &TestApp) {
    let token = runner(app).await;
    app.give(10_000).await;
    call_often(app, &token).await;
    app.app.stop.cancel();
    is_settled(app).await;
}

crate::on_both_engines![
    many_calls_take_one_hold_and_each_its_own_charge,
    what_a_lease_has_idle_is_there_for_everything_else,
    no_lease_lets_in_who_may_not_spend,
    a_lease_tops_nobody_up,
    a_stop_releases_what_is_leased,
];
