//! `…/billing/topup/config`, and accounts that top themselves up.

use std::time::Duration;

use api::{SetTopupConfig, TopupAccountParams, TopupConfigSetParams};
use farebox::billing::{self, AutoTopups};
use farebox::store::auto_topups;
use ledger::auto_topup::Reason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, http_client};
use crate::billing::money;
use crate::faults::truth::{self, Row};
use crate::faults::webhooks;

async fn post(app: &TestApp, body: Value) -> Answer {
    let request = app.request(Method::POST, &app.billing("topup/config"));
    request.json(body).send().await
}

/// Sets when the test's account tops itself up, in cents.
pub async fn set(app: &TestApp, amount: i64, threshold: i64) {
    let answer = post(app, json!({ "amount": amount, "threshold": threshold })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// What is set, as it is told.
pub async fn told(app: &TestApp) -> Value {
    let request = app.request(Method::GET, &app.billing("topup/config"));
    request.send().await.body["result"].clone()
}

/// Makes a card the default, and the only one that matters.
pub async fn card(app: &TestApp, id: &str) {
    let customer = billing::ensure_customer(&app.app, app.account).await;
    let seeded = app.stripe.seed_customer_card(&customer.unwrap(), id, true);
    seeded.unwrap();
    app.settle().await;
}

/// Looks at all accounts, as the job does.
pub async fn sweep(app: &TestApp) {
    AutoTopups::default().sweep(&app.app).await.unwrap();
}

/// Waits until so many automatic top-ups have come to their end, and tells how.
pub async fn over(app: &TestApp, count: usize) -> Vec<String> {
    let db = &app.app.store.db;
    let all = async || truth::rows(db, app.account).await;
    let is_over = |row: &Row| row.state == "completed" || row.state == "closed";
    app.until(async || {
        let rows = all().await;
        rows.len() >= count && rows.iter().all(is_over)
    })
    .await;
    let rows = all().await;
    assert_eq!(rows.len(), count, "{rows:?}");
    rows.into_iter().map(|row| row.state).collect()
}

/// Time passes for automatic top-ups. The app's clock stays: webhooks must go on being young.
pub async fn pass(app: &TestApp, seconds: i64) {
    let millis = seconds * 1000;
    let account = app.account.to_string();
    for sql in [
        "UPDATE topups SET created_at = created_at - $2, looked_at = looked_at - $2 WHERE account_id = $1",
        "UPDATE auto_topups SET retry_at = retry_at - $2, limited_until = limited_until - $2 \
         WHERE account_id = $1",
    ] {
        let params = [account.as_str().into(), millis.into()];
        app.app.store.db.execute(sql, &params).await.unwrap();
    }
}

/// Nothing is bought for a while, although all accounts are looked at.
async fn nothing_more(app: &TestApp, count: usize) {
    sweep(app).await;
    money::give(app, "0.0000001").await;
    money::spend(app, "0.0000001", "a little").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    over(app, count).await;
}

fn unset() -> Value {
    json!({
        "threshold": null, "amount": null, "error": null, "disabledReason": null, "lastFailedAt": null,
    })
}

async fn it_is_set_told_and_removed(app: &TestApp) {
    app.give(1000).await;
    assert_eq!(told(app).await, unset());
    let both = json!({ "amount": 5000, "threshold": 500 });
    assert_eq!(post(app, both.clone()).await.body["result"], both);
    let one = json!({
        "threshold": 500, "amount": 5000, "error": null, "disabledReason": null, "lastFailedAt": null,
    });
    assert_eq!(told(app).await, one);
    let request = app.request(Method::GET, &app.billing("credit-balance"));
    assert_eq!(request.send().await.body["result"]["topup_config"], one);
    set(app, 1000, 501).await;
    assert_eq!(told(app).await["threshold"], 501);
    for _ in 0..2 {
        let request = app.request(Method::DELETE, &app.billing("topup/config"));
        assert_eq!(request.send().await.body["result"], unset());
    }
    assert_eq!(told(app).await, unset());
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    for (body, faults) in [
        (json!({}), 2),
        (json!({ "amount": 999, "threshold": 499 }), 2),
        (json!({ "amount": 1000.5, "threshold": "500" }), 2),
        (json!({ "amount": 1_000_001, "threshold": 500 }), 1),
        (json!({ "amount": 1000, "threshold": i64::MAX }), 1),
        (
            json!({ "amount": 1000, "threshold": 500, "enabled": true }),
            1,
        ),
    ] {
        let answer = post(app, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 7001));
        let errors = answer.body["errors"].as_array().unwrap();
        assert_eq!(errors.len(), faults, "{body}: {}", answer.text);
    }
    assert_eq!(told(app).await, unset());
}

async fn no_more_can_be_set_than_may_be_bought_in_a_day(app: &TestApp) {
    let answer = post(app, json!({ "amount": 5001, "threshold": 500 })).await;
    assert_eq!(answer.body["errors"][0]["path"], json!(["body", "amount"]));
    set(app, 5000, 500).await;
}

async fn the_client_sets_tells_and_removes_it(app: &TestApp) {
    app.give(1000).await;
    let (client, account_id) = (app.client(), app.account.to_string());
    let config = client.ai_gateway().billing().topup().config();
    let params = TopupAccountParams { account_id };
    let wanted = TopupConfigSetParams {
        account_id: params.account_id.clone(),
        config: SetTopupConfig {
            amount: 5000,
            threshold: 700,
        },
    };
    let set = config.create(wanted).await.unwrap();
    assert_eq!(
        (set.amount.to_string(), set.threshold.to_string()),
        ("5000".into(), "700".into())
    );
    let told = config.get(params.clone()).await.unwrap();
    assert_eq!(
        (told.amount, told.threshold),
        (Some(set.amount), Some(set.threshold))
    );
    assert_eq!(
        config.delete(params).await.unwrap(),
        api::TopupConfig::default()
    );
}

async fn a_hold_starts_one_when_less_is_left_than_the_threshold(app: &TestApp) {
    card(app, "pm_card_visa").await;
    app.give(1000).await;
    set(app, 5000, 600).await;
    let enough = money::hold(app, "400").await;
    nothing_more(app, 0).await;
    let too_much = money::hold(app, "0.0000001").await;
    assert_eq!(over(app, 1).await, ["completed"]);
    assert_eq!(app.cents().await, "6000");
    for hold in [enough, too_much] {
        money::void(app, hold).await;
    }
    nothing_more(app, 1).await;
    let history = app.request(Method::GET, &app.billing("invoice-history?type=auto"));
    let history = history.send().await.body["result"]["invoices"].clone();
    assert_eq!(history[0]["invoice_origin"], "auto");
    assert_eq!(
        (&history[0]["amount_paid"], &history[0]["created_by"]),
        (&json!(5000), &json!("auto"))
    );
    let requests = app.stripe.requests();
    let pay = requests
        .iter()
        .find(|one| one.path.ends_with("/pay"))
        .unwrap();
    assert_eq!(pay.form["off_session"], "true");
}

async fn a_settlement_starts_one(app: &TestApp) {
    card(app, "pm_card_visa").await;
    app.give(1000).await;
    set(app, 5000, 600).await;
    money::spend(app, "400", "a call").await;
    nothing_more(app, 0).await;
    money::spend(app, "1", "another").await;
    assert_eq!(over(app, 1).await, ["completed"]);
    assert_eq!(app.cents().await, "5599");
}

async fn setting_it_starts_one_where_too_little_is_there(app: &TestApp) {
    card(app, "pm_card_visa").await;
    set(app, 2000, 1000).await;
    assert_eq!(over(app, 1).await, ["completed"]);
    let answer = http_client().get(&app.metrics_url).send().await.unwrap();
    let answer = answer.text().await.unwrap();
    for outcome in ["started", "completed"] {
        let line = format!("farebox_auto_topups_total{{outcome=\"{outcome}\"}} 1");
        assert!(answer.contains(&line), "{line}");
    }
}

async fn the_sweep_finds_what_nobody_has_told(app: &TestApp) {
    card(app, "pm_card_visa").await;
    let db = &app.app.store.db;
    auto_topups::set(db, app.account, 3000, 500, app.app.now())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(250)).await;
    over(app, 0).await;
    sweep(app).await;
    assert_eq!(over(app, 1).await, ["completed"]);
    assert_eq!(app.cents().await, "3000");
}

