//! Automatic top-ups under a burst, on two nodes, and with Stripe slow, failing and gone: whatever happens, what
//! is missing is charged once.

use std::time::Duration;

use api::SetTopupConfig;
use farebox::app::App;
use farebox::store::auto_topups;
use farebox::store::topups::{self, NewTopup, Progress, Step};
use farebox::{billing, ids, jobs};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use ledger::{Account, AccountId, Amount, Code, Operation};
use sandbox::{Fault, FaultAction};
use serde_json::Value;

use crate::app::{Engine, TestApp, fault, http_client};
use crate::billing::money;
use crate::billing::topup_config::{card, over, pass, set, sweep, told};
use crate::faults::{steps, truth};

/// How many settle at once.
const BURST: usize = 200;

/// Uses a dollar of the account's credit on this node.
async fn settle(node: &App, account: AccountId) {
    let operation = Operation::Transfer {
        id: ids::transfer_for("burst", &ids::opaque()),
        debit: Account::Customer(account),
        credit: Account::Revenue,
        amount: Amount::from_cents(100).unwrap(),
        code: Code::Usage,
        reference: "burst".to_owned(),
    };
    node.store.committer.commit_one(operation).await.unwrap();
}

/// Everybody settles at once, the nodes in turn; half-way through the account is low.
async fn burst(app: &TestApp, nodes: &[&App]) {
    let settlements = (0..BURST).map(|number| settle(nodes[number % nodes.len()], app.account));
    join_all(settlements).await;
}

/// An account with as many dollars as settle, and one more.
async fn ready(app: &TestApp) {
    card(app, "pm_card_visa").await;
    app.give(20_100).await;
    set(app, 50_000, 10_000).await;
}

/// What is there after the burst, and was charged.
async fn charged_once(app: &TestApp) {
    assert_eq!(over(app, 1).await, ["completed"]);
    assert_eq!(app.cents().await, "50100");
    assert_eq!(truth::charged_cents(&app.stripe, app.account), [50_000]);
    // However long it is, and whoever looks.
    pass(app, 3600).await;
    sweep(app).await;
    money::spend(app, "1", "one more").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    over(app, 1).await;
}

async fn a_burst_is_charged_once(app: &TestApp) {
    ready(app).await;
    burst(app, &[&app.app]).await;
    charged_once(app).await;
}

async fn a_burst_with_stripe_slow_is_charged_once(app: &TestApp) {
    ready(app).await;
    let slow = FaultAction::Delay { ms: 400 };
    app.stripe.add_fault(fault("/v1/**", u32::MAX, slow));
    burst(app, &[&app.app]).await;
    charged_once(app).await;
}

/// Stripe takes long to charge the card, longer than any cool-down, and credit goes on being used.
async fn while_a_card_is_being_charged_no_other_topup_starts(app: &TestApp) {
    ready(app).await;
    let hang = FaultAction::HangAfter;
    let hang = app.stripe.add_fault(fault("/v1/invoices/*/pay", 1, hang));
    let (first, second) = (BURST / 2 + 2, BURST / 2 - 2);
    join_all((0..first).map(|_| settle(&app.app, app.account))).await;
    app.stripe.hanging(hang).await;
    for _ in 0..3 {
        pass(app, 61).await;
        sweep(app).await;
    }
    join_all((0..second).map(|_| settle(&app.app, app.account))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(truth::rows(&app.app.store.db, app.account).await.len(), 1);
    app.stripe.release(hang);
    charged_once(app).await;
}

async fn two_nodes_charge_a_burst_once(app: &TestApp) {
    let Some(other) = app.another_node().await else {
        return;
    };
    jobs::start(&other);
    ready(app).await;
    let slow = FaultAction::Delay { ms: 100 };
    app.stripe.add_fault(fault("/v1/**", u32::MAX, slow));
    burst(app, &[&app.app, &other]).await;
    charged_once(app).await;
    app.stripe.clear_faults();
    other.shut_down().await;
}

/// Both nodes look at the same moment, again and again, and never start two.
async fn two_nodes_that_look_at_once_start_one(app: &TestApp) {
    let Some(other) = app.another_node().await else {
        return;
    };
    card(app, "pm_card_visa").await;
    let db = &app.app.store.db;
    let now = app.app.now();
    // Never enough, so that each round finds it low.
    auto_topups::set(db, app.account, 1000, 100_000, now)
        .await
        .unwrap();
    for round in 1..=5 {
        let nodes = [&app.app, &other, &app.app, &other];
        let looks = nodes.map(|node| async {
            let auto_topups = billing::AutoTopups::default();
            auto_topups.sweep(node).await.unwrap()
        });
        let started: usize = join_all(looks).await.iter().sum();
        assert_eq!(started, 1, "round {round}");
        over(app, round).await;
        pass(app, 61).await;
    }
    other.shut_down().await;
}

/// The only invoice of the account, once there is one.
async fn invoice(app: &TestApp) -> String {
    let all = truth::invoices(&app.stripe, app.account);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0]["id"].as_str().unwrap().to_owned()
}

