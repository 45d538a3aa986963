//! Credit is never held or taken wrongly because something failed: the database at the wrong moment, or a provider's report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farebox::store::charges;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Told, asks, chat, is_settled, nanos, runner};
use crate::app::{Database, Engine, TestApp};

/// A dollar, in billionths.
const GIVEN: i64 = 1_000_000_000;

/// What a call of one word costs whose answer has the usual five.
const COST: i64 = 2500 + 5 * 10_000;

async fn charge(app: &TestApp, told: &Told) -> charges::NewCharge {
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let found = charges::find(&app.app.store.db, app.account, id).await;
    found.unwrap().expect("a charge").charge
}

/// Such a report would be a hundred times all the money that there is.
async fn a_report_that_cant_be_true_is_estimated_and_settled(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for tokens in [u64::MAX / 2, 1_000_000_000] {
        for stream in [false, true] {
            let before = nanos(app).await;
            let report =
                json!({"prompt_tokens": tokens, "completion_tokens": 5, "total_tokens": tokens});
            let mut body = asks(&format!("one [sandbox usage={{\"instead\":{report}}}]"));
            body["stream"] = json!(stream);
            body["max_tokens"] = json!(100);
            let told = chat(app, &token, body).await;
            assert_eq!(told.status, 200, "{}", told.text);
            assert!(!told.text.starts_with("broken off"), "{}", told.text);
            let charge = charge(app, &told).await;
            assert_eq!(charge.basis, charges::Basis::Estimated);
            assert_eq!(charge.overrun.nanos(), 0);
            let cost = before - nanos(app).await;
            assert!((10_000..1_000_000).contains(&cost), "{cost}");
            is_settled(app).await;
        }
    }
}

fn short() -> Value {
    let mut body = asks("one");
    body["max_tokens"] = json!(20);
    body
}

/// Calls in a burst: while one of them runs, a lease is opened that holds a hundredth of what there is.
async fn no_balance_is_told_without_what_is_idle(app: &TestApp) {
    let token = runner(app).await;
    app.give(10_000).await;
    let is_leased = || {
        let leases = app.app.store.committer.leases();
        leases.has_idle(app.account, app.app.now())
    };
    for _ in 0..40 {
        // Often enough for a lease, which is opened beside one of these or beside the next.
        join_all((0..10).map(|_| chat(app, &token, short()))).await;
        let was_leased = is_leased();
        let told = chat(app, &token, short()).await;
        let header: f64 = told.header("cf-aig-balance").parse().unwrap();
        let there = nanos(app).await;
        assert!(
            (header * 1e9 - there as f64).abs() < 0.5,
            "{header} {there}"
        );
        if was_leased {
            break;
        }
    }
    assert_eq!(is_leased(), app.app.store.db.engine() == "sqlite");
    app.tick(Duration::from_secs(5));
    is_settled(app).await;
}

/// Nothing can be written while the lease is to be released, as on a disk that is full.
async fn a_lease_whose_release_fails_is_released_later(app: &TestApp) {
    if app.app.store.db.engine() != "sqlite" {
        return;
    }
    let token = runner(app).await;
    app.give(10_000).await;
    let (leases, now) = (app.app.store.committer.leases(), app.app.now());
    app.until(async || {
        join_all((0..20).map(|_| chat(app, &token, short()))).await;
        leases.has_idle(app.account, now)
    })
    .await;
    let db = &app.app.store.db;
    let full = "CREATE TRIGGER full BEFORE INSERT ON transfers WHEN NEW.phase = 'void' \
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    db.execute(full, &[]).await.unwrap();
    app.tick(Duration::from_secs(5));
    // Long enough for the first try.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let open = "SELECT id FROM holds WHERE state = 'open'";
    assert_eq!(db.query(open, &[]).await.unwrap().len(), 1);
    db.execute("DROP TRIGGER full", &[]).await.unwrap();
    is_settled(app).await;
    assert_eq!(leases.idle(app.account).nanos(), 0);
    let told = app.balance().await;
    assert_eq!(told.available, Some(told.balance));
}

