//! `kill -9` of a real process in the course of calls to models: after a restart on the same database a call
//! whose answer was read to its end is charged and has its log, and one that was not finished costs nothing.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use farebox::app::{App, system_clock};
use farebox::billing;
use farebox::config::Config;
use farebox::ids::LogId;
use farebox::store::db::Db;
use farebox::store::{charges, gateways, holds, logs};
use futures_util::future::join_all;
use ledger::Balances;
use serde_json::{Value, json};

use crate::app::{Engine, http_client, sold, start_provider};
use crate::process::{self, Running};
use crate::site::{Site, told};

/// Tells [`later`] how many milliseconds its clock is ahead.
const AHEAD: &str = "CRASH_CALLS_AHEAD";

/// `[gateway] call_max_seconds` and the minute after it, as they are by default.
const CALL_ENDS_AT_MOST: Duration = Duration::from_secs(1860);

/// $50, in billionths of a dollar.
const GIVEN: i64 = 50_000_000_000;

/// What a call costs that reads 2 words, at $2.50 a million, and whose answer has the usual 5, at $10.
const COST: i64 = 2 * 2500 + 5 * 10_000;

/// How many clients call at once under load.
const CLIENTS: usize = 12;

/// A site that sells models, an account with credit, and who may spend it.
struct Shop {
    site: Site,
    provider: sandbox::Provider,
    runner: String,
}

impl Shop {
    async fn new(engine: Engine) -> Option<Self> {
        let mut site = Site::new(engine, Some("pm_card_visa")).await?;
        let provider = start_provider().await;
        let sells = sold(&provider).map(|(name, value)| (name.to_owned(), value));
        site.variables.extend(sells);
        let account = site.account.to_string();
        let token = ["token", "create", "--account", &account, "--name", "runner"];
        let token = [&token[..], &["--permission", "run"]].concat();
        let runner = told(&token, &site.variables).await["token"].clone();
        let (running, url) = site.serve().await;
        site.buy(&url).await;
        site.is_settled("a purchase").await;
        site.stripe.deliveries_settled().await;
        running.terminate().await;
        Some(Self {
            runner: runner.as_str().unwrap().to_owned(),
            site,
            provider,
        })
    }

    async fn begin(&self, url: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        let path = format!("/v1/{}/default/openai", self.site.account);
        let url = format!("{url}{path}/v1/chat/completions");
        let request = http_client().post(url).bearer_auth(&self.runner);
        request.json(body).send().await
    }

