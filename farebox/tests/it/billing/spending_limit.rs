//! `…/billing/spending-limit`, and what it does to holds.

use std::time::Duration;

use api::{LimitDuration, LimitStrategy, SetSpendingLimit};
use api::{SpendingLimitParams, SpendingLimitSetParams};
use jiff::{Unit, tz::TimeZone};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

const HOUR: Duration = Duration::from_secs(3600);

async fn set(app: &TestApp, body: Value) -> Answer {
    let request = app.request(Method::POST, &app.billing("spending-limit"));
    request.json(body).send().await
}

async fn limit(app: &TestApp, amount: i64, duration: &str, strategy: &str) {
    let body = json!({ "amount": amount, "duration": duration, "strategy": strategy });
    assert_eq!(set(app, body).await.status, 201);
}

async fn hold(app: &TestApp, amount: impl Into<Value>) -> Answer {
    let request = app.request(Method::POST, &app.billing("holds"));
    request
        .json(json!({ "amount": amount.into() }))
        .send()
        .await
}

async fn end(app: &TestApp, hold: &Answer, amount: i64) {
    assert_eq!(hold.status, 200, "{}", hold.text);
    let id = hold.body["result"]["id"].as_str().unwrap();
    let path = app.billing(&format!("holds/{id}/capture"));
    let body = json!({ "amount": amount, "final": true });
    let answer = app.request(Method::POST, &path).json(body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Holds and captures at once.
async fn spend(app: &TestApp, amount: i64) {
    end(app, &hold(app, amount).await, amount).await;
}

/// The seconds of `Retry-After` of a refusal by the limit.
#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (429, 8021),
        "{}",
        answer.text
    );
    answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Moves the clock to the next hour of the day, and a minute past it.
async fn go_to_hour(app: &TestApp, hour: i8) {
    let now = jiff::Timestamp::from_millisecond(app.app.now().millis()).unwrap();
    let now = now.to_zoned(TimeZone::UTC);
    let midnight = now.start_of_day().unwrap();
    let mut then = midnight
        .checked_add(jiff::Span::new().hours(hour).minutes(1))
        .unwrap();
    if then <= now {
        then = then.checked_add(jiff::Span::new().days(1)).unwrap();
    }
    let millis = (&then - &now).total(Unit::Millisecond).unwrap();
    app.tick(Duration::from_secs_f64(millis / 1000.0));
}

async fn it_is_set_told_and_removed(app: &TestApp) {
    let get = async || {
        let request = app.request(Method::GET, &app.billing("spending-limit"));
        request.send().await.body["result"].clone()
    };
    let none = json!({
        "config": { "amount": null, "duration": null, "strategy": null }, "enabled": false,
    });
    assert_eq!(get().await, none);
    let config = json!({ "amount": 10_000, "duration": "weekly", "strategy": "sliding" });
    let one = json!({ "config": config, "enabled": true });
    assert_eq!(set(app, config).await.body["result"], one);
    assert_eq!(get().await, one);
    limit(app, 100, "daily", "fixed").await;
    assert_eq!(get().await["config"]["amount"], 100);
    for _ in 0..2 {
        let request = app.request(Method::DELETE, &app.billing("spending-limit"));
        assert_eq!(request.send().await.body["result"], none);
    }
    assert_eq!(get().await, none);
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    for (body, faults) in [
        (json!({}), 3),
        (
            json!({ "amount": 99, "duration": "daily", "strategy": "fixed" }),
            1,
        ),
        (
            json!({ "amount": 100.5, "duration": "daily", "strategy": "fixed" }),
            1,
        ),
        (
            json!({ "amount": i64::MAX, "duration": "daily", "strategy": "fixed" }),
            1,
        ),
        (
            json!({ "amount": 100, "duration": "hourly", "strategy": 1, "x": 1 }),
            3,
        ),
    ] {
        let answer = set(app, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 7001),
            "{body}"
        );
        assert_eq!(
            answer.body["errors"].as_array().unwrap().len(),
            faults,
            "{body}"
        );
    }
}

async fn it_counts_what_is_settled_and_held(app: &TestApp) {
    app.give(10_000).await;
    go_to_hour(app, 6).await;
    limit(app, 1000, "daily", "fixed").await;
    spend(app, 300).await;
    let held = hold(app, 500).await;
    let refused = hold(app, "200.0000001").await;
    let wait = retry_after(&refused);
    let until_midnight = 18 * 3600 - 60;
    assert!(
        (until_midnight - 20..=until_midnight).contains(&wait),
        "{wait}"
    );
    assert_eq!(
        refused.headers["x-should-retry"], "false",
        "nobody waits for hours"
    );
    let message = refused.body["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("daily (fixed) spending limit of 1000 cents 200 are left"),
        "{message}"
    );
    end(app, &hold(app, 200).await, 200).await;
    // What a hold releases can be spent again.
    end(app, &held, 0).await;
    assert_eq!(hold(app, 501).await.status, 429);
    spend(app, 500).await;
    assert_eq!(app.cents().await, "9000");
    go_to_hour(app, 0).await;
    spend(app, 1000).await;
    retry_after(&hold(app, 1).await);
    let request = app.request(Method::DELETE, &app.billing("spending-limit"));
    request.send().await;
    spend(app, 1).await;
}