/// A connection to PostgreSQL that can be lost between a COMMIT and its answer, and stays lost for a while.
#[derive(Default)]
pub struct Line {
    /// The next COMMIT reaches the server, and its answer nobody.
    pub is_armed: AtomicBool,
    pub is_down: AtomicBool,
}

impl Line {
    /// Listens for connections to the server of that URL; the URL through it.
    #[expect(clippy::disallowed_methods)]
    pub async fn lay(self: &Arc<Self>, url: &str) -> String {
        let mut url = reqwest::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (line, server) = (line.clone(), server.clone());
                tokio::spawn(async move { line.carry(client, &server).await });
            }
        });
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        url.into()
    }

    async fn carry(&self, mut client: TcpStream, server: &str) {
        if self.is_down.load(Ordering::SeqCst) {
            return;
        }
        let mut server = TcpStream::connect(server).await.unwrap();
        let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => match read {
                    Ok(read) if read > 0 => {
                        let said = &asked[..read];
                        server.write_all(said).await.unwrap();
                        let commits = said.windows(6).any(|word| word == b"COMMIT");
                        if commits && self.is_armed.swap(false, Ordering::SeqCst) {
                            self.is_down.store(true, Ordering::SeqCst);
                            // Its answer, which is lost.
                            let _ = server.read(&mut answered).await;
                            tokio::time::sleep(Duration::from_millis(100)).await;
                            return;
                        }
                    }
                    _ => return,
                },
                read = server.read(&mut answered) => match read {
                    Ok(read) if read > 0 && !self.is_down.load(Ordering::SeqCst) => {
                        if client.write_all(&answered[..read]).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                },
            }
        }
    }
}

/// A call whose settlement is committed just as the database goes away for so long.
async fn commit_is_lost(
    wait_seconds: &str,
    down: Duration,
    then: impl AsyncFnOnce(&TestApp, Told),
) {
    let Some(database) = Database::create(Engine::Postgres).await else {
        return;
    };
    let line = Arc::new(Line::default());
    let url = line.lay(&database.url).await;
    let options = [
        ("FAREBOX_DATABASE__URL", url.as_str()),
        ("FAREBOX_GATEWAY__SETTLEMENT_WAIT_SECONDS", wait_seconds),
    ];
    let app = TestApp::start(Engine::Postgres, &options).await.unwrap();
    app.give(100).await;
    let token = runner(&app).await;
    let hangs = sandbox::provider::Behaviour {
        hang: true,
        ..Default::default()
    };
    app.provider
        .add_fault(sandbox::provider::Fault::next(hangs));
    let meanwhile = async {
        app.until(async || app.provider.counts().waiting == 1).await;
        line.is_armed.store(true, Ordering::SeqCst);
        app.provider.clear_faults();
        app.until(async || line.is_down.load(Ordering::SeqCst))
            .await;
        tokio::time::sleep(down).await;
        line.is_down.store(false, Ordering::SeqCst);
    };
    let (told, ()) = tokio::join!(chat(&app, &token, short()), meanwhile);
    then(&app, told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_while_the_database_is_away_gets_the_answer() {
    commit_is_lost("45", Duration::from_secs(6), async |app, told| {
        assert_eq!(told.status, 200, "{}", told.text);
        assert_eq!(nanos(app).await, GIVEN - COST);
        assert_eq!(charge(app, &told).await.charged.nanos(), COST);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_whoever_is_told_that_nobody_knows_pays_nothing_in_the_end() {
    commit_is_lost("1", Duration::from_secs(5), async |app, told| {
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (503, 8111),
            "{}",
            told.text
        );
        assert!(
            !told.text.to_lowercase().contains("nothing was charged"),
            "{}",
            told.text
        );
        app.until(async || nanos(app).await == GIVEN).await;
        // It was charged, and given back: both are in the books.
        let id = told.header("cf-aig-log-id").parse().unwrap();
        let found = charges::find(&app.app.store.db, app.account, id)
            .await
            .unwrap();
        assert_eq!(found.expect("a charge").charge.charged.nanos(), COST);
        is_settled(app).await;
    })
    .await;
}

crate::on_both_engines![
    a_report_that_cant_be_true_is_estimated_and_settled,
    no_balance_is_told_without_what_is_idle,
    a_lease_whose_release_fails_is_released_later,
];