async fn whoever_looks_while_it_is_about_to_be_paid_leaves_it_alone(app: &TestApp) {
    card(app, "pm_card_visa").await;
    let hang = FaultAction::HangBefore;
    let hang = app.stripe.add_fault(fault("/v1/invoices/*/pay", 1, hang));
    set(app, 5000, 1000).await;
    app.stripe.hanging(hang).await;
    let invoice = invoice(app).await;
    let sql = "UPDATE topups SET looked_at = looked_at - 7200000";
    app.app.store.db.execute(sql, &[]).await.unwrap();
    billing::unsettled_topups(&app.app).await.unwrap();
    let status = app.status(&invoice).await;
    assert_eq!(
        status.body["result"]["status"], "pending",
        "{}",
        status.text
    );
    billing::apply_invoice_event(&app.app, &invoice)
        .await
        .unwrap();
    app.app.store.db.execute(sql, &[]).await.unwrap();
    billing::unsettled_topups(&app.app).await.unwrap();
    app.stripe.release(hang);
    assert_eq!(over(app, 1).await, ["completed"]);
    truth::assert_agree("looked at", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_shutdown_waits_for_the_charge(app: &TestApp) {
    card(app, "pm_card_visa").await;
    app.stripe.set_webhook(None);
    let hang = FaultAction::HangBefore;
    let hang = app.stripe.add_fault(fault("/v1/invoices/*/pay", 1, hang));
    set(app, 5000, 1000).await;
    app.stripe.hanging(hang).await;
    let stopped = app.app.shut_down();
    let released = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        app.stripe.release(hang);
    };
    let both = async { tokio::join!(stopped, released) };
    let in_time = tokio::time::timeout(Duration::from_secs(10), both).await;
    in_time.expect("it stops");
    truth::assert_agree("stopped", &app.stripe, &app.app.store.db, app.account).await;
}

/// Stripe as it answers a bank's question without the cardholder: not by a decline, but with a payment
/// that waits. Whoever drove it is gone.
async fn a_payment_that_waits_for_nobody_is_closed_by_the_reconcile_pass(app: &TestApp) {
    card(app, "pm_card_authenticationRequired").await;
    app.give(2000).await;
    set(app, 5000, 1000).await;
    let (db, stripe, now) = (&app.app.store.db, &app.app.stripe, app.app.now());
    let id = ids::ordered(now);
    let new = NewTopup {
        id: &id,
        account: app.account,
        kind: topups::AUTO,
        amount_cents: 5000,
        fee_cents: 0,
        currency: "usd",
        livemode: false,
        created_by: topups::AUTO,
        requested_payment_method: None,
        claimed_until: now,
    };
    let mut tx = db.begin().await.unwrap();
    topups::insert(&mut tx, &new, now).await.unwrap();
    tx.commit().await.unwrap();
    let customer = billing::ensure_customer(&app.app, app.account)
        .await
        .unwrap();
    let account = app.account.to_string();
    let metadata = [
        ("topup_id", id.as_str()),
        ("account", account.as_str()),
        ("credit_cents", "5000"),
    ];
    let created = farebox::stripe::CreateInvoice {
        customer: &customer,
        currency: "usd",
        description: None,
        automatic_tax: false,
        metadata: &metadata,
    };
    let invoice = stripe.create_invoice(&created, "a").await.unwrap().id;
    let line = farebox::stripe::CreateInvoiceItem {
        customer: &customer,
        invoice: &invoice,
        amount: 5000,
        currency: "usd",
        description: "credit",
        tax_code: None,
        metadata: &[],
    };
    stripe.create_invoice_item(&line, "b").await.unwrap();
    stripe.finalize_invoice(&invoice, "c").await.unwrap();
    let progress = Progress {
        invoice_id: Some(&invoice),
        ..Progress::default()
    };
    topups::advance(db, &id, Step::Paying, &progress, now)
        .await
        .unwrap();
    let how = farebox::stripe::PayInvoice {
        payment_method: Some("pm_card_authenticationRequired"),
        off_session: false,
    };
    let asked = stripe.pay_invoice(&invoice, &how, "d").await.unwrap_err();
    assert!(asked.requires_authentication(), "{asked}");
    // The webhook only notes that it waits.
    app.settle().await;
    assert_eq!(truth::rows(db, app.account).await[0].state, "pending");
    steps::age(app, app.account, 1).await;
    // Stripe's event of the void comes before its answer, and tells nothing of the reason.
    let hang = FaultAction::HangAfter;
    let void = app.stripe.add_fault(fault("/v1/invoices/*/void", 1, hang));
    let heard = async {
        app.stripe.hanging(void).await;
        over(app, 1).await;
        app.stripe.release(void);
    };
    let (looked, ()) = tokio::join!(billing::unsettled_topups(&app.app), heard);
    looked.unwrap();
    assert_eq!(told(app).await["disabledReason"], "authentication_required");
    assert_eq!(
        truth::invoices(&app.stripe, app.account)[0]["status"],
        "void"
    );
}

async fn an_outage_is_waited_out_and_is_nobodys_failure(app: &TestApp) {
    card(app, "pm_card_visa").await;
    app.stripe.add_fault(crate::app::down());
    set(app, 5000, 1000).await;
    for count in 1..=4 {
        over(app, count).await;
        let told = told(app).await;
        assert_eq!(
            (&told["disabledReason"], &told["lastFailedAt"]),
            (&Value::Null, &Value::Null)
        );
        // Each time twice as long: after 60, 120, 240 and 480 seconds.
        let half = 30 << (count - 1);
        pass(app, half).await;
        sweep(app).await;
        over(app, count).await;
        pass(app, half + 1).await;
        if count == 4 {
            app.stripe.clear_faults();
        }
        sweep(app).await;
    }
    assert_eq!(over(app, 5).await[4], "completed");
    truth::assert_agree("an outage", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_charge_that_does_not_match_is_not_tried_again(app: &TestApp) {
    card(app, "pm_card_visa").await;
    let hang = FaultAction::HangBefore;
    let hang = app.stripe.add_fault(fault("/v1/invoices/*/pay", 1, hang));
    set(app, 5000, 1000).await;
    app.stripe.hanging(hang).await;
    let url = format!("{}/v1/invoices/{}", app.stripe.url(), invoice(app).await);
    let request = http_client().post(url).bearer_auth(crate::app::STRIPE_KEY);
    let changed = request
        .form(&[("metadata[credit_cents]", "6000")])
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 200);
    app.stripe.release(hang);
    let state = async || {
        truth::rows(&app.app.store.db, app.account).await[0]
            .state
            .clone()
    };
    app.until(async || state().await == "review").await;
    let now = told(app).await;
    assert_eq!(now["disabledReason"], "payment_failed");
    assert!(now["error"].to_string().contains("operator"), "{now}");
    pass(app, 7200).await;
    sweep(app).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(truth::rows(&app.app.store.db, app.account).await.len(), 1);
    assert_eq!(truth::charged_cents(&app.stripe, app.account), [5000]);
}

crate::on_both_engines![
    a_burst_is_charged_once,
    a_burst_with_stripe_slow_is_charged_once,
    while_a_card_is_being_charged_no_other_topup_starts with [("FAREBOX_STRIPE__TIMEOUT_SECONDS", "30")],
    two_nodes_charge_a_burst_once,
    two_nodes_that_look_at_once_start_one,
    whoever_looks_while_it_is_about_to_be_paid_leaves_it_alone with [("FAREBOX_STRIPE__TIMEOUT_SECONDS", "30")],
    a_shutdown_waits_for_the_charge,
    a_payment_that_waits_for_nobody_is_closed_by_the_reconcile_pass with [("FAREBOX_STRIPE__TIMEOUT_SECONDS", "30")],
    an_outage_is_waited_out_and_is_nobodys_failure,
    a_charge_that_does_not_match_is_not_tried_again with [("FAREBOX_STRIPE__TIMEOUT_SECONDS", "30")],
];

/// A call to Stripe in the course of an automatic top-up, and the default card.
type Call = (&'static str, &'static str, &'static str);

const VISA: &str = "pm_card_visa";
const DECLINING: &str = "pm_card_chargeCustomerFail";

const CALLS: &[Call] = &[
    ("GET", "/v1/customers/*", VISA),
    ("GET", "/v1/payment_methods/*", VISA),
    ("POST", "/v1/invoices", VISA),
    ("POST", "/v1/invoiceitems", VISA),
    ("POST", "/v1/invoices/*/finalize", VISA),
    ("POST", "/v1/invoices/*/pay", VISA),
    ("GET", "/v1/invoices/*", VISA),
    ("POST", "/v1/invoices/*/pay", DECLINING),
    ("GET", "/v1/invoices/*", DECLINING),
    ("POST", "/v1/invoices/*/void", DECLINING),
];

/// On PostgreSQL only those after which least is known.
fn actions(engine: Engine) -> &'static [FaultAction] {
    const ALL: &[FaultAction] = &[
        FaultAction::CloseAfter,
        FaultAction::WorkThenAnswer { status: 500 },
        FaultAction::Answer {
            status: 429,
            retry_after: None,
        },
        FaultAction::CloseBefore,
        FaultAction::Answer {
            status: 403,
            retry_after: None,
        },
        FaultAction::HangBefore,
        FaultAction::HangAfter,
    ];
    match engine {
        Engine::Sqlite => ALL,
        Engine::Postgres => &ALL[..2],
    }
}

/// How many servers run at once.
const SERVERS: usize = 10;

async fn at_every_call(engine: Engine) {
    let all = CALLS
        .iter()
        .flat_map(|call| actions(engine).iter().map(move |action| (call, action)));
    let all = all.map(|(call, action)| goes_wrong(engine, call, action));
    let done = stream::iter(all).buffer_unordered(SERVERS);
    done.collect::<()>().await;
}

async fn goes_wrong(engine: Engine, (method, path, default): &Call, action: &FaultAction) {
    let options = [
        ("FAREBOX_STRIPE__TIMEOUT_SECONDS", "1"),
        ("FAREBOX_DATABASE__POOL_SIZE", "3"),
    ];
    let Some(app) = TestApp::start(engine, &options).await else {
        return;
    };
    for times in [1, u32::MAX] {
        let what = format!("{action:?} x {times} at {method} {path} with {default}");
        let account = app.another_account().await;
        default_card(&app, account, default).await;
        app.stripe.add_fault(Fault {
            method: Some((*method).to_owned()),
            path: (*path).to_owned(),
            nth: 1,
            times,
            action: action.clone(),
        });
        let config = SetTopupConfig {
            amount: 5000,
            threshold: 1000,
        };
        billing::set_topup_config(&app.app, account, config)
            .await
            .unwrap();
        app.until(async || is_let_go(&app, account).await).await;
        app.stripe.clear_faults();
        default_card(&app, account, VISA).await;
        is_bought_in_the_end(&app, account, &what).await;
        truth::assert_agree(&what, &app.stripe, &app.app.store.db, account).await;
        let charged = truth::charged_cents(&app.stripe, account);
        assert_eq!(charged, [5000], "{what}");
    }
}

async fn default_card(app: &TestApp, account: AccountId, id: &str) {
    let customer = billing::ensure_customer(&app.app, account).await.unwrap();
    app.stripe.seed_customer_card(&customer, id, true).unwrap();
}

/// Whether one was begun, and nobody drives it any more.
async fn is_let_go(app: &TestApp, account: AccountId) -> bool {
    let sql = "SELECT claimed_until FROM topups WHERE account_id = $1";
    let account = [account.to_string().into()];
    let mut rows = app.app.store.db.query(sql, &account).await.unwrap();
    !rows.is_empty() && rows.iter_mut().all(|row| row.int().unwrap() == 0)
}

/// Time passes, and the jobs look again and again.
async fn is_bought_in_the_end(app: &TestApp, account: AccountId, what: &str) {
    let db = &app.app.store.db;
    for _ in 0..10 {
        app.settle().await;
        app.until(async || is_let_go(app, account).await).await;
        let rows = truth::rows(db, account).await;
        if rows.iter().any(|row| row.state == "completed") {
            return;
        }
        steps::age(app, account, 2).await;
        let sql = "UPDATE auto_topups SET retry_at = NULL WHERE account_id = $1";
        db.execute(sql, &[account.to_string().into()])
            .await
            .unwrap();
        billing::unsettled_topups(&app.app).await.unwrap();
        sweep(app).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: {:?}", truth::rows(db, account).await);
}

mod whatever_goes_wrong {
    use super::Engine;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        super::at_every_call(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        super::at_every_call(Engine::Postgres).await;
    }
}