async fn removed_nothing_is_bought(app: &TestApp) {
    card(app, "pm_card_visa").await;
    app.give(600).await;
    set(app, 2000, 500).await;
    app.request(Method::DELETE, &app.billing("topup/config"))
        .send()
        .await;
    money::spend(app, "300", "a call").await;
    nothing_more(app, 0).await;
}

/// What must be told after a failure: why, when, and in words.
#[track_caller]
fn failed(told: &Value, reason: &str, words: &str) {
    assert_eq!(told["disabledReason"], reason, "{told}");
    let error = told["error"].as_str().unwrap();
    assert!(error.contains(words), "{told}");
    let failed_at = told["lastFailedAt"].as_i64().unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!(
        (now - 60..=now).contains(&failed_at),
        "Unix seconds: {told}"
    );
}

/// Every invoice of the account is void, and none was paid.
fn all_void(app: &TestApp, count: usize) {
    let invoices = truth::invoices(&app.stripe, app.account);
    assert_eq!(invoices.len(), count, "{invoices:?}");
    assert!(
        invoices.iter().all(|one| one["status"] == "void"),
        "{invoices:?}"
    );
    assert!(truth::charged_cents(&app.stripe, app.account).is_empty());
}

async fn a_decline_voids_the_invoice_and_tells(app: &TestApp) {
    card(app, "pm_card_chargeCustomerFail").await;
    set(app, 5000, 1000).await;
    assert_eq!(over(app, 1).await, ["closed"]);
    failed(
        &told(app).await,
        "payment_failed",
        "declined (generic_decline)",
    );
    all_void(app, 1);
    // Left alone for an hour, whatever happens.
    pass(app, 3500).await;
    nothing_more(app, 1).await;
    card(app, "pm_card_visa").await;
    pass(app, 200).await;
    sweep(app).await;
    assert_eq!(over(app, 2).await, ["closed", "completed"]);
    let now = told(app).await;
    assert_eq!(
        (&now["error"], &now["disabledReason"], &now["lastFailedAt"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

async fn the_bank_wants_the_cardholder(app: &TestApp) {
    card(app, "pm_card_authenticationRequired").await;
    set(app, 5000, 1000).await;
    assert_eq!(over(app, 1).await, ["closed"]);
    failed(&told(app).await, "authentication_required", "authenticate");
    all_void(app, 1);
    let invoice = truth::invoices(&app.stripe, app.account)[0]["id"].clone();
    let status = app.status(invoice.as_str().unwrap()).await;
    assert_eq!(
        (status.status.as_u16(), status.code()),
        (400, 8001),
        "{}",
        status.text
    );
}

async fn without_a_card_no_invoice_is_made(app: &TestApp) {
    set(app, 5000, 1000).await;
    assert_eq!(over(app, 1).await, ["closed"]);
    failed(&told(app).await, "no_payment_method", "no default card");
    all_void(app, 0);
}

/// Fails three times, an hour apart.
async fn fail_three_times(app: &TestApp) {
    for count in 1..=3 {
        let told = told(app).await;
        assert!(!told["error"].to_string().contains("It is off"), "{told}");
        sweep(app).await;
        over(app, count).await;
        pass(app, 3601).await;
    }
    failed(
        &told(app).await,
        "payment_failed",
        "It is off until you set it again",
    );
    pass(app, 30 * 86_400).await;
    nothing_more(app, 3).await;
}

async fn three_failures_in_a_row_turn_it_off_until_it_is_set_again(app: &TestApp) {
    card(app, "pm_card_chargeCustomerFail").await;
    set(app, 5000, 1000).await;
    fail_three_times(app).await;
    // Nobody is told of another card: setting it again is all that happens.
    webhooks::deliver(app, true);
    card(app, "pm_card_visa").await;
    nothing_more(app, 3).await;
    set(app, 5000, 1000).await;
    assert_eq!(over(app, 4).await[3], "completed");
    assert_eq!(told(app).await["disabledReason"], Value::Null);
}

async fn another_card_turns_it_on_again(app: &TestApp) {
    card(app, "pm_card_chargeCustomerFail").await;
    set(app, 5000, 1000).await;
    fail_three_times(app).await;
    card(app, "pm_card_visa").await;
    assert_eq!(over(app, 4).await[3], "completed");
    assert_eq!(told(app).await["disabledReason"], Value::Null);
}

async fn a_success_begins_the_count_anew(app: &TestApp) {
    card(app, "pm_card_chargeCustomerFail").await;
    set(app, 1000, 5000).await;
    for count in 1..=2 {
        over(app, count).await;
        pass(app, 3601).await;
        if count == 1 {
            sweep(app).await;
        }
    }
    card(app, "pm_card_visa").await;
    sweep(app).await;
    assert_eq!(over(app, 3).await[2], "completed");
    card(app, "pm_card_chargeCustomerFail").await;
    for count in 4..=5 {
        pass(app, 3601).await;
        sweep(app).await;
        over(app, count).await;
        assert!(!told(app).await["error"].to_string().contains("It is off"));
    }
}

async fn paused(app: &TestApp, reason: Reason, error: &str) {
    let mut tx = app.app.store.db.begin().await.unwrap();
    let now = app.app.now();
    auto_topups::pause(&mut tx, app.account, reason, error, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn resumed(app: &TestApp, reason: Reason) {
    let mut tx = app.app.store.db.begin().await.unwrap();
    auto_topups::resume(&mut tx, app.account, reason)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn a_dispute_and_a_refund_forbid_it_until_both_are_lifted(app: &TestApp) {
    card(app, "pm_card_visa").await;
    paused(app, Reason::Dispute, "A payment is disputed.").await;
    paused(app, Reason::Dispute, "Again.").await;
    assert_eq!(told(app).await, unset(), "nothing is set yet");
    set(app, 5000, 1000).await;
    // The customer has acted, and no dispute is open.
    assert_eq!(over(app, 1).await, ["completed"]);
    paused(app, Reason::Dispute, "A payment is disputed.").await;
    money::spend(app, "4500", "work").await;
    let now = told(app).await;
    assert_eq!(
        (&now["disabledReason"], &now["error"]),
        (&json!("dispute"), &json!("A payment is disputed."))
    );
    paused(app, Reason::Refund, "A payment was refunded.").await;
    resumed(app, Reason::Dispute).await;
    auto_topups::card_added(&app.app.store.db, app.account)
        .await
        .unwrap();
    pass(app, 120).await;
    nothing_more(app, 1).await;
    assert_eq!(told(app).await["disabledReason"], "refund");
    resumed(app, Reason::Dispute).await;
    nothing_more(app, 1).await;
    resumed(app, Reason::Refund).await;
    sweep(app).await;
    assert_eq!(over(app, 2).await, ["completed", "completed"]);
    assert_eq!(told(app).await["disabledReason"], Value::Null);
}

async fn two_need_time_between_them(app: &TestApp) {
    card(app, "pm_card_visa").await;
    set(app, 1000, 2500).await;
    over(app, 1).await;
    nothing_more(app, 1).await;
    pass(app, 30).await;
    nothing_more(app, 1).await;
    pass(app, 31).await;
    sweep(app).await;
    over(app, 2).await;
    assert_eq!(app.cents().await, "2000");
}

/// Moves the clock to the middle of a month, so that no test runs across midnight.
fn go_to_mid_month(app: &TestApp) {
    let now = jiff::Timestamp::from_millisecond(app.app.now().millis()).unwrap();
    let next = now
        .to_zoned(jiff::tz::TimeZone::UTC)
        .first_of_month()
        .unwrap();
    let next = next.checked_add(jiff::Span::new().months(1).days(14).hours(12));
    let ahead = next.unwrap().timestamp().as_millisecond() - now.as_millisecond();
    app.tick(Duration::from_millis(ahead.unsigned_abs()));
}

/// Reaches a ceiling after two top-ups, and waits for tomorrow.
async fn a_ceiling_holds_until_tomorrow(app: &TestApp) {
    app.stripe.set_webhook(None);
    go_to_mid_month(app);
    card(app, "pm_card_visa").await;
    set(app, 1000, 100_000).await;
    over(app, 1).await;
    pass(app, 61).await;
    sweep(app).await;
    over(app, 2).await;
    pass(app, 61).await;
    nothing_more(app, 2).await;
    let now = told(app).await;
    assert_eq!(
        (&now["disabledReason"], &now["lastFailedAt"]),
        (&json!("limit"), &Value::Null)
    );
    assert!(now["error"].to_string().contains("allowed in a"), "{now}");
    // Nothing but time is needed.
    pass(app, 40 * 86_400).await;
    assert_eq!(told(app).await["disabledReason"], Value::Null);
    sweep(app).await;
    over(app, 3).await;
    assert_eq!(app.cents().await, "3000");
}

async fn so_many_a_day(app: &TestApp) {
    a_ceiling_holds_until_tomorrow(app).await;
}

async fn so_much_a_day(app: &TestApp) {
    a_ceiling_holds_until_tomorrow(app).await;
}

async fn so_many_a_month(app: &TestApp) {
    a_ceiling_holds_until_tomorrow(app).await;
}

async fn so_much_a_month(app: &TestApp) {
    a_ceiling_holds_until_tomorrow(app).await;
}

async fn what_failed_does_not_count_against_a_ceiling(app: &TestApp) {
    card(app, "pm_card_chargeCustomerFail").await;
    set(app, 5000, 1000).await;
    over(app, 1).await;
    card(app, "pm_card_visa").await;
    pass(app, 3601).await;
    sweep(app).await;
    assert_eq!(over(app, 2).await[1], "completed");
}

async fn an_operator_who_allows_none_has_none(app: &TestApp) {
    card(app, "pm_card_visa").await;
    set(app, 5000, 1000).await;
    nothing_more(app, 0).await;
    assert_eq!(told(app).await["disabledReason"], "limit");
}

async fn the_fee_is_charged_too(app: &TestApp) {
    card(app, "pm_card_visa").await;
    set(app, 5000, 1000).await;
    over(app, 1).await;
    assert_eq!(truth::charged_cents(&app.stripe, app.account), [5250]);
    assert_eq!(app.cents().await, "5000");
}

crate::on_both_engines![
    it_is_set_told_and_removed,
    every_fault_is_named_at_once,
    no_more_can_be_set_than_may_be_bought_in_a_day with [("FAREBOX_AUTO_TOPUP__DAY_MAX_CENTS", "5000")],
    the_client_sets_tells_and_removes_it,
    a_hold_starts_one_when_less_is_left_than_the_threshold,
    a_settlement_starts_one,
    setting_it_starts_one_where_too_little_is_there,
    the_sweep_finds_what_nobody_has_told,
    removed_nothing_is_bought,
    a_decline_voids_the_invoice_and_tells,
    the_bank_wants_the_cardholder,
    without_a_card_no_invoice_is_made,
    three_failures_in_a_row_turn_it_off_until_it_is_set_again,
    another_card_turns_it_on_again,
    a_success_begins_the_count_anew,
    a_dispute_and_a_refund_forbid_it_until_both_are_lifted,
    two_need_time_between_them,
    so_many_a_day with [("FAREBOX_AUTO_TOPUP__DAY_MAX_COUNT", "2")],
    so_much_a_day with [("FAREBOX_AUTO_TOPUP__DAY_MAX_CENTS", "2999")],
    so_many_a_month with [
        ("FAREBOX_AUTO_TOPUP__DAY_MAX_COUNT", "2"),
        ("FAREBOX_AUTO_TOPUP__MONTH_MAX_COUNT", "2"),
    ],
    so_much_a_month with [
        ("FAREBOX_AUTO_TOPUP__DAY_MAX_CENTS", "2999"),
        ("FAREBOX_AUTO_TOPUP__MONTH_MAX_CENTS", "2999"),
    ],
    what_failed_does_not_count_against_a_ceiling with [("FAREBOX_AUTO_TOPUP__DAY_MAX_COUNT", "1")],
    an_operator_who_allows_none_has_none with [("FAREBOX_AUTO_TOPUP__DAY_MAX_COUNT", "0")],
    the_fee_is_charged_too with [("FAREBOX_TOPUP__FEE_PERCENT", "5")],
];
