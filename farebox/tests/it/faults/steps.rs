//! Stripe fails at each step of a top-up, in each way, once and lastingly; the client repeats its call, or
//! doesn't. Whatever Stripe did, the answers are honest and the books agree with Stripe in the end.

use std::time::Duration;

use farebox::billing;
use futures_util::{StreamExt, stream};
use ledger::AccountId;
use reqwest::Method;
use sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::app::{Answer, Engine, TestApp};
use crate::faults::truth;

/// A call to Stripe in the course of a top-up.
struct Step {
    method: &'static str,
    path: &'static str,
    /// The account's card, where it has bought before and is known at Stripe.
    card: Option<&'static str>,
}

const fn step(method: &'static str, path: &'static str) -> Step {
    Step {
        method,
        path,
        card: Some("pm_card_visa"),
    }
}

const fn declined(step: Step) -> Step {
    Step {
        card: Some("pm_card_chargeDeclined"),
        ..step
    }
}

const fn first(step: Step) -> Step {
    Step { card: None, ..step }
}

const fn error(status: u16, retry_after: Option<u64>) -> FaultAction {
    FaultAction::Answer {
        status,
        retry_after,
    }
}

/// The ways in which a call goes wrong. Each group runs against a server of its own, beside the others,
/// because most of the time is spent waiting.
const GROUPS: [&[FaultAction]; 5] = [
    &[error(500, None), error(429, None)],
    &[error(429, Some(1)), error(429, Some(30))],
    &[
        FaultAction::CloseBefore,
        FaultAction::CloseAfter,
        FaultAction::WorkThenAnswer { status: 500 },
    ],
    &[FaultAction::HangBefore],
    &[FaultAction::HangAfter],
];

/// On PostgreSQL those after which least is known: what is above the store is the same for both engines.
const GROUPS_ON_POSTGRES: [&[FaultAction]; 1] = [&[
    error(500, None),
    FaultAction::CloseAfter,
    FaultAction::WorkThenAnswer { status: 500 },
]];

/// How many servers run at once.
const SERVERS: usize = 12;

const CENTS: i64 = 5000;

async fn every_fault(engine: Engine, steps: &[Step]) {
    let groups = match engine {
        Engine::Sqlite => &GROUPS[..],
        Engine::Postgres => &GROUPS_ON_POSTGRES[..],
    };
    let all = steps
        .iter()
        .flat_map(|step| groups.iter().map(move |group| (step, group)));
    let groups = all.map(|(step, group)| every_fault_of(engine, step, group));
    stream::iter(groups)
        .buffer_unordered(SERVERS)
        .collect::<()>()
        .await;
}

async fn every_fault_of(engine: Engine, step: &Step, group: &[FaultAction]) {
    let options = [
        ("FAREBOX_STRIPE__TIMEOUT_SECONDS", "1"),
        ("FAREBOX_DATABASE__POOL_SIZE", "3"),
    ];
    let Some(app) = TestApp::start(engine, &options).await else {
        return;
    };
    for action in group {
        for times in [1, u32::MAX] {
            let fault = Fault {
                method: Some(step.method.to_owned()),
                path: step.path.to_owned(),
                nth: 1,
                times,
                action: action.clone(),
            };
            survives(&app, step, fault).await;
        }
    }
}

/// Someone who buys credit, and calls again where the answer was not the end of it.
struct Buyer<'a> {
    app: &'a TestApp,
    account: AccountId,
    token: String,
    what: String,
}

async fn survives(app: &TestApp, step: &Step, fault: Fault) {
    let lasts = fault.times > 1;
    let what = format!(
        "{:?} at {} {} {}",
        fault.action,
        step.method,
        step.path,
        if lasts { "for ever" } else { "once" }
    );
    let patient = Buyer::new(app, step, &what).await;
    // One who never calls again, where there is trouble for two.
    let hasty = Buyer::new(app, step, &what).await;
    // The jobs that a card causes ask Stripe too, and the fault is not meant for them.
    app.settle().await;
    app.stripe.add_fault(fault);
    let (answer, ()) = tokio::join!(patient.buy(), async {
        if lasts {
            hasty.buy().await;
            age(app, hasty.account, 1).await;
            billing::unsettled_topups(&app.app).await.unwrap();
        }
    });
    app.stripe.clear_faults();
    patient.repeat(answer).await;
    for buyer in [patient, hasty] {
        buyer.is_settled_by_the_jobs().await;
        truth::assert_agree(&what, &app.stripe, &app.app.store.db, buyer.account).await;
    }
}

