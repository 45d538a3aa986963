//! `GET …/billing/transactions`.

use std::time::Duration;

use api::{Cents, TransactionList, TransactionOrder, TransactionsParams};
use reqwest::Method;
use serde_json::json;

use super::money;
use crate::app::{Answer, TestApp};

async fn ask(app: &TestApp, query: &str) -> Answer {
    let path = app.billing(&format!("transactions?{query}"));
    app.request(Method::GET, &path).send().await
}

async fn list(app: &TestApp, params: TransactionsParams) -> TransactionList {
    let params = TransactionsParams {
        account_id: app.account.to_string(),
        ..params
    };
    let client = app.client();
    let asked = client.ai_gateway().billing().transactions(params);
    asked.await.unwrap()
}

async fn amounts(app: &TestApp, params: TransactionsParams) -> Vec<String> {
    let found = list(app, params).await.transactions;
    found.iter().map(|one| one.amount.to_string()).collect()
}

/// Everything that happens to credit: bought, given, used, held, taken in parts, released.
async fn a_life(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 1000 })).await.invoice();
    money::give(app, "50").await;
    money::spend(app, "7.25", "model-a").await;
    let (taken, released) = (money::hold(app, "100").await, money::hold(app, "20").await);
    money::post(app, taken, "2.5", false).await;
    money::post(app, taken, "1", true).await;
    money::void(app, released).await;
}

async fn every_transfer_is_there_and_they_make_the_balance(app: &TestApp) {
    a_life(app).await;
    let all = list(app, TransactionsParams::default()).await.transactions;
    let told = all
        .iter()
        .map(|one| format!("{} {} {} {}", one.code, one.phase, one.amount, one.change));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "usage void 20 0",
            "usage post 1 -1",
            "usage post 2.5 -2.5",
            "usage pending 20 0",
            "usage pending 100 0",
            "usage single 7.25 -7.25",
            "promotion single 50 50",
            "top_up single 1000 1000",
        ]
    );
    let sum = all.iter().map(|one| one.change.nanos()).sum();
    assert_eq!(Cents::from_nanos(sum), app.balance().await.balance);
}

async fn pages_are_stable_while_more_is_written(app: &TestApp) {
    money::give(app, "1000").await;
    for amount in ["1", "2", "3", "4"] {
        money::spend(app, amount, "before").await;
    }
    let whole = list(app, TransactionsParams::default()).await.transactions;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    while pages == 0 || cursor.is_some() {
        let page = TransactionsParams {
            per_page: Some(2),
            cursor,
            ..TransactionsParams::default()
        };
        let page = list(app, page).await;
        seen.extend(page.transactions);
        (cursor, pages) = (page.next_cursor, pages + 1);
        money::spend(app, "0.5", "meanwhile").await;
    }
    assert_eq!((pages, seen), (3, whole));
}

async fn what_is_new_comes_after_the_last_one_seen(app: &TestApp) {
    money::give(app, "1000").await;
    let mut page = TransactionsParams {
        order: Some(TransactionOrder::Asc),
        ..TransactionsParams::default()
    };
    let seen = list(app, page.clone()).await.transactions;
    page.cursor = seen.last().map(|last| last.id.clone());
    assert_eq!(amounts(app, page.clone()).await, [""; 0]);
    money::spend(app, "1", "new").await;
    money::spend(app, "2", "new").await;
    assert_eq!(amounts(app, page).await, ["1", "2"]);
}

async fn filters_leave_what_they_name(app: &TestApp) {
    a_life(app).await;
    let all = list(app, TransactionsParams::default()).await.transactions;
    let of_the_hold = TransactionsParams {
        hold: all[1].hold.clone(),
        order: Some(TransactionOrder::Asc),
        ..TransactionsParams::default()
    };
    assert_eq!(amounts(app, of_the_hold).await, ["100", "2.5", "1"]);
    let promotions = TransactionsParams {
        code: Some("promotion".to_owned()),
        ..TransactionsParams::default()
    };
    assert_eq!(amounts(app, promotions).await, ["50"]);
    app.tick(Duration::from_secs(60));
    let since = app.app.now().millis();
    app.tick(Duration::from_secs(60));
    money::spend(app, "0.25", "late").await;
    let late = TransactionsParams {
        start_time: Some(since),
        ..TransactionsParams::default()
    };
    assert_eq!(amounts(app, late).await, ["0.25"]);
    let early = TransactionsParams {
        end_time: Some(since),
        code: Some("usage".to_owned()),
        ..TransactionsParams::default()
    };
    assert_eq!(amounts(app, early).await.len(), 6);
}

async fn a_file_has_them_all(app: &TestApp) {
    a_life(app).await;
    let path = app.billing("transactions?order=asc&per_page=1");
    let request = app.request(Method::GET, &path);
    let answer = request.header("accept", "text/csv, */*;q=0.1").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<_> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "id,at,code,phase,amount,change,counterparty,hold,expires_at,reference"
    );
    assert_eq!(lines.len(), 9);
    let quoted = ",,\"part, \"\"quoted\"\"\"";
    assert!(lines[6].ends_with(quoted), "{}", lines[6]);
}

async fn a_long_file_is_read_page_by_page(app: &TestApp) {
    money::give(app, "10000").await;
    let spends = (0..1004).map(|_| money::spend(app, "1", "x"));
    futures_util::future::join_all(spends).await;
    let request = app.request(Method::GET, &app.billing("transactions"));
    let answer = request.header("accept", "text/csv").send().await;
    let ids: std::collections::BTreeSet<_> = answer
        .text
        .lines()
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(ids.len(), 1 + 1005, "the header and each transfer once");
}

async fn another_accounts_are_not_in_it(app: &TestApp) {
    money::give(app, "50").await;
    let mine = list(app, TransactionsParams::default()).await.transactions;
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Read"]).await;
    let ask = async |query: String| {
        let path = app.billing(&format!("transactions?{query}"));
        let path = path.replace(&app.account.to_string(), &other.to_string());
        let request = app.anonymous(Method::GET, &path);
        let request = request.header("authorization", &format!("Bearer {token}"));
        request.send().await
    };
    let nothing = json!({ "transactions": [], "next_cursor": null });
    assert_eq!(ask(String::new()).await.body["result"], nothing);
    let by_hold = ask(format!("hold={}", mine[0].id)).await;
    assert_eq!(by_hold.body["result"], nothing);
    let by_cursor = ask(format!("cursor={}", mine[0].id)).await;
    assert_eq!(by_cursor.code(), 7001);
}

async fn each_fault_says_where_it_is(app: &TestApp) {
    let mut told = String::new();
    for query in [
        "code=theft&order=random&per_page=0&cursor=1&hold=x&start_time=-1&end_time=x",
        "per_page=1001",
        "cursor=00000000000000000000000000000000",
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
    every_transfer_is_there_and_they_make_the_balance,
    pages_are_stable_while_more_is_written,
    what_is_new_comes_after_the_last_one_seen,
    filters_leave_what_they_name,
    a_file_has_them_all,
    a_long_file_is_read_page_by_page,
    another_accounts_are_not_in_it,
    each_fault_says_where_it_is,
];
