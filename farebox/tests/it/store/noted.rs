//! Settlements that come alone, on SQLite: one row each, and booked before anybody could tell.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farebox::app::system_clock;
use farebox::config::{Config, DatabaseConfig};
use farebox::ids::{self, LogId};
use farebox::store::committer::CommitError;
use farebox::store::db::Db;
use farebox::store::gateways::{self, Gateway, Settings};
use farebox::store::leases::{self, Part, Wanted};
use farebox::store::logs::{Body, NewCall};
use farebox::store::under_way::UnderWay;
use farebox::store::{Store, StoreError, accounts, audit, charges, holds, noted as notes};
use ledger::{Amount, Operation, TransferId};
use serde_json::json;
use tempfile::TempDir;

use crate::calls::{call, charged, free, noted, transfer};
use crate::store::money;

/// What a settlement takes.
const COST: i64 = 1234;

/// How many are noted at most.
const MOST: i64 = 16;

const PATIENCE: Duration = Duration::from_secs(20);

/// A store, an account with credit and a lease, a gateway, and one call under way.
struct Shop {
    store: Store,
    gateway: Gateway,
    lease: Wanted,
    number: u64,
    alone: Option<UnderWay>,
    dir: TempDir,
}

fn config(file: &Path) -> DatabaseConfig {
    let url = format!("sqlite://{}", file.display());
    let url = ("FAREBOX_DATABASE__URL".to_owned(), url);
    let key = ("FAREBOX_SECURITY__KEY".to_owned(), "07".repeat(32));
    Config::load(None, [url, key].into_iter()).unwrap().database
}

async fn open(file: &Path) -> Store {
    let begun = Instant::now();
    loop {
        match Store::open(&config(file), system_clock(), |_| ()).await {
            // A committer ends a moment after its store.
            Err(StoreError::InUse { .. }) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            opened => return opened.unwrap(),
        }
    }
}

impl Shop {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("farebox.db")).await;
        let (account, now) = (ids::account(), system_clock()());
        accounts::create(&store.db, account, "one", now)
            .await
            .unwrap();
        let settings = Settings::default();
        let gateway = gateways::create(&store.db, account, "one", &settings, now);
        let gateway = gateway.await.unwrap();
        let credit = money::credit(account, ids::transfer_for("credit", ""), 100);
        store.committer.commit_one(credit).await.unwrap();
        let lease = Wanted {
            hold: ids::transfer_for("lease", ""),
            account,
            amount: Amount::from_nanos(100_000_000),
            at: now,
            usable_until: now.checked_add_millis(600_000).unwrap(),
            expires_at: now.checked_add_millis(600_000).unwrap(),
        };
        let number = store.committer.open_lease(&lease).await.unwrap().unwrap();
        Self {
            alone: store.db.call_begins(),
            store,
            gateway,
            lease,
            number,
            dir,
        }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("farebox.db")
    }

    /// As another process sees it, which nothing is booked for.
    fn beside(&self) -> Db {
        Db::open_read_only(&config(&self.file())).unwrap()
    }

    fn new_call(&self) -> NewCall {
        let call = free(&self.gateway, system_clock()(), call("openai", "gpt-4o"));
        charged(noted(call, json!({ "user": "ada", "try": 2 })), COST)
    }

    fn take(&self) -> Part {
        let most = Amount::from_nanos(2 * COST);
        let leases = self.store.committer.leases();
        let part = leases.take(self.lease.account, most, system_clock()());
        part.unwrap()
    }

    async fn settle_part(&self, part: Part, call: &NewCall) -> Result<Option<Amount>, CommitError> {
        self.settle_as(transfer("post", call.id), part, call).await
    }

    async fn settle_as(
        &self,
        id: TransferId,
        part: Part,
        call: &NewCall,
    ) -> Result<Option<Amount>, CommitError> {
        let post = Operation::Post {
            id,
            account: self.lease.account,
            hold: part.hold,
            amount: Amount::from_nanos(COST),
            last: false,
            reference: "openai/gpt-4o".to_owned(),
        };
        let call = Some(Arc::new(call.clone()));
        self.store
            .committer
            .commit_part(part, vec![post], call)
            .await
    }

    async fn settle(&self) -> LogId {
        let call = self.new_call();
        self.settle_part(self.take(), &call).await.unwrap();
        call.id
    }

    /// Settles until so many are noted at once: now and then somebody books them in between.
    async fn note(&self, count: i64) -> Vec<LogId> {
        let mut made = Vec::new();
        for _ in 0..1000 {
            made.push(self.settle().await);
            if rows(&self.beside(), "noted").await >= count {
                return made;
            }
        }
        panic!("nothing is noted");
    }

    /// The files as a process that dies just then would leave them, with so many notes, but for the lock; and all calls
    /// that are in them.
    async fn left_with(&self, count: i64) -> (TempDir, Vec<LogId>) {
        let mut made = Vec::new();
        loop {
            made.extend(self.note(count).await);
            let left = tempfile::tempdir().unwrap();
            for name in ["farebox.db", "farebox.db-wal"] {
                std::fs::copy(self.dir.path().join(name), left.path().join(name)).unwrap();
            }
            let file = left.path().join("farebox.db");
            let copied = Db::open_read_only(&config(&file)).unwrap();
            if rows(&copied, "noted").await >= count {
                return (left, made);
            }
        }
    }
}