    /// A whole call; none where the process died before its end.
    async fn call(&self, url: &str, body: &Value) -> Option<LogId> {
        let answer = self.begin(url, body).await.ok()?;
        let status = answer.status();
        let id = answer.headers()["cf-aig-log-id"].to_str().unwrap();
        let id = id.parse().unwrap();
        let text = answer.text().await.ok()?;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("words."), "{text}");
        Some(id)
    }

    async fn call_or_die(&self, url: &str) -> LogId {
        self.call(url, &chat("one two", false)).await.unwrap()
    }

    /// Gives the gateway a spend rule that everything counts under.
    async fn count(&self) {
        let (running, url) = self.site.serve().await;
        self.call(&url, &chat("one two", false)).await.unwrap();
        let path = format!("/client/v4/accounts/{}/ai-gateway", self.site.account);
        let rule = json!({ "limit": 40, "limitType": "cost", "window": 3600 });
        let body = json!({ "spend_limits": { "enabled": true, "rules": [rule] } });
        let request = http_client().patch(format!("{url}{path}/gateways/default"));
        let request = request.bearer_auth(&self.site.token).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 200);
        running.terminate().await;
    }

    /// What is counted under the rule, and how many calls have reserved something there.
    async fn counted_and_reserved(&self) -> (i64, i64) {
        let db = self.site.beside();
        let sql = "SELECT (SELECT CAST(SUM(amount) AS BIGINT) FROM bucket_spend), \
             (SELECT COUNT(*) FROM bucket_reservations)";
        let mut row = db.query_opt(sql, &[]).await.unwrap().unwrap();
        (
            row.opt_int().unwrap().unwrap_or_default(),
            row.int().unwrap(),
        )
    }

    async fn balances(&self) -> Balances {
        holds::balances(&self.site.beside(), self.site.account)
            .await
            .unwrap()
    }

    /// What is spent and what is held, in billionths of a dollar.
    async fn spent_and_held(&self) -> (i64, i64) {
        let balances = self.balances().await;
        (GIVEN - balances.posted().nanos(), balances.held().nanos())
    }

    /// Every charge, and that the account has paid their sum and no more.
    async fn charges(&self, what: &str) -> BTreeMap<String, i64> {
        let sql = "SELECT id, charged FROM charges";
        let found = self.site.beside().query(sql, &[]).await.unwrap();
        let found = found
            .into_iter()
            .map(|mut row| (row.text().unwrap(), row.int().unwrap()));
        let charges: BTreeMap<_, _> = found.collect();
        let (spent, _) = self.spent_and_held().await;
        assert_eq!(spent, charges.values().sum::<i64>(), "{what}");
        charges
    }

    /// What the calls hold that a process has left is released as soon as their time is up, and not before.
    async fn is_released(&self, what: &str) {
        let (_, held) = self.spent_and_held().await;
        self.expire_holds(CALL_ENDS_AT_MOST - Duration::from_secs(120))
            .await;
        assert_eq!(self.spent_and_held().await.1, held, "{what}: too early");
        self.expire_holds(CALL_ENDS_AT_MOST).await;
        assert_eq!(self.spent_and_held().await.1, 0, "{what}: still held");
        self.site.books_are_right(what).await;
    }

    /// Runs [`later`] in a process of its own: a lock of this one's would pass to every child that is being
    /// started just then.
    async fn expire_holds(&self, ahead: Duration) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "crash_calls::later", "--ignored", "--nocapture"])
            .env_clear()
            .envs(&self.site.variables)
            .env(AHEAD, ahead.as_millis().to_string())
            .stdin(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
        process::printed(&ended.await.unwrap(), 0);
    }
}

/// Releases what has expired, with a clock that is ahead.
#[test]
#[ignore = "started by the tests that let time pass"]
fn later() {
    let Ok(ahead) = std::env::var(AHEAD) else {
        return;
    };
    let ahead: i64 = ahead.parse().unwrap();
    let clock = move || system_clock()().checked_add_millis(ahead).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let variables = std::env::vars().filter(|(name, _)| name != AHEAD);
        let config = Config::load(None, variables).unwrap();
        let app = App::start(config, Arc::new(clock)).await.unwrap();
        billing::expire_holds(&app).await.unwrap();
        farebox::gateways::prune_spend(&app).await.unwrap();
        app.shut_down().await;
    });
}

fn chat(words: &str, stream: bool) -> Value {
    json!({
        "model": "gpt-4o",
        "max_tokens": 1000,
        "stream": stream,
        "messages": [{"role": "user", "content": words}],
    })
}

/// The charge and the log of a call whose answer was read to its end.
async fn is_on_disk(db: &Db, shop: &Shop, id: LogId, what: &str) {
    let account = shop.site.account;
    let charge = charges::find(db, account, id).await.unwrap();
    let charge = charge.unwrap_or_else(|| panic!("{what}: {id} was answered and not charged"));
    assert_eq!(charge.charge.charged.nanos(), COST, "{what}");
    let gateway = gateways::find(db, account, "default").await.unwrap();
    let log = logs::find(db, &gateway.unwrap(), id).await.unwrap();
    let log = log.unwrap_or_else(|| panic!("{what}: {id} was answered and has no log"));
    assert!(log.call.success, "{what}");
    assert_eq!(log.call.cost.map(|cost| cost.nanos()), Some(COST), "{what}");
}

/// The provider has the call, and has not begun to answer it.
async fn before_the_answer(engine: Engine) {
    for stream in [false, true] {
        dies_unfinished(engine, &chat("one [sandbox hang=true]", stream), 0).await;
    }
}

