//! `…/billing/topup/{payment_intent_id}/refund`: the operator's, and what is refunded at Stripe.

use farebox::store::topups;
use ledger::{Amount, Operation, TransferId};
use reqwest::Method;
use sandbox::{Fault, FaultAction};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, down, fault};
use crate::store::money;

const OPERATOR: &str = "Farebox Operator";

/// Somebody who may refund, and a top-up of the test's account that is paid.
struct Site<'a> {
    app: &'a TestApp,
    token: String,
    invoice: String,
    intent: String,
}

impl<'a> Site<'a> {
    async fn new(app: &'a TestApp, cents: i64) -> Site<'a> {
        app.add_cards().await;
        let invoice = app.topup(json!({ "amount": cents })).await.invoice();
        app.status_becomes(&invoice, "completed").await;
        app.settle().await;
        let db = &app.app.store.db;
        let topup = topups::find(db, app.account, &invoice).await.unwrap();
        Site {
            app,
            token: app.token_for(app.account, &[OPERATOR]).await,
            intent: topup.unwrap().payment_intent_id.unwrap(),
            invoice,
        }
    }

    fn path(&self) -> String {
        self.app.billing(&format!("topup/{}/refund", self.invoice))
    }

    async fn refund(&self, key: Option<&str>, body: Value) -> Answer {
        let request = self.app.anonymous(Method::POST, &self.path());
        let mut request = request.header("authorization", &format!("Bearer {}", self.token));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.json(body).send().await
    }

    async fn list(&self) -> Vec<Value> {
        let answer = self.app.request(Method::GET, &self.path()).send().await;
        answer.body["result"].as_array().unwrap().clone()
    }

    /// What the account spends, in whole cents, so that less can be taken back.
    async fn spend(&self, cents: i64) {
        let id = |name: &str| farebox::ids::transfer_for(name, &farebox::ids::opaque());
        let nanos = cents * Amount::NANOS_PER_CENT;
        let (hold, post): (TransferId, TransferId) = (id("hold"), id("post"));
        let committer = &self.app.app.store.committer;
        for operation in [
            money::hold(self.app.account, hold, nanos),
            money::post(self.app.account, post, hold, nanos),
        ] {
            committer.commit_one(operation).await.unwrap();
        }
    }

    fn refunds_at_stripe(&self) -> usize {
        let state = self.app.stripe.state();
        state["refund"].as_array().map_or(0, Vec::len)
    }
}

async fn in_parts_and_then_the_rest(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    let first = site
        .refund(None, json!({ "amount": 1250, "reason": "duplicate" }))
        .await;
    let refund = &first.body["result"];
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(
        (
            &refund["status"],
            &refund["amount"],
            &refund["credit"],
            &refund["reason"]
        ),
        (
            &json!("succeeded"),
            &json!(1250),
            &json!(1250),
            &json!("duplicate")
        )
    );
    assert!(
        refund["stripe_id"].as_str().unwrap().starts_with("re_"),
        "{refund}"
    );
    assert_eq!(app.cents().await, "3750");
    let rest = site.refund(None, json!({})).await;
    assert_eq!(rest.body["result"]["amount"], 3750, "{}", rest.text);
    assert_eq!(app.cents().await, "0");
    let more = site.refund(None, json!({ "amount": 1 })).await;
    assert_eq!((more.status.as_u16(), more.code()), (400, 8031));
    let nothing = site.refund(None, json!({})).await;
    assert_eq!((nothing.status.as_u16(), nothing.code()), (400, 8031));
    // Stripe's own events of it find it known.
    app.settle().await;
    assert_eq!(app.cents().await, "0");
    assert_eq!((site.list().await.len(), site.refunds_at_stripe()), (2, 2));
}

async fn the_fee_goes_back_in_proportion(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    let part = site.refund(None, json!({ "amount": 525 })).await;
    let refund = &part.body["result"];
    assert_eq!(
        (&refund["amount"], &refund["credit"]),
        (&json!(525), &json!(500))
    );
    app.stripe.refund(&site.intent, Some(1)).unwrap();
    app.settle().await;
    let rest = site.refund(None, json!({})).await;
    assert_eq!(rest.body["result"]["amount"], 4724, "{}", rest.text);
    app.settle().await;
    // To the last nano-cent, whatever the parts were.
    assert_eq!(app.cents().await, "0");
    let sql = "SELECT CAST(SUM(CASE WHEN credit = 'fees' THEN amount ELSE -amount END) AS BIGINT) \
         FROM transfers WHERE credit = 'fees' OR debit = 'fees'";
    let fees = app.app.store.db.query_opt(sql, &[]).await.unwrap();
    assert_eq!(fees.unwrap().int().unwrap(), 0);
}

async fn what_was_spent_is_not_refunded(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    site.spend(4000).await;
    let whole = site.refund(None, json!({})).await;
    assert_eq!((whole.status.as_u16(), whole.code()), (402, 8032));
    insta::assert_snapshot!("credit_spent", whole.snapshot());
    assert_eq!(
        (app.cents().await.as_str(), site.refunds_at_stripe()),
        ("1000", 0)
    );
    let left = site.refund(None, json!({ "amount": 1000 })).await;
    assert_eq!(left.status, 200, "{}", left.text);
    assert_eq!(app.cents().await, "0");
}

async fn many_at_once_give_back_what_was_paid_and_no_more(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    // Credit of another top-up must not pay for this one's refunds.
    app.give(100_000).await;
    let asked = (0..20).map(|_| site.refund(None, json!({ "amount": 700 })));
    let answers = futures_util::future::join_all(asked).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 7, "{answers:?}");
    let refused = answers.iter().filter(|answer| answer.status != 200);
    for answer in refused {
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 8031));
    }
    app.settle().await;
    assert_eq!(
        (site.refunds_at_stripe(), app.cents().await.as_str()),
        (7, "100100")
    );
}

