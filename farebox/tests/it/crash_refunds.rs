//! `kill -9` of a real process while money goes back: after a restart on the same database the refund is made
//! once, and the books say what Stripe says.

use std::time::{Duration, Instant};

use farebox::store::db::Db;
use farebox::store::holds;
use reqwest::Method;
use sandbox::{DisputeKind, Fault, FaultAction};
use serde_json::{Value, json};

use crate::app::{Engine, fault, http_client};
use crate::faults::truth;
use crate::site::{Site, told};

const PATIENCE: Duration = Duration::from_secs(45);

/// A site with a top-up of $50 that is paid, and who may refund it.
struct Paid {
    site: Site,
    operator: String,
    invoice: String,
    intent: String,
}

impl Paid {
    async fn new(engine: Engine) -> Option<Self> {
        let site = Site::new(engine, Some("pm_card_visa")).await?;
        let account = site.account.to_string();
        let token = [
            "token",
            "create",
            "--account",
            &account,
            "--name",
            "operator",
        ];
        let token = [&token[..], &["--permission", "operator"]].concat();
        let operator = told(&token, &site.variables).await["token"].clone();
        let (running, url) = site.serve().await;
        let (_, bought) = site.buy(&url).await;
        site.is_settled("a purchase").await;
        site.stripe.deliveries_settled().await;
        running.terminate().await;
        let sql = "SELECT payment_intent_id FROM topups";
        let row = site.beside().query_opt(sql, &[]).await.unwrap();
        Some(Self {
            operator: operator.as_str().unwrap().to_owned(),
            invoice: bought["result"]["payment_intent_id"]
                .as_str()
                .unwrap()
                .to_owned(),
            intent: row.unwrap().text().unwrap(),
            site,
        })
    }

    async fn refund(&self, url: &str) -> Value {
        let path = format!(
            "/client/v4/accounts/{}/ai-gateway/billing/topup",
            self.site.account
        );
        let url = format!("{url}{path}/{}/refund", self.invoice);
        let request = http_client()
            .request(Method::POST, url)
            .bearer_auth(&self.operator);
        let request = request.header("idempotency-key", "the same");
        let answer = request
            .body(json!({ "amount": 2000 }).to_string())
            .send()
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    async fn cents(&self) -> i64 {
        let balances = holds::balances(&self.site.beside(), self.site.account)
            .await
            .unwrap();
        balances.posted().to_cents().unwrap()
    }

    /// Until every reversal is in this status, of which there is one.
    async fn becomes(&self, status: &str) {
        let begun = Instant::now();
        loop {
            let found = statuses(&self.site.beside()).await;
            if found == [status] {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{found:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn statuses(db: &Db) -> Vec<String> {
    let found = db.query("SELECT status FROM reversals", &[]).await.unwrap();
    found
        .into_iter()
        .map(|mut row| row.text().unwrap())
        .collect()
}

/// Stripe has, or has not, made the refund when the process dies.
async fn while_stripe_is_asked_for_it(engine: Engine) {
    for action in [FaultAction::HangBefore, FaultAction::HangAfter] {
        let Some(paid) = Paid::new(engine).await else {
            return;
        };
        let what = format!("{engine:?} {action:?}");
        let (running, url) = paid.site.serve().await;
        let hang = paid.site.stripe.add_fault(Fault {
            method: Some("POST".to_owned()),
            ..fault("/v1/refunds", 1, action)
        });
        tokio::select! {
            answer = paid.refund(&url) => panic!("{what}: {answer}"),
            () = paid.site.stripe.hanging(hang) => {}
        }
        running.kill_9();
        tokio::time::sleep(Duration::from_millis(50)).await;
        paid.site.stripe.clear_faults();
        // The credit was taken before Stripe was asked, and nobody can spend it now.
        assert_eq!(paid.cents().await, 3000, "{what}");
        paid.site.books_are_right(&what).await;
        paid.site.refunds_grow_old().await;
        let (running, url) = paid.site.serve().await;
        paid.becomes("succeeded").await;
        let repeated = paid.refund(&url).await;
        assert_eq!(
            repeated["result"]["status"], "succeeded",
            "{what}: {repeated}"
        );
        paid.site.stripe.deliveries_settled().await;
        running.terminate().await;
        let made = truth::objects(&paid.site.stripe, "refund");
        assert_eq!((made.len(), paid.cents().await), (1, 3000), "{what}");
        paid.site.books_are_right(&what).await;
    }
}

/// The event is durable, and its job had only begun.
async fn while_a_dispute_is_looked_at(engine: Engine) {
    let Some(paid) = Paid::new(engine).await else {
        return;
    };
    let stripe = &paid.site.stripe;
    let (running, _) = paid.site.serve().await;
    let reading = stripe.add_fault(fault("/v1/disputes", u32::MAX, FaultAction::HangAfter));
    let dispute = stripe
        .open_dispute(&paid.intent, DisputeKind::Chargeback, None)
        .unwrap();
    stripe
        .withdraw_dispute_funds(dispute["id"].as_str().unwrap())
        .unwrap();
    stripe.hanging(reading).await;
    stripe.deliveries_settled().await;
    running.kill_9();
    stripe.clear_faults();
    assert_eq!(paid.cents().await, 5000);
    if engine == Engine::Postgres {
        paid.site.claims_of_jobs_run_out().await;
    }
    let (running, _) = paid.site.serve().await;
    paid.becomes("needs_response").await;
    let begun = Instant::now();
    while paid.cents().await != 0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.terminate().await;
    paid.site.books_are_right("a dispute").await;
}

macro_rules! crashes {
    ($($name:ident),+ $(,)?) => {
        mod kill_9 {
            $(mod $name {
                use super::super::Engine;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    super::super::$name(Engine::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    super::super::$name(Engine::Postgres).await;
                }
            })+
        }
    };
}

crashes![while_stripe_is_asked_for_it, while_a_dispute_is_looked_at];