async fn rows(db: &Db, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let row = db.query_opt(&sql, &[]).await.unwrap();
    row.unwrap().int().unwrap()
}

async fn posted(db: &Db) -> i64 {
    rows(db, "transfers WHERE phase = 'post'").await
}

async fn is_right(db: &Db) {
    let audit = audit::check(db).await.unwrap();
    assert!(audit.is_right(), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_finds_it_booked() {
    let shop = Shop::new().await;
    let (db, account) = (&shop.store.db, shop.lease.account);
    let reads: [(&str, &dyn Fn() -> _); 6] = [
        ("query", &|| {
            boxed(async { db.query("SELECT 1", &[]).await.is_ok() })
        }),
        ("each", &|| {
            boxed(async {
                let sql = "SELECT 1 FROM logs WHERE id {IDS}";
                db.query_each(sql, &["x".to_owned()], &[]).await.is_ok()
            })
        }),
        ("long", &|| {
            boxed(async { db.query_long("SELECT 1", &[]).await.is_ok() })
        }),
        ("begin", &|| boxed(async { db.begin().await.is_ok() })),
        ("snapshot", &|| {
            boxed(async { db.begin_snapshot().await.is_ok() })
        }),
        ("execute", &|| {
            boxed(async { db.execute("DELETE FROM settings", &[]).await.is_ok() })
        }),
    ];
    let mut made = 0;
    for (what, read) in reads {
        made += shop.note(1).await.len();
        assert!(read().await, "{what}");
        let beside = shop.beside();
        assert_eq!(rows(&beside, "noted").await, 0, "{what}");
        assert_eq!(
            usize::try_from(posted(&beside).await).unwrap(),
            made,
            "{what}"
        );
    }
    let last = shop.note(1).await.pop().unwrap();
    let charge = charges::find(db, account, last).await.unwrap().unwrap();
    assert_eq!(charge.charge.hold, Some(shop.lease.hold));
    assert_eq!(charge.charge.charged.nanos(), COST);
    is_right(db).await;
}

fn boxed<'a>(
    read: impl Future<Output = bool> + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = bool> + 'a>> {
    Box::pin(read)
}

/// For calls, who wait for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_to_be_available_is_so_before_and_after() {
    let shop = Shop::new().await;
    let (db, account) = (&shop.store.db, shop.lease.account);
    let (beside, mut are_noted) = (shop.beside(), 0);
    for _ in 0..40 {
        let told = shop.settle_part(shop.take(), &shop.new_call()).await;
        are_noted += rows(&beside, "noted").await;
        let found = holds::balances(db, account).await.unwrap();
        let idle = shop.store.committer.leases().idle(account);
        assert_eq!(told.unwrap(), found.available().checked_add(idle));
    }
    assert!(are_noted > 0);
    let idle = shop.store.committer.leases().idle(account).nanos();
    assert_eq!(idle, shop.lease.amount.nanos() - 40 * COST);
}

