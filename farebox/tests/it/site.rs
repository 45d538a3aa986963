//! A database and a Stripe for processes that come and go: what outlives a crash.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use farebox::config::{Config, DatabaseUrl};
use farebox::store::db::Db;
use farebox::store::{events, jobs};
use ledger::AccountId;
use sandbox::{StripeConfig, Webhook};
use serde_json::{Value, json};

use crate::app::{Database, Engine, STRIPE_KEY, WEBHOOK_SECRET, http_client, variables};
use crate::faults::truth;
use crate::process::{self, Running};

/// How long anything may take that must come about by itself. On PostgreSQL a claim of the process that was
/// killed has to run out, which takes ten seconds.
const PATIENCE: Duration = Duration::from_secs(45);

const CENTS: i64 = 5000;

/// A database and a Stripe, which outlive the processes that come and go on them.
pub struct Site {
    _database: Database,
    pub variables: BTreeMap<String, String>,
    pub stripe: sandbox::Stripe,
    pub account: AccountId,
    pub token: String,
}

impl Site {
    /// With an account whose default card is `card`; without one, Stripe has never heard of it.
    pub async fn new(engine: Engine, card: Option<&str>) -> Option<Self> {
        let database = Database::create(engine).await?;
        let stripe = sandbox::Stripe::start(StripeConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            secret_key: STRIPE_KEY.to_owned(),
            webhook: None,
            livemode: false,
        });
        let stripe = stripe.await.unwrap();
        let options = [
            ("FAREBOX_DATABASE__POOL_SIZE", "3"),
            ("FAREBOX_JOBS__RECONCILE_SECONDS", "10"),
            // What hangs must hang until the process is killed.
            ("FAREBOX_STRIPE__TIMEOUT_SECONDS", "60"),
        ];
        let variables = variables(&database, &stripe, &options);
        let created = told(&["account", "create", "--name", "Test"], &variables).await;
        let account = created["id"].as_str().unwrap();
        let token = ["token", "create", "--account", account, "--name", "test"];
        let token = [&token[..], &["--permission", "write"]].concat();
        let token = told(&token, &variables).await;
        let site = Self {
            account: account.parse().unwrap(),
            token: token["token"].as_str().unwrap().to_owned(),
            _database: database,
            variables,
            stripe,
        };
        if let Some(card) = card {
            site.known_at_stripe(card).await;
        }
        Some(site)
    }

    async fn known_at_stripe(&self, card: &str) {
        let url = format!("{}/v1/customers", self.stripe.url());
        let account = self.account.to_string();
        let request = http_client().post(url).bearer_auth(STRIPE_KEY);
        let request = request.form(&[("metadata[account]", &account)]);
        let body = request.send().await.unwrap().text().await.unwrap();
        let customer: Value = serde_json::from_str(&body).unwrap();
        let id = customer["id"].as_str().unwrap();
        let sql = "UPDATE accounts SET stripe_customer_id =";
        self.change(&format!("{sql} '{id}'")).await;
        self.stripe.seed_customer_card(id, card, true).unwrap();
    }

    pub fn config(&self) -> Config {
        Config::load(None, self.variables.clone().into_iter()).unwrap()
    }

    /// Changes the database behind Farebox's back, while no process has it. Not through our own store: a
    /// lock of this process's would pass to every child that is being started just then.
    async fn change(&self, sql: &str) {
        match self.config().database.url {
            DatabaseUrl::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            DatabaseUrl::Postgres(_) => {
                let mut tx = self.beside().begin().await.unwrap();
                tx.script(sql).await.unwrap();
                tx.commit().await.unwrap();
            }
        }
    }

    /// The database, beside a process that has it.
    pub fn beside(&self) -> Db {
        Db::open_read_only(&self.config().database).unwrap()
    }

    /// A new process, which Stripe sends its webhooks to from now on.
    pub async fn serve(&self) -> (Running, String) {
        let (running, url) = Running::serve(&self.variables).await;
        self.stripe.set_webhook(Some(Webhook {
            url: format!("{url}/webhooks/stripe"),
            secrets: vec![WEBHOOK_SECRET.to_owned()],
        }));
        (running, url)
    }

    /// Waits until the events that Stripe lists are known and what they cause is done: a call to Stripe is
    /// then a request's.
    pub async fn has_caught_up(&self) {
        let (db, begun) = (self.beside(), Instant::now());
        let listed = async || events::cursor(&db, "stripe_events").await.unwrap();
        while listed().await.is_none() || jobs::count(&db).await.unwrap() > 0 {
            assert!(begun.elapsed() < PATIENCE, "jobs are left");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The call, as often as the client likes under the same key.
    pub async fn buy(&self, url: &str) -> (u16, Value) {
        let path = format!("/client/v4/accounts/{}", self.account);
        let url = format!("{url}{path}/ai-gateway/billing/topup");
        let request = http_client().post(url).bearer_auth(&self.token);
        let request = request.header("idempotency-key", "the same");
        let request = request.body(json!({ "amount": CENTS }).to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = serde_json::from_str(&answer.text().await.unwrap());
        (status, body.unwrap())
    }

    /// Sets when the account, which has nothing, tops itself up: so it does at once.
    pub async fn tops_itself_up(&self, url: &str) {
        let path = format!("{url}/client/v4/accounts/{}", self.account);
        let url = format!("{path}/ai-gateway/billing/topup/config");
        let request = http_client().post(url).bearer_auth(&self.token);
        let request = request.body(json!({ "amount": CENTS, "threshold": 1000 }).to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// Repeats the call as the SDKs do, until it is answered for good.
    pub async fn buy_until_answered(&self, url: &str) -> (u16, Value) {
        let begun = Instant::now();
        loop {
            let (status, body) = self.buy(url).await;
            if !matches!(status, 409 | 503) {
                return (status, body);
            }
            assert!(begun.elapsed() < PATIENCE, "{body}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Time passes while no process runs: more than any claim lasts, and until an unpaid top-up is void.
    pub async fn a_day_passes(&self) {
        self.change(
            "UPDATE topups SET created_at = created_at - 90000000, \
             looked_at = looked_at - 90000000, claimed_until = 0",
        )
        .await;
        self.claims_of_jobs_run_out().await;
    }

    /// As two minutes after a process has died.
    pub async fn claims_of_jobs_run_out(&self) {
        self.change("UPDATE jobs SET due_at = 0").await;
    }

    /// As some time after a process has died that waited for Stripe's word on a refund.
    pub async fn refunds_grow_old(&self) {
        self.change("UPDATE reversals SET updated_at = updated_at - 60000")
            .await;
    }

    pub async fn is_settled(&self, what: &str) {
        let (db, begun) = (self.beside(), Instant::now());
        while !truth::is_settled(&db, self.account).await {
            let rows = truth::rows(&db, self.account).await;
            assert!(begun.elapsed() < PATIENCE, "{what}: {rows:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a top-up is completed and none is on its way. Another one may have to be given up first.
    pub async fn is_bought(&self, what: &str) {
        let (db, begun) = (self.beside(), Instant::now());
        loop {
            self.is_settled(what).await;
            let rows = truth::rows(&db, self.account).await;
            if rows.iter().any(|row| row.state == "completed") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE * 2, "{what}: {rows:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn books_are_right(&self, what: &str) {
        let check = process::run(&["ledger", "check"], &self.variables).await;
        let printed = process::printed(&check, 0);
        assert!(
            printed.contains("the books are right"),
            "{what}:\n{printed}"
        );
    }
}

/// What a command of the operator's answers.
pub async fn told(args: &[&str], variables: &BTreeMap<String, String>) -> Value {
    let output = process::run(&[args, &["--json"]].concat(), variables).await;
    serde_json::from_str(&process::printed(&output, 0)).unwrap()
}