async fn a_key_refunds_once(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    let asked = (0..10).map(|_| site.refund(Some("k"), json!({ "amount": 700 })));
    let answers = futures_util::future::join_all(asked).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answers:?}");
        assert_eq!(answer.body["result"]["id"], answers[0].body["result"]["id"]);
    }
    assert_eq!(
        (site.refunds_at_stripe(), app.cents().await.as_str()),
        (1, "4300")
    );
    let other = site.refund(Some("k"), json!({ "amount": 800 })).await;
    assert_eq!((other.status.as_u16(), other.code()), (409, 8007));
}

async fn where_stripe_refuses_the_credit_comes_back(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    let no = FaultAction::Answer {
        status: 400,
        retry_after: None,
    };
    app.stripe.add_fault(Fault {
        method: Some("POST".to_owned()),
        ..fault("/v1/refunds", 1, no)
    });
    let refused = site.refund(Some("k"), json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, 8033),
        "{}",
        refused.text
    );
    assert_eq!(app.cents().await, "5000");
    let listed = site.list().await;
    assert_eq!(
        (&listed[0]["status"], &listed[0]["credit"]),
        (&json!("refused"), &json!(0))
    );
    // The key has its answer; another one asks again.
    let repeated = site.refund(Some("k"), json!({})).await;
    assert_eq!(
        repeated.body["result"]["status"], "refused",
        "{}",
        repeated.text
    );
    let again = site.refund(Some("another"), json!({})).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(app.cents().await, "0");
}

