//! `kill -9` of a real process, between any two steps of a top-up and under load: after a restart on the
//! same database everything is as if nothing had happened, or as if the call had never been made.

use std::process::{Command, Stdio};
use std::time::Duration;

use farebox::app::system_clock;
use farebox::config::Config;
use farebox::ids;
use farebox::store::{Store, audit, jobs};
use futures_util::{StreamExt, stream};
use ledger::AccountId;
use sandbox::{Deliveries, Fault, FaultAction, Outcome};
use serde_json::Value;

use crate::app::{Engine, fault, http_client};
use crate::faults::truth;
use crate::process::Running;
use crate::site::Site;
use crate::store::money;

/// How many cases are tried at once: most of the time is spent waiting.
const AT_ONCE: usize = 8;

/// A call to Stripe in the course of a top-up, and the account's card.
type Step = (&'static str, &'static str, Option<&'static str>);

const VISA: Option<&str> = Some("pm_card_visa");
const DECLINING: Option<&str> = Some("pm_card_chargeDeclined");

const STEPS: &[Step] = &[
    ("POST", "/v1/customers", None),
    ("GET", "/v1/customers/*", VISA),
    ("GET", "/v1/customers/*/payment_methods/*", VISA),
    ("POST", "/v1/invoices", VISA),
    ("POST", "/v1/invoiceitems", VISA),
    ("POST", "/v1/invoices/*/finalize", VISA),
    ("POST", "/v1/invoices/*/pay", VISA),
    ("GET", "/v1/invoices/*", VISA),
    ("POST", "/v1/invoices/*/pay", DECLINING),
    ("POST", "/v1/invoices/*/void", DECLINING),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Repeats,
    IsGone,
}

/// Whether Stripe has done what it was asked when the process is killed, and what the client does then.
type Case = (FaultAction, Client);

const CASES: &[Case] = &[
    (FaultAction::HangBefore, Client::Repeats),
    (FaultAction::HangAfter, Client::Repeats),
    (FaultAction::HangAfter, Client::IsGone),
];

/// On PostgreSQL a repeat waits for the claim of the process that is gone, so there only those are tried
/// after which it is least known what has happened.
fn is_tried(engine: Engine, (method, path, _): Step, (action, client): &Case) -> bool {
    let is_post = method == "POST" && path.starts_with("/v1/invoices");
    let repeats = *client == Client::Repeats;
    let at_the_ends = path == "/v1/invoices" || path.ends_with("/pay");
    engine == Engine::Sqlite
        || is_post && *action == FaultAction::HangAfter && (at_the_ends || !repeats)
}

async fn at_every_step(engine: Engine) {
    let all = STEPS
        .iter()
        .flat_map(|step| CASES.iter().map(move |case| (*step, case)));
    let all = all.filter(|(step, case)| is_tried(engine, *step, case));
    let cases = all.map(|(step, case)| dies(engine, step, case));
    let done = stream::iter(cases).buffer_unordered(AT_ONCE);
    done.collect::<()>().await;
}

async fn dies(engine: Engine, (method, path, card): Step, (action, client): &Case) {
    let Some(site) = Site::new(engine, card).await else {
        return;
    };
    let what = format!("{engine:?} {action:?} {method} {path} {card:?} {client:?}");
    let (running, url) = site.serve().await;
    site.has_caught_up().await;
    let hang = site.stripe.add_fault(Fault {
        method: Some(method.to_owned()),
        ..fault(path, 1, action.clone())
    });
    tokio::select! {
        // Asked for first: a webhook's job may hang there in the call's place.
        biased;
        () = site.stripe.hanging(hang) => {}
        answer = site.buy(&url) => panic!("{what}: {answer:?}"),
    }
    running.kill_9();
    // What has not begun is not done any more: Stripe sees that the caller is gone.
    tokio::time::sleep(Duration::from_millis(50)).await;
    site.stripe.clear_faults();
    site.books_are_right(&what).await;
    if *client == Client::IsGone {
        site.a_day_passes().await;
    }
    let (running, url) = site.serve().await;
    if *client == Client::Repeats {
        site.is_bought_by_repeating(&url, &what).await;
    }
    site.is_settled(&what).await;
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{what}: {log}");
    site.books_are_right(&what).await;
    truth::assert_agree(&what, &site.stripe, &site.beside(), site.account).await;
}

impl Site {
    /// The repeat is answered as a first call would have been, and where the customer has to act, acts.
    async fn is_bought_by_repeating(&self, url: &str, what: &str) {
        let (status, body) = self.buy_until_answered(url).await;
        let code = body["errors"][0]["code"].as_i64();
        assert!(
            matches!((status, code), (200, None) | (400, Some(8001))),
            "{what}: {body}"
        );
        if let Some(secret) = body["result"]["client_secret"].as_str() {
            let intent = secret.split("_secret_").next().unwrap();
            let url = format!("{}/v1/payment_intents/{intent}/confirm", self.stripe.url());
            let form = [
                ("client_secret", secret),
                ("payment_method", "pm_card_visa"),
            ];
            let request = http_client().post(url).bearer_auth("pk_test_browser");
            let answer = request.form(&form).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{what}");
        }
    }
}

/// The one webhook was answered with 200, and its job had only begun.
async fn right_after_a_webhook(engine: Engine) {
    let card = Some("pm_card_authenticationRequired");
    let Some(mut site) = Site::new(engine, card).await else {
        return;
    };
    // The job itself has to do it, and not the passes that heal what no webhook tells.
    let reconcile = "FAREBOX_JOBS__RECONCILE_SECONDS".to_owned();
    site.variables.insert(reconcile, "86400".to_owned());
    let no_list = fault("/v1/events", u32::MAX, FaultAction::CloseBefore);
    let (running, url) = site.serve().await;
    site.has_caught_up().await;
    let (_, body) = site.buy(&url).await;
    let invoice = body["result"]["payment_intent_id"].as_str().unwrap();
    let secret = body["result"]["client_secret"].as_str().unwrap();
    let intent = secret.split("_secret_").next().unwrap();
    site.stripe.deliveries_settled().await;
    while jobs::count(&site.beside()).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    deliver(&site.stripe, false);
    site.stripe.authenticate(intent, Outcome::Succeed).unwrap();
    let events = truth::objects(&site.stripe, "event");
    let is_paid = |event: &&Value| {
        event["type"] == "invoice.paid" && event["data"]["object"]["id"] == invoice
    };
    let paid = events.iter().find(is_paid).unwrap()["id"].as_str().unwrap();
    let reading = fault("/v1/invoices/*", u32::MAX, FaultAction::HangBefore);
    let reading = site.stripe.add_fault(reading);
    deliver(&site.stripe, true);
    assert!(site.stripe.resend(paid));
    site.stripe.hanging(reading).await;
    site.stripe.deliveries_settled().await;
    running.kill_9();
    site.stripe.clear_faults();
    site.stripe.add_fault(no_list);
    assert_eq!(
        jobs::count(&site.beside()).await.unwrap(),
        1,
        "it is durable"
    );
    if engine == Engine::Postgres {
        // The claim of a process that is gone runs out by itself.
        site.claims_of_jobs_run_out().await;
    }
    let (running, _) = site.serve().await;
    site.is_settled("after a webhook").await;
    running.terminate().await;
    truth::assert_agree("a webhook", &site.stripe, &site.beside(), site.account).await;
}

fn deliver(stripe: &sandbox::Stripe, deliver: bool) {
    stripe.set_deliveries(Deliveries {
        drop: !deliver,
        ..Deliveries::default()
    });
}

/// A call in the course of an automatic top-up, whether Stripe has done it when the process is killed, and
/// whether so much time passes that nothing of the process is left.
const AUTOMATIC: &[(&str, &str, FaultAction, bool)] = &[
    ("POST", "/v1/invoices", FaultAction::HangAfter, true),
    (
        "POST",
        "/v1/invoices/*/finalize",
        FaultAction::HangAfter,
        true,
    ),
    ("POST", "/v1/invoices/*/pay", FaultAction::HangBefore, false),
    // Charged, and not credited.
    ("POST", "/v1/invoices/*/pay", FaultAction::HangAfter, false),
    ("GET", "/v1/invoices/*", FaultAction::HangBefore, false),
];

async fn in_an_automatic_topup(engine: Engine) {
    let all = AUTOMATIC.iter().map(|case| automatic_dies(engine, case));
    let done = stream::iter(all).buffer_unordered(AT_ONCE);
    done.collect::<()>().await;
}

async fn automatic_dies(engine: Engine, case: &(&str, &str, FaultAction, bool)) {
    let Some(mut site) = Site::new(engine, VISA).await else {
        return;
    };
    let (method, path, action, day_passes) = case;
    let what = format!("{engine:?} {action:?} {method} {path}, automatic");
    for (option, seconds) in [("COOL_DOWN", "10"), ("SWEEP", "5")] {
        let option = format!("FAREBOX_AUTO_TOPUP__{option}_SECONDS");
        site.variables.insert(option, seconds.to_owned());
    }
    let (running, url) = site.serve().await;
    // What is charged must not be credited by a webhook before the process dies.
    deliver(&site.stripe, false);
    let hang = site.stripe.add_fault(Fault {
        method: Some((*method).to_owned()),
        ..fault(path, 1, action.clone())
    });
    site.tops_itself_up(&url).await;
    site.stripe.hanging(hang).await;
    running.kill_9();
    tokio::time::sleep(Duration::from_millis(50)).await;
    site.stripe.clear_faults();
    let rows = truth::rows(&site.beside(), site.account).await;
    assert_eq!(
        (rows.len(), rows[0].state.as_str()),
        (1, "started"),
        "{what}"
    );
    if *day_passes {
        site.a_day_passes().await;
    }
    let (running, _) = site.serve().await;
    site.is_bought(&what).await;
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{what}: {log}");
    site.books_are_right(&what).await;
    truth::assert_agree(&what, &site.stripe, &site.beside(), site.account).await;
    let charged = truth::charged_cents(&site.stripe, site.account);
    assert_eq!(charged, [5000], "{what}: one charge, and its credit");
}

/// Names the database for [`writer`].
const WRITER: &str = "CRASH_WRITER_ACCOUNT";

/// How many callers the writer has at once.
const WRITERS: usize = 16;

/// A process of its own that holds and posts until it is killed, and says of each when it was answered.
#[test]
#[ignore = "started by the test that kills it"]
fn writer() {
    let Ok(account) = std::env::var(WRITER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = Config::load(None, std::env::vars()).unwrap();
        let store = Store::open(&config.database, system_clock(), |_| ())
            .await
            .unwrap();
        let account = account.parse().unwrap();
        let credit = money::credit(account, ids::transfer_for("test", "credit"), 5000);
        store.committer.commit_one(credit).await.unwrap();
        let all = (0..WRITERS).map(|number| write_on(&store, account, number));
        futures_util::future::join_all(all).await;
    });
}