/// Some of the answer is with the client, and the provider has more of it.
async fn in_the_middle_of_an_answer(engine: Engine) {
    let stalls = "one [sandbox words=40 stall_after=20]";
    dies_unfinished(engine, &chat(stalls, true), 1).await;
    // A hold that was extended meanwhile is one hold all the same.
    let mut long = chat(
        "one [sandbox words=30000 words_per_event=50 stall_after=400]",
        true,
    );
    long["max_tokens"] = json!(30_000);
    dies_unfinished(engine, &long, 1).await;
    // A whole answer is passed on when it is whole: the client has nothing of it.
    let stalls = "one [sandbox words=400 stall_after=3]";
    dies_unfinished(engine, &chat(stalls, false), 0).await;
}

/// Kills the process once the provider waits and the client has read so many pieces.
async fn dies_unfinished(engine: Engine, body: &Value, pieces: usize) {
    let Some(shop) = Shop::new(engine).await else {
        return;
    };
    let what = format!("{engine:?} {body}");
    let (running, url) = shop.site.serve().await;
    let reads = async {
        let mut answer = shop.begin(&url, body).await.unwrap();
        for _ in 0..pieces {
            answer.chunk().await.unwrap().expect("a piece");
        }
        (pieces > 0).then_some(answer)
    };
    let waits = shop.provider.until(|counts| counts.waiting == 1);
    let begun = if pieces > 0 {
        futures_util::join!(reads, waits).0
    } else {
        tokio::select! {
            _ = reads => panic!("{what}: it was answered"),
            _ = waits => None,
        }
    };
    running.kill_9();
    if let Some(answer) = begun {
        answer.text().await.expect_err("the answer breaks off");
    }
    shop.costs_nothing(&what).await;
}

impl Shop {
    /// What was held for a call that nobody finished stays so until its time is up, whoever runs, and is then
    /// the customer's again.
    async fn costs_nothing(&self, what: &str) {
        self.site.books_are_right(what).await;
        let (spent, held) = self.spent_and_held().await;
        assert!(spent == 0 && held > 0, "{what}: {spent} {held}");
        let (running, url) = self.site.serve().await;
        let id = self.call(&url, &chat("one two", false)).await.unwrap();
        let (status, log) = running.terminate().await;
        assert_eq!(status.code(), Some(0), "{what}: {log}");
        assert_eq!(self.spent_and_held().await, (COST, held), "{what}");
        self.is_released(what).await;
        let charges = self.charges(what).await;
        assert_eq!(charges, BTreeMap::from([(id.key(), COST)]), "{what}");
        let counts = self.provider.counts();
        assert_eq!(counts.requests, 2, "{what}: nothing is asked for again");
    }
}

/// The client has read the last byte, and the process dies before it can do anything more.
async fn right_after_an_answer(engine: Engine) {
    let Some(shop) = Shop::new(engine).await else {
        return;
    };
    let mut answered = Vec::new();
    for stream in [false, true] {
        let what = format!("{engine:?} stream={stream}");
        let (running, url) = shop.site.serve().await;
        let id = shop.call(&url, &chat("one two", stream)).await.unwrap();
        running.kill_9();
        answered.push(id.key());
        is_on_disk(&shop.site.beside(), &shop, id, &what).await;
        assert_eq!(shop.spent_and_held().await.1, 0, "{what}");
        shop.site.books_are_right(&what).await;
    }
    let (running, url) = shop.site.serve().await;
    let id = shop.call(&url, &chat("one two", false)).await.unwrap();
    answered.push(id.key());
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    let charges = shop.charges("after a restart").await;
    let expected: BTreeMap<_, _> = answered.into_iter().map(|id| (id, COST)).collect();
    assert_eq!(charges, expected, "each is charged once");
    shop.site.books_are_right("after a restart").await;
}