/// Whatever happens to our call, there is one refund in the end, and the credit is away all the while.
async fn stripes_lost_word_is_found_out(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    for action in [
        FaultAction::CloseBefore,
        FaultAction::CloseAfter,
        FaultAction::HangAfter,
        FaultAction::WorkThenAnswer { status: 500 },
        FaultAction::Answer {
            status: 500,
            retry_after: None,
        },
        FaultAction::Answer {
            status: 429,
            retry_after: None,
        },
    ] {
        let (before, made) = (app.cents().await, site.refunds_at_stripe());
        app.stripe.add_fault(Fault {
            method: Some("POST".to_owned()),
            ..fault("/v1/refunds", u32::MAX, action.clone())
        });
        let answer = site.refund(None, json!({ "amount": 100 })).await;
        // It may have been found out by an event meanwhile; it never says that there is none.
        let status = answer.body["result"]["status"].as_str();
        let honest = [Some("pending"), Some("succeeded")].contains(&status);
        assert!(honest, "{action:?}: {}", answer.text);
        let left: i64 = before.parse::<i64>().unwrap() - 100;
        assert_eq!(app.cents().await, left.to_string(), "{action:?}");
        app.stripe.clear_faults();
        let sql = "UPDATE reversals SET updated_at = updated_at - $1";
        app.app
            .store
            .db
            .execute(sql, &[60_000.into()])
            .await
            .unwrap();
        app.until(async || {
            site.list()
                .await
                .iter()
                .all(|one| one["status"] == "succeeded")
        })
        .await;
        app.settle().await;
        let found = (app.cents().await, site.refunds_at_stripe());
        assert_eq!(found, (left.to_string(), made + 1), "{action:?}");
    }
}

async fn one_that_stripe_never_made_is_given_back_when_its_key_is_forgotten(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    app.stripe.add_fault(down());
    let answer = site.refund(None, json!({ "amount": 100 })).await;
    assert_eq!(
        answer.body["result"]["status"], "pending",
        "{}",
        answer.text
    );
    let sql = "UPDATE reversals SET created_at = created_at - $1, updated_at = updated_at - $1";
    let day = 24 * 3_600_000;
    app.app.store.db.execute(sql, &[day.into()]).await.unwrap();
    app.stripe.clear_faults();
    app.until(async || site.list().await[0]["status"] == "refused")
        .await;
    assert_eq!(
        (app.cents().await.as_str(), site.refunds_at_stripe()),
        ("5000", 0)
    );
}

async fn from_stripes_dashboard_credit_is_taken_back_below_zero(app: &TestApp) {
    app.may_owe();
    let site = Site::new(app, 5000).await;
    site.spend(4000).await;
    app.stripe.refund(&site.intent, Some(2500)).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "-1500");
    let listed = site.list().await;
    assert_eq!(
        (&listed[0]["created_by"], &listed[0]["credit"]),
        (&json!("stripe"), &json!(2500))
    );
    // Nothing is admitted until it has been paid back, and the balance says why.
    let request = app.request(Method::POST, &app.billing("holds"));
    let refused = request.json(json!({ "amount": 1 })).send().await;
    assert_eq!((refused.status.as_u16(), refused.code()), (402, 8020));
    assert!(refused.text.contains("paid it back"), "{}", refused.text);
    let balance = app
        .request(Method::GET, &app.billing("credit-balance"))
        .send()
        .await;
    insta::assert_snapshot!("owing", balance.snapshot());
    let invoice = app.topup(json!({ "amount": 2000 })).await.invoice();
    app.status_becomes(&invoice, "completed").await;
    assert_eq!(app.cents().await, "500");
    let request = app.request(Method::POST, &app.billing("holds"));
    let held = request.json(json!({ "amount": 1 })).send().await;
    assert_eq!(held.status, 200, "{}", held.text);
    let hold: TransferId = held.body["result"]["id"].as_str().unwrap().parse().unwrap();
    let void = Operation::Void {
        id: farebox::ids::transfer_for("test", "void"),
        account: app.account,
        hold,
    };
    app.app.store.committer.commit_one(void).await.unwrap();
}