impl<'a> Buyer<'a> {
    async fn new(app: &'a TestApp, step: &Step, what: &str) -> Self {
        let account = app.another_account().await;
        if let Some(card) = step.card {
            let customer = billing::ensure_customer(&app.app, account).await.unwrap();
            app.stripe
                .seed_customer_card(&customer, card, true)
                .unwrap();
        }
        Self {
            app,
            account,
            token: app.token_for(account, &["AI Gateway Write"]).await,
            what: what.to_owned(),
        }
    }

    /// The call, whose answer must be true at the moment in which it is given.
    async fn buy(&self) -> Answer {
        let own = self.app.account.to_string();
        let path = self.app.billing("topup");
        let path = path.replace(&own, &self.account.to_string());
        let request = self.app.anonymous(Method::POST, &path);
        let request = request
            .header("authorization", &format!("Bearer {}", self.token))
            .header("idempotency-key", "the same");
        let answer = request.json(json!({ "amount": CENTS })).send().await;
        match answer.status.as_u16() {
            200 => drop(answer.invoice()),
            status => {
                let said = (status, answer.code());
                let known = [(400, 8001), (400, 8002), (400, 8003), (503, 8006)];
                assert!(known.contains(&said), "{}: {}", self.what, answer.text);
                let charged = truth::charged_cents(&self.app.stripe, self.account);
                assert!(charged.is_empty(), "{}: {}", self.what, answer.text);
            }
        }
        answer
    }

    /// As a client does that was told to ask again, or that wants to be sure.
    async fn repeat(&self, before: Answer) {
        let again = self.buy().await;
        match before.status.as_u16() {
            200 if again.status == 200 => assert_eq!(before.invoice(), again.invoice()),
            400 => assert_eq!(before.body, again.body, "{}", self.what),
            _ => {}
        }
    }

    /// Time passes, and the reconcile job looks again and again.
    async fn is_settled_by_the_jobs(&self) {
        let db = &self.app.app.store.db;
        self.app.settle().await;
        for hours in [1, 1, 25, 1, 1] {
            if truth::is_settled(db, self.account).await {
                return;
            }
            age(self.app, self.account, hours).await;
            billing::unsettled_topups(&self.app.app).await.unwrap();
            // The app's own pass may have been faster, and still be at it.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Makes an account's top-ups older. The app's clock stays: webhooks must go on being young.
pub async fn age(app: &TestApp, account: AccountId, hours: i64) {
    let sql = "UPDATE topups SET created_at = created_at - $2, looked_at = looked_at - $2, \
         claimed_until = CASE WHEN claimed_until > 0 THEN claimed_until - $2 ELSE 0 END \
         WHERE account_id = $1";
    let params = [account.to_string().into(), (hours * 3_600_000).into()];
    app.app.store.db.execute(sql, &params).await.unwrap();
}

const BEFORE_THE_CHARGE: &[Step] = &[
    first(step("POST", "/v1/customers")),
    first(step("GET", "/v1/invoices/*")),
    step("GET", "/v1/customers/*"),
    step("GET", "/v1/customers/*/payment_methods/*"),
    step("POST", "/v1/invoices"),
    step("POST", "/v1/invoiceitems"),
    step("POST", "/v1/invoices/*/finalize"),
];

const THE_CHARGE: &[Step] = &[
    step("POST", "/v1/invoices/*/pay"),
    step("GET", "/v1/invoices/*"),
];

const A_DECLINE: &[Step] = &[
    declined(step("POST", "/v1/invoices/*/pay")),
    declined(step("GET", "/v1/invoices/*")),
    declined(step("POST", "/v1/invoices/*/void")),
];

/// Makes two tests of each list of steps, one an engine.
macro_rules! steps {
    ($($name:ident: $steps:expr;)+) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                every_fault(Engine::Sqlite, $steps).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                every_fault(Engine::Postgres, $steps).await;
            }
        })+
    };
}

steps! {
    before_the_charge: BEFORE_THE_CHARGE;
    at_the_charge: THE_CHARGE;
    after_a_decline: A_DECLINE;
}