async fn a_sliding_window_frees_what_is_old_enough(app: &TestApp) {
    app.give(10_000).await;
    go_to_hour(app, 6).await;
    limit(app, 1000, "daily", "sliding").await;
    spend(app, 400).await;
    app.tick(HOUR);
    spend(app, 100).await;
    app.tick(5 * HOUR);
    spend(app, 500).await;
    // The first spending makes room for 400, the second for 500, all of them for 1000.
    for (amount, hours) in [
        (1, 18),
        (400, 18),
        (401, 19),
        (500, 19),
        (501, 24),
        (1000, 24),
    ] {
        let wait = retry_after(&hold(app, amount).await);
        let expected = hours * 3600;
        assert!(
            (expected - 20..=expected).contains(&wait),
            "{amount}: {wait}"
        );
    }
    assert_eq!(hold(app, 1001).await.headers["x-should-retry"], "false");
    let wait = retry_after(&hold(app, 400).await);
    app.tick(Duration::from_secs(wait));
    retry_after(&hold(app, 401).await);
    spend(app, 400).await;
    let wait = retry_after(&hold(app, 100).await);
    assert!((3580..=3600).contains(&wait), "{wait}");
}

async fn two_hundred_at_once_never_pass_it(app: &TestApp) {
    app.give(100_000).await;
    go_to_hour(app, 6).await;
    limit(app, 100, "monthly", "sliding").await;
    spend(app, 20).await;
    let asked = (0..200).map(|_| hold(app, "2.5"));
    let answers = futures_util::future::join_all(asked).await;
    let (held, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(held.len(), 32, "80 cents, to the last one");
    for answer in &refused {
        retry_after(answer);
    }
    for answer in &held {
        end(app, answer, 2).await;
    }
    spend(app, 16).await;
    assert_eq!(hold(app, "0.0000001").await.status, 429);
}

async fn single_usage_is_limited_as_well(app: &TestApp) {
    app.give(1000).await;
    limit(app, 100, "weekly", "sliding").await;
    let debit = |cents| ledger::Operation::Transfer {
        id: farebox::ids::transfer_for("test", &farebox::ids::opaque()),
        debit: ledger::Account::Customer(app.account),
        credit: ledger::Account::Revenue,
        amount: ledger::Amount::from_cents(cents).unwrap(),
        code: ledger::Code::Usage,
        reference: String::new(),
    };
    let committer = &app.app.store.committer;
    committer.commit_one(debit(100)).await.unwrap();
    let refused = committer.commit_one(debit(1)).await.unwrap_err();
    assert!(
        refused.to_string().contains("spending_limit_exceeded"),
        "{refused}"
    );
    // A month of hours later it is a sum of hours, and of a part of one.
    app.tick(6 * 24 * HOUR);
    assert!(committer.commit_one(debit(1)).await.is_err());
    app.tick(24 * HOUR);
    committer.commit_one(debit(100)).await.unwrap();
}

async fn the_audit_sees_a_wrong_hour(app: &TestApp) {
    app.give(1000).await;
    // One hour that is over, and the one that is running.
    spend(app, 10).await;
    app.tick(HOUR);
    spend(app, 20).await;
    let db = &app.app.store.db;
    let audit = async || farebox::store::audit::check(db).await.unwrap();
    assert!(audit().await.is_right());
    for (wrong, right) in [
        (
            "UPDATE usage_hours SET amount = amount + 1",
            "UPDATE usage_hours SET amount = amount - 1",
        ),
        (
            "UPDATE usage_hours SET hour = hour + 1",
            "UPDATE usage_hours SET hour = hour - 1",
        ),
        (
            "UPDATE balances SET used_in_hour = used_in_hour + 1",
            "UPDATE balances SET used_in_hour = used_in_hour - 1",
        ),
        (
            "UPDATE balances SET hour = hour + 1",
            "UPDATE balances SET hour = hour - 1",
        ),
    ] {
        assert_eq!(db.execute(wrong, &[]).await.unwrap(), 1, "{wrong}");
        assert!(!audit().await.is_right(), "{wrong}");
        db.execute(right, &[]).await.unwrap();
    }
}

async fn the_client_has_every_call(app: &TestApp) {
    let (client, account_id) = (app.client(), app.account.to_string());
    let limits = client.ai_gateway().billing().spending_limit();
    let limit = SetSpendingLimit {
        amount: 500,
        duration: LimitDuration::Monthly,
        strategy: LimitStrategy::Fixed,
    };
    let params = SpendingLimitSetParams {
        account_id: account_id.clone(),
        limit,
    };
    let set = limits.create(params).await.unwrap();
    let params = SpendingLimitParams { account_id };
    assert_eq!(limits.get(params.clone()).await.unwrap(), set);
    assert!(!limits.delete(params).await.unwrap().enabled);
}

crate::on_both_engines![
    it_is_set_told_and_removed,
    every_fault_is_named_at_once,
    it_counts_what_is_settled_and_held,
    a_sliding_window_frees_what_is_old_enough,
    two_hundred_at_once_never_pass_it,
    single_usage_is_limited_as_well,
    the_audit_sees_a_wrong_hour,
    the_client_has_every_call,
];