async fn events_of_it_may_come_first_and_a_thousand_times(app: &TestApp) {
    app.add_cards().await;
    app.stripe.set_deliveries(sandbox::Deliveries {
        drop: true,
        ..sandbox::Deliveries::default()
    });
    // Paid, and nobody has told us; the status call is not made.
    let secured = json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let created = app.topup(secured).await;
    let secret = created.body["result"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let intent = secret.split("_secret_").next().unwrap().to_owned();
    app.stripe
        .authenticate(&intent, sandbox::Outcome::Succeed)
        .unwrap();
    let site = Site {
        app,
        token: String::new(),
        invoice: created.invoice(),
        intent,
    };
    app.stripe.refund(&site.intent, Some(2000)).unwrap();
    app.stripe.set_deliveries(sandbox::Deliveries::default());
    let events = crate::faults::truth::objects(&app.stripe, "event");
    let of_refund = events.iter().filter(|event| {
        let kind = event["type"].as_str().unwrap();
        kind.starts_with("refund.") || kind == "charge.refunded"
    });
    let ids: Vec<String> = of_refund
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!ids.is_empty());
    for id in ids.iter().cycle().take(200) {
        app.stripe.resend(id);
    }
    app.settle().await;
    assert_eq!(app.cents().await, "3000");
    app.status_becomes(&site.invoice, "completed").await;
}

async fn lost_events_are_found_in_the_list(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    app.stripe.set_deliveries(sandbox::Deliveries {
        drop: true,
        ..sandbox::Deliveries::default()
    });
    app.stripe.refund(&site.intent, Some(2000)).unwrap();
    assert_eq!(app.cents().await, "5000");
    farebox::billing::events_since_cursor(&app.app)
        .await
        .unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "3000");
}

async fn what_cant_be_refunded_is_said(app: &TestApp) {
    let site = Site::new(app, 5000).await;
    let waiting = json!({ "amount": 2000, "payment_method_id": "pm_card_authenticationRequired" });
    let pending = app.topup(waiting).await.invoice();
    let unpaid = Site {
        app,
        token: site.token.clone(),
        invoice: pending,
        intent: String::new(),
    };
    let answer = unpaid.refund(None, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 8030));
    let unknown = Site {
        app,
        token: site.token.clone(),
        invoice: "in_0".to_owned(),
        intent: String::new(),
    };
    let answer = unknown.refund(None, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (404, 7002));
    for (body, path) in [
        (json!({ "amount": 0 }), "amount"),
        (json!({ "amount": 1.5 }), "amount"),
        (json!({ "reason": "regret" }), "reason"),
        (json!({ "everything": true }), "body"),
    ] {
        let answer = site.refund(None, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 7001),
            "{}",
            answer.text
        );
        assert!(answer.text.contains(path), "{}", answer.text);
    }
    // A customer's own token turns no credit into money.
    let request = app.request(Method::POST, &site.path());
    let customers = request.json(json!({})).send().await;
    assert_eq!((customers.status.as_u16(), customers.code()), (403, 10000));
    assert_eq!(site.refunds_at_stripe(), 0);
}

crate::on_both_engines![
    in_parts_and_then_the_rest,
    the_fee_goes_back_in_proportion with [("FAREBOX_TOPUP__FEE_PERCENT", "5")],
    what_was_spent_is_not_refunded,
    many_at_once_give_back_what_was_paid_and_no_more,
    a_key_refunds_once,
    where_stripe_refuses_the_credit_comes_back,
    stripes_lost_word_is_found_out with [
        ("FAREBOX_JOBS__RECONCILE_SECONDS", "10"),
        ("FAREBOX_STRIPE__TIMEOUT_SECONDS", "1"),
    ],
    one_that_stripe_never_made_is_given_back_when_its_key_is_forgotten with [
        ("FAREBOX_JOBS__RECONCILE_SECONDS", "10"),
    ],
    from_stripes_dashboard_credit_is_taken_back_below_zero,
    events_of_it_may_come_first_and_a_thousand_times with [
        ("FAREBOX_JOBS__RECONCILE_SECONDS", "86400"),
    ],
    lost_events_are_found_in_the_list,
    what_cant_be_refunded_is_said,
];