/// Killed at any moment while many call: whatever was answered is charged, and the rest is given back.
async fn under_load(engine: Engine) {
    let Some(shop) = Shop::new(engine).await else {
        return;
    };
    shop.count().await;
    let mut answered = Vec::new();
    for round in 0..3 {
        let what = format!("{engine:?} round {round}");
        let (running, url) = shop.site.serve().await;
        let clients = join_all((0..CLIENTS).map(|number| calls_on(&shop, &url, number)));
        let (finished, ()) = futures_util::join!(clients, dies_soon(&shop, running));
        let finished: Vec<LogId> = finished.into_iter().flatten().collect();
        assert!(finished.len() > CLIENTS, "{what}: {}", finished.len());
        let db = shop.site.beside();
        for id in &finished {
            is_on_disk(&db, &shop, *id, &what).await;
        }
        drop(db);
        shop.site.books_are_right(&what).await;
        answered.extend(finished);
        // The call before there was a rule is charged and not counted.
        let charged: i64 = shop.charges(&what).await.values().sum();
        assert_eq!(
            shop.counted_and_reserved().await.0,
            charged - COST,
            "{what}"
        );
    }
    assert!(shop.counted_and_reserved().await.1 > 0, "nobody died");
    shop.is_released("under load").await;
    assert_eq!(shop.counted_and_reserved().await.1, 0);
    let charges = shop.charges("under load").await;
    assert!(charges.values().all(|charged| *charged == COST));
    // A call may be charged whose last byte was on its way: one for each client and round, and the first.
    let unread = charges.len() - answered.len() - 1;
    assert!(
        unread <= 3 * CLIENTS,
        "{unread} are charged and were not read"
    );
    assert!(charges.len() as u64 <= shop.provider.counts().requests);
}

/// Killed while one client calls again and again, whose settlements are noted, and booked a moment later.
async fn one_after_the_other(engine: Engine) {
    let Some(shop) = Shop::new(engine).await else {
        return;
    };
    let (mut answered, mut were_noted) = (Vec::new(), 0);
    for round in 0..4 {
        let what = format!("{engine:?} round {round}");
        let (running, url) = shop.site.serve().await;
        // Often enough that there is a lease.
        for _ in 0..5 {
            let calls = (0..CLIENTS).map(|_| shop.call_or_die(&url));
            answered.extend(join_all(calls).await);
        }
        let client = calls_on(&shop, &url, round);
        let (finished, ()) = futures_util::join!(client, dies_soon(&shop, running));
        assert!(!finished.is_empty(), "{what}");
        answered.extend(finished);
        let db = shop.site.beside();
        let noted = db.query("SELECT seq FROM noted", &[]).await.unwrap();
        were_noted += noted.len();
        shop.site.books_are_right(&what).await;
    }
    assert_eq!(were_noted > 0, engine == Engine::Sqlite);
    let (running, _) = shop.site.serve().await;
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    let db = shop.site.beside();
    for id in &answered {
        is_on_disk(&db, &shop, *id, "after a restart").await;
    }
    let charges = shop.charges("after a restart").await;
    // The last of each round may have been on its way.
    assert!((0..=4).contains(&(charges.len() - answered.len())));
    shop.site.books_are_right("after a restart").await;
}

/// Calls until nobody answers any more, every other one as a stream.
async fn calls_on(shop: &Shop, url: &str, number: usize) -> Vec<LogId> {
    let mut finished = Vec::new();
    for round in number.. {
        match shop.call(url, &chat("one two", round % 2 == 0)).await {
            Some(id) => finished.push(id),
            None => break,
        }
    }
    finished
}

/// Kills the process in the midst of its work.
async fn dies_soon(shop: &Shop, running: Running) {
    let before = shop.provider.counts().finished;
    let enough = before + 4 * CLIENTS as u64;
    shop.provider
        .until(|counts| counts.finished >= enough)
        .await;
    running.kill_9();
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

crashes![
    before_the_answer,
    in_the_middle_of_an_answer,
    right_after_an_answer,
    one_after_the_other,
    under_load
];