async fn write_on(store: &Store, account: AccountId, number: usize) {
    for round in 0.. {
        let name = format!("{} {number} {round}", std::process::id());
        let (hold, post) = (
            ids::transfer_for("hold", &name),
            ids::transfer_for("post", &name),
        );
        store
            .committer
            .commit_one(money::hold(account, hold, 7))
            .await
            .unwrap();
        println!("done {hold}");
        let operation = money::post(account, post, hold, 5);
        store.committer.commit_one(operation).await.unwrap();
        println!("done {post}");
    }
}

async fn under_load(engine: Engine) {
    let Some(site) = Site::new(engine, None).await else {
        return;
    };
    for round in 0..3 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "crash::writer", "--ignored", "--nocapture"])
            .envs(&site.variables)
            .env(WRITER, site.account.to_string())
            .stdin(Stdio::null());
        let killed = move || {
            let running = Running::start(command);
            running.line_with("done ");
            std::thread::sleep(Duration::from_millis(300 + 90 * round));
            running.kill_and_read()
        };
        let log = tokio::task::spawn_blocking(killed).await.unwrap();
        was_kept(&site, &log).await;
    }
}

/// Whatever was answered is in the books, and the books are right.
async fn was_kept(site: &Site, log: &str) {
    let done: Vec<_> = log
        .lines()
        .filter_map(|line| line.split("done ").nth(1))
        .collect();
    assert!(done.len() > WRITERS, "{} were answered", done.len());
    let db = site.beside();
    for id in &done {
        // A line that the kill has cut short names nothing.
        if id.len() == 32 {
            let sql = "SELECT 1 FROM transfers WHERE id = $1";
            let found = db.query_opt(sql, &[(*id).into()]).await.unwrap();
            assert!(found.is_some(), "{id} was answered and is not in the books");
        }
    }
    let audit = audit::check(&db).await.unwrap();
    assert!(audit.is_right(), "{:?}", audit.problems);
    drop(db);
    site.books_are_right("under load").await;
}

macro_rules! crashes {
    ($($name:ident),+ $(,)?) => {
        mod kill_9 {
            use super::Engine;

            $(mod $name {
                use super::Engine;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    crate::crash::$name(Engine::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    crate::crash::$name(Engine::Postgres).await;
                }
            })+
        }
    };
}

crashes![
    at_every_step,
    right_after_a_webhook,
    in_an_automatic_topup,
    under_load
];