/// It waits for the connection that writes, and nobody waits for it meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_reads_while_a_settlement_waits() {
    let shop = Shop::new().await;
    let db = &shop.store.db;
    let tx = db.begin().await.unwrap();
    let settles = shop.settle();
    let reads = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            db.query("SELECT 1", &[]).await.unwrap();
        }
        tx.commit().await.unwrap();
    };
    let both = futures_util::future::join(settles, reads);
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(posted(db).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_booked_in_a_moment_though_nobody_asks() {
    let shop = Shop::new().await;
    let made = shop.note(1).await.len();
    let (beside, begun) = (shop.beside(), Instant::now());
    while rows(&beside, "noted").await > 0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(usize::try_from(posted(&beside).await).unwrap(), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_after_many_that_are_noted_books_them() {
    let shop = Shop::new().await;
    let (mut most, beside) = (0, shop.beside());
    for _ in 0..5 * MOST {
        shop.settle().await;
        most = most.max(rows(&beside, "noted").await);
    }
    assert!((1..=MOST).contains(&most), "{most}");
    assert!(posted(&beside).await >= 4 * MOST);
    assert_eq!(posted(&shop.store.db).await, 5 * MOST);
}

/// What another is kept waiting by, what fills a page, and what may yet be refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_noted_is_booked_at_once() {
    let mut shop = Shop::new().await;
    let beside = shop.beside();
    let mut long = shop.new_call();
    let body = ids::opaque().repeat(200);
    let payloads = long.log.as_mut().unwrap().payloads.as_mut().unwrap();
    // Letters that don't repeat: a body that can't be compressed to less than a page.
    let noise: String = (0..200).map(|_| ids::opaque()).collect();
    payloads.response = Some(Body::pack((body + &noise).as_bytes(), 1 << 20));
    shop.settle_part(shop.take(), &long).await.unwrap();
    assert_eq!(
        (rows(&beside, "noted").await, posted(&beside).await),
        (0, 1)
    );

    let other = shop.store.db.call_begins();
    shop.settle().await;
    assert_eq!(
        (rows(&beside, "noted").await, posted(&beside).await),
        (0, 2)
    );
    drop(other);

    // Its hold is gone, as when somebody releases it by hand.
    let part = shop.take();
    let void = money::void(
        shop.lease.account,
        ids::transfer_for("void", ""),
        shop.lease.hold,
    );
    shop.alone = None;
    shop.store.committer.commit_one(void).await.unwrap();
    let refused = shop.settle_part(part, &shop.new_call()).await;
    assert!(
        matches!(refused, Err(CommitError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(
        (rows(&beside, "noted").await, posted(&beside).await),
        (0, 2)
    );
}

/// All that a settlement writes, as text.
async fn written(db: &Db) -> Vec<String> {
    let mut written = Vec::new();
    for (columns, table) in [
        (
            "id, debit, credit, amount, code, phase, hold, reference, at",
            "transfers",
        ),
        ("*", "charges"),
        ("*", "logs"),
        ("*", "log_metadata"),
        ("*", "log_counts"),
    ] {
        let sql = format!("SELECT {columns} FROM {table}");
        for row in db.query(&sql, &[]).await.unwrap() {
            let row = format!("{table} {row:?}");
            // What releases a lease at a start.
            if !row.contains("\"void\"") {
                written.push(row);
            }
        }
    }
    written.sort();
    written
}

/// The same as it would have been booked by the process that died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_has_left_noted_is_booked_at_the_next_start() {
    let shop = Shop::new().await;
    let (left, made) = shop.left_with(2).await;
    let file = left.path().join("farebox.db");
    let last = *made.last().unwrap();
    {
        let beside = Db::open_read_only(&config(&file)).unwrap();
        is_right(&beside).await;
        let charge = notes::charge(&beside, last).await.unwrap().unwrap();
        let account = shop.lease.account;
        assert!(
            charges::find(&beside, account, last)
                .await
                .unwrap()
                .is_none()
        );
        let booked = charges::find(&shop.store.db, account, last).await;
        assert_eq!(charge.charge, booked.unwrap().unwrap().charge);
        assert_eq!(charge.gateway, shop.gateway.seq);
    }
    let store = open(&file).await;
    assert_eq!(written(&store.db).await, written(&shop.store.db).await);
    assert_eq!(
        usize::try_from(posted(&store.db).await).unwrap(),
        made.len()
    );
    assert_eq!(rows(&store.db, "noted").await, 0);
    let released = leases::left_behind(&store.db).await.unwrap();
    assert!(released.is_empty(), "{released:?}");
    is_right(&store.db).await;
}

/// An earlier try may have been noted by a process that died before it knew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_twice_is_once() {
    let shop = Shop::new().await;
    let (db, beside) = (&shop.store.db, shop.beside());
    let (mut made, mut are_noted) = (0, 0);
    while are_noted < 2 {
        let call = shop.new_call();
        for _ in 0..3 {
            shop.settle_part(shop.take(), &call).await.unwrap();
        }
        are_noted = rows(&beside, "noted").await;
        made += 1;
        assert!(made < 1000, "nothing is noted");
        assert_eq!(posted(db).await, made);
    }
    assert_eq!(rows(db, "charges").await, made);
    assert_eq!(rows(db, "logs").await, made);
    is_right(db).await;
}

/// One of them says that it is a call which another has been charged for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_clashes_takes_no_others_with_it() {
    let shop = Shop::new().await;
    let db = &shop.store.db;
    let call = shop.new_call();
    let first = shop.settle_part(shop.take(), &call).await.unwrap();
    assert!(first.is_some());
    let other = ids::transfer_for("other", "");
    // Noted, it is found to clash when it is booked; booked at once, it is refused at once.
    let clashes = shop.settle_as(other, shop.take(), &call).await;
    shop.settle().await;
    assert_eq!(posted(db).await, 2);
    let left = i64::from(clashes.is_ok());
    assert_eq!(rows(db, "noted").await, left);
    shop.settle().await;
    assert_eq!(posted(db).await, 3);
    assert_eq!(rows(db, "noted").await, left);
}

/// As where the disk is full. Nothing is written before what is noted, and nothing of it is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_can_not_be_booked_it_waits() {
    let shop = Shop::new().await;
    let db = &shop.store.db;
    let by_hand = rusqlite::Connection::open(shop.file()).unwrap();
    let rename = |from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        by_hand.execute_batch(&sql).unwrap();
    };
    let (mut made, mut are_noted) = (0, 0);
    while are_noted == 0 {
        made += i64::try_from(shop.note(1).await.len()).unwrap();
        rename("logs", "logs_elsewhere");
        are_noted = rows(&shop.beside(), "noted").await;
        if are_noted == 0 {
            rename("logs_elsewhere", "logs");
        }
    }
    assert!(db.execute("DELETE FROM settings", &[]).await.is_err());
    let credit = money::credit(shop.lease.account, ids::transfer_for("credit", "2"), 1);
    let refused = shop.store.committer.commit_one(credit.clone()).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    assert_eq!(rows(db, "noted").await, are_noted);
    rename("logs_elsewhere", "logs");
    shop.store.committer.commit_one(credit).await.unwrap();
    assert_eq!((rows(db, "noted").await, posted(db).await), (0, made));
    is_right(db).await;
}

