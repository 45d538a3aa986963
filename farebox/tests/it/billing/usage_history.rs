//! `GET …/billing/usage-history`.

use std::time::Duration;

use api::{UsageGrouping, UsageHistory, UsageHistoryParams};
use reqwest::Method;

use super::money;
use crate::app::{Answer, TestApp};

const HOUR: i64 = 3_600_000;

async fn ask(app: &TestApp, query: &str) -> Answer {
    let path = app.billing(&format!("usage-history?{query}"));
    app.request(Method::GET, &path).send().await
}

async fn history(app: &TestApp, start: i64, end: i64) -> UsageHistory {
    let params = UsageHistoryParams {
        account_id: app.account.to_string(),
        value_grouping_window: UsageGrouping::Hour,
        start_time: Some(start),
        end_time: Some(end),
    };
    let client = app.client();
    let asked = client.ai_gateway().billing().usage_history(params);
    asked.await.unwrap()
}

async fn values(app: &TestApp, start: i64, end: i64) -> Vec<String> {
    let found = history(app, start, end).await.history;
    let values = found.iter().map(|one| one.aggregated_value.to_string());
    values.collect()
}

/// Moves the clock to the beginning of the next hour.
async fn next_hour(app: &TestApp) -> i64 {
    let now = app.app.now().millis();
    let begin = (now / HOUR + 1) * HOUR;
    app.tick(Duration::from_millis(u64::try_from(begin - now).unwrap()));
    begin
}

async fn only_what_is_posted_counts(app: &TestApp) {
    let first = next_hour(app).await;
    money::give(app, "10000").await;
    money::spend(app, "0.0000001", "a").await;
    money::spend(app, "7.25", "b").await;
    let (taken, released) = (money::hold(app, "100").await, money::hold(app, "50").await);
    money::post(app, taken, "2", false).await;
    next_hour(app).await;
    // A call may end in another hour than it began.
    money::post(app, taken, "1.5", true).await;
    money::void(app, released).await;
    assert_eq!(
        values(app, first, first + 3 * HOUR).await,
        ["9.2500001", "1.5", "0"]
    );
    let history = history(app, first, first + 3 * HOUR).await.history;
    assert_eq!(history[0].start_time, first / 1000);
    assert_eq!(history[0].end_time, history[1].start_time);
    assert_eq!(history[0].id, format!("usage_hour_{}", first / 1000));
}

async fn the_start_is_inclusive_and_the_end_exclusive(app: &TestApp) {
    let begin = next_hour(app).await;
    money::give(app, "100").await;
    money::spend(app, "3", "a").await;
    assert_eq!(values(app, begin, begin + HOUR).await, ["3"]);
    assert_eq!(values(app, begin - HOUR, begin).await, ["0"]);
    let around = values(app, begin - 1, begin + 1).await;
    assert_eq!(around, ["0", "3"], "windows are whole");
}

async fn another_accounts_usage_is_not_in_it(app: &TestApp) {
    money::give(app, "100").await;
    money::spend(app, "3", "a").await;
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Read"]).await;
    let path = app.billing("usage-history?value_grouping_window=day");
    let path = path.replace(&app.account.to_string(), &other.to_string());
    let request = app.anonymous(Method::GET, &path);
    let request = request.header("authorization", &format!("Bearer {token}"));
    let answer = request.send().await;
    let history = answer.body["result"]["history"].as_array().unwrap();
    assert_eq!(history.len(), 30);
    assert!(
        history.iter().all(|one| one["aggregated_value"] == 0),
        "{}",
        answer.text
    );
}

async fn what_is_empty_is_absent(app: &TestApp) {
    for query in [
        "value_grouping_window=hour",
        "value_grouping_window=hour&start_time=&end_time=",
        "value_grouping_window=hour&start_time=null&end_time=null&unknown=1",
    ] {
        let answer = ask(app, query).await;
        let history = answer.body["result"]["history"].as_array().unwrap();
        assert_eq!(history.len(), 24, "{}", answer.text);
    }
}

async fn each_fault_says_where_it_is(app: &TestApp) {
    let mut told = String::new();
    for query in [
        "",
        "value_grouping_window=week&start_time=soon&end_time=-1",
        "value_grouping_window=day&start_time=86400000&end_time=86400000",
        "value_grouping_window=hour&start_time=0&end_time=3600000001",
        "value_grouping_window=hour&start_time=0&end_time=3600000000.0",
    ] {
        let answer = ask(app, query).await;
        told.push_str(&format!("{query}: {}\n", answer.status));
        for error in answer.body["errors"].as_array().unwrap() {
            told.push_str(&format!("  {error}\n"));
        }
    }
    insta::assert_snapshot!("faults", told);
}

crate::on_both_engines![
    only_what_is_posted_counts,
    the_start_is_inclusive_and_the_end_exclusive,
    another_accounts_usage_is_not_in_it,
    what_is_empty_is_absent,
    each_fault_says_where_it_is,
];