/// Its hold is released after it: it is posted first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_closed_after_what_is_noted() {
    let shop = Shop::new().await;
    let (db, account) = (&shop.store.db, shop.lease.account);
    let made = i64::try_from(shop.note(2).await.len()).unwrap();
    let committer = &shop.store.committer;
    assert!(committer.close_lease(account, shop.number).await.unwrap());
    let balances = holds::balances(db, account).await.unwrap();
    assert_eq!(balances.available().nanos(), 1_000_000_000 - made * COST);
    assert_eq!(balances.held(), Amount::ZERO);
    is_right(db).await;
}

/// It can't be, unless somebody changes rows by hand. It is lost to nobody: it stays, and the check names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_is_refused_stays_for_the_operator() {
    let shop = Shop::new().await;
    let (left, _) = shop.left_with(2).await;
    let file = left.path().join("farebox.db");
    let hold = "f".repeat(32);
    {
        let db = Db::open(&config(&file)).unwrap();
        let sql =
            format!("UPDATE noted SET hold = '{hold}' WHERE seq = (SELECT MAX(seq) FROM noted)");
        assert_eq!(db.execute(&sql, &[]).await.unwrap(), 1);
    }
    for _ in 0..2 {
        let store = open(&file).await;
        assert_eq!(rows(&store.db, "noted").await, 1);
        let audit = audit::check(&store.db).await.unwrap();
        let [problem] = audit.problems.as_slice() else {
            panic!("{audit:?}");
        };
        assert_eq!(problem.row, format!("noted, hold {hold}"));
    }
}
