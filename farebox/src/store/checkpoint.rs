//! Copies SQLite's write-ahead log into the database file beside whoever writes.
//!
//! SQLite's own way lets the commit that fills the log wait until all of it is copied. Here a thread copies
//! while others write, again and again until little is left, and copies that in the writer's turn. The next
//! commit finds that all is copied and starts the log from its beginning.
//!
//! It waits for no reader: one that reads an old picture of the database for minutes keeps the log from
//! starting anew for so long, and nobody else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{Mutex as AsyncMutex, oneshot, watch};

use crate::store::StoreError;
use crate::store::readers::Readers;
use crate::store::sqlite::connect;

/// When the log is copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Once it has so many pages (of 4 KiB). Pages that many commits have changed are then copied once.
    pub pages: u32,
    /// And not again before this has passed: where a reader is in the way, it will be for a while.
    pub pause: Duration,
    /// How often what idle connections have open is closed: another program may want to copy the log.
    pub idle: Duration,
}

impl Pace {
    /// 128 MB. Calls write 32 MB several times a second, mostly the same pages.
    pub const USUAL: Self = Self {
        pages: 32_000,
        pause: Duration::from_millis(250),
        idle: Duration::from_secs(1),
    };

    /// To how many bytes the file is cut when the log starts anew. What is below is kept, since a commit
    /// over blocks that are there is cheaper than one that appends.
    fn kept_bytes(self) -> i64 {
        i64::from(self.pages) * 4096 * 4
    }
}

/// How often the log is copied beside the writer before it is the writer's turn. Each time there is only
/// what was written meanwhile; and only where nothing was, SQLite syncs the database file, which should
/// have happened before anybody waits for it.
const PASSES: usize = 8;

/// How long most reads take at most, with an old picture of the database that is in the way.
const A_READ: Duration = Duration::from_millis(1);

/// How many pages the log has after the writer's last commit.
pub(super) type Grown = watch::Receiver<u32>;

/// Has the writer tell how long the log is. It copies the log itself where nobody listens any more.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) fn follow(writer: &mut Connection, pace: Pace) -> Result<Grown, StoreError> {
    writer.pragma_update(None, "journal_size_limit", pace.kept_bytes())?;
    let (told, grown) = watch::channel(0);
    writer.wal_hook(Some(
        move |log: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            let pages = u32::try_from(pages).unwrap_or(0);
            let is_due = pages >= pace.pages;
            if is_due && told.is_closed() {
                // The commit has happened, and an error here would say that it hasn't.
                let _ = log.checkpoint();
            }
            told.send_if_modified(|known| {
                *known = pages;
                is_due
            });
            Ok(())
        },
    ))?;
    Ok(grown)
}

/// The thread that copies. It ends, and lets go of the file, before this is gone.
#[derive(Debug)]
pub(super) struct Checkpoints {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts it for the database at this path, whose writer is followed.
    ///
    /// # Errors
    /// [`StoreError::Database`] where the system gives no thread.
    pub(super) fn start(
        path: &Path,
        readers: Arc<Readers>,
        writer: Arc<AsyncMutex<Connection>>,
        grown: Grown,
        pace: Pace,
    ) -> Result<Self, StoreError> {
        let copier = Copier {
            path: path.to_owned(),
            readers,
            writer,
            grown,
            pace,
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || {
                if let Err(error) = copier.run(stopped) {
                    tracing::error!(%error, "from now on commits wait while the log is copied");
                }
            })
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has said itself what it failed at.
            let _ = thread.join();
        }
    }
}

struct Copier {
    path: PathBuf,
    /// Before the writer, which closes the database where nobody else has it.
    readers: Arc<Readers>,
    writer: Arc<AsyncMutex<Connection>>,
    grown: Grown,
    pace: Pace,
}

impl Copier {
    /// In a runtime of its own, since the program's may be gone before the database is.
    fn run(self, stopped: oneshot::Receiver<()>) -> Result<(), StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| StoreError::Database(error.to_string()))?;
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => Ok(()),
                failed = self.copy_on() => failed,
            }
        })
    }

    async fn copy_on(mut self) -> Result<(), StoreError> {
        self.is_due().await?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(&self.path, flags)?;
        loop {
            self.copy(&connection).await?;
            tokio::time::sleep(self.pace.pause).await;
            self.is_due().await?;
        }
    }

    async fn is_due(&mut self) -> Result<(), StoreError> {
        loop {
            let told = tokio::time::timeout(self.pace.idle, self.grown.changed()).await;
            let Ok(told) = told else {
                self.readers.close_idle();
                continue;
            };
            told.map_err(|_| StoreError::Closed)?;
            if *self.grown.borrow_and_update() >= self.pace.pages {
                return Ok(());
            }
        }
    }

    async fn copy(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.copy_beside(connection).await? {
            let _turn = self.writer.lock().await;
            // What is read meanwhile isn't kept open either, or the next commit would go on in the same log.
            let _writing = self.readers.writes.begin();
            self.readers.close_idle();
            pass(connection)?;
        }
        Ok(())
    }

    /// Copies until nothing was written meanwhile, or often enough. Says whether nobody was in the way at last.
    async fn copy_beside(&self, connection: &Connection) -> Result<bool, StoreError> {
        let mut before = None;
        for _ in 0..PASSES {
            self.readers.close_idle();
            let pages = pass(connection)?;
            if pages.is_some() && pages == before {
                break;
            }
            if pages.is_none() {
                tokio::time::sleep(A_READ).await;
            }
            before = pages;
        }
        Ok(before.is_some())
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        // Nobody is there any more to close what is open, when the writer copies the log itself.
        self.readers.keep_nothing_open();
    }
}

/// Copies what nobody is in the way of, and waits for nobody. Returns how many pages the log had, where all
/// of them are copied now.
fn pass(connection: &Connection) -> Result<Option<i32>, StoreError> {
    let passed = connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE);
    match passed {
        Ok((pages, copied)) => Ok((pages == copied).then_some(pages)),
        // Another process copies.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use futures_util::future::join_all;
    use ledger::{Account, AccountId, Amount, Code, Operation};
    use tempfile::TempDir;

    use super::*;
    use crate::app::system_clock;
    use crate::ids;
    use crate::store::committer::Committer;
    use crate::store::db::Db;
    use crate::store::sqlite::{Sqlite, with_suffix};
    use crate::store::{Store, accounts, audit, migrate};

    const PACE: Pace = Pace {
        pages: 64,
        pause: Duration::from_millis(5),
        idle: Duration::from_millis(5),
    };

    /// What the log may come to where nothing is in the way: much less than is written in that time.
    const MOST: u64 = 4000 * 4096;

    /// A store with an account, and how much was written into it.
    struct Books {
        store: Store,
        account: AccountId,
        path: PathBuf,
        credits: AtomicU64,
        longest: AtomicU64,
        _dir: TempDir,
    }

    async fn open(path: &Path, pace: Pace) -> Db {
        let db = Db::Sqlite(Box::new(Sqlite::open_at(path, pace).unwrap()));
        migrate::migrate(&db).await.unwrap();
        db
    }

    fn wal(path: &Path) -> PathBuf {
        with_suffix(path, "-wal")
    }

    fn size(path: &Path) -> u64 {
        std::fs::metadata(wal(path)).map_or(0, |file| file.len())
    }

    /// How often the log has started anew, which is a number in its header.
    fn starts(path: &Path) -> u32 {
        let mut header = [0; 16];
        let mut log = std::fs::File::open(wal(path)).unwrap();
        log.read_exact(&mut header).unwrap();
        let [.., a, b, c, d] = header;
        u32::from_be_bytes([a, b, c, d])
    }

    impl Books {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("test.db");
            let db = Arc::new(open(&path, PACE).await);
            let account = ids::account();
            let now = system_clock()();
            accounts::create(&db, account, "test", now).await.unwrap();
            let committer = Committer::start(db.clone(), 64, system_clock(), |_| ()).unwrap();
            Self {
                store: Store { db, committer },
                account,
                path,
                credits: AtomicU64::new(0),
                longest: AtomicU64::new(0),
                _dir: dir,
            }
        }

        async fn write(&self) {
            let number = self.credits.fetch_add(1, Ordering::SeqCst);
            let credit = Operation::Transfer {
                id: ids::transfer_for("test", &number.to_string()),
                debit: Account::Promotions,
                credit: Account::Customer(self.account),
                amount: Amount::from_nanos(1),
                code: Code::Promotion,
                reference: String::new(),
            };
            let asked = Instant::now();
            self.store.committer.commit_one(credit).await.unwrap();
            let took = u64::try_from(asked.elapsed().as_millis()).unwrap();
            self.longest.fetch_max(took, Ordering::SeqCst);
        }

        /// Four callers write without a rest until this is so.
        async fn write_until(&self, what: &str, is_so: impl Fn() -> bool) {
            let writers = (0..4).map(async |_| {
                while !is_so() {
                    self.write().await;
                }
            });
            let written = tokio::time::timeout(Duration::from_secs(60), join_all(writers)).await;
            let log = (starts(&self.path), size(&self.path));
            assert!(written.is_ok(), "{what}: {log:?}");
        }

        /// Two callers read without a rest until this is so.
        async fn read_until(&self, is_so: impl Fn() -> bool) {
            let readers = (0..2).map(async |_| {
                while !is_so() {
                    let sum = "SELECT SUM(amount) FROM (SELECT amount FROM transfers LIMIT 100)";
                    self.store.db.query_opt(sum, &[]).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            join_all(readers).await;
        }

        async fn are_right(self) {
            let audit = audit::check(&self.store.db).await.unwrap();
            assert!(audit.is_right(), "{audit:?}");
            assert_eq!(audit.transfers, self.credits.load(Ordering::SeqCst));
        }
    }

    fn kept() -> u64 {
        PACE.kept_bytes().try_into().unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_log_starts_anew_beside_writers_and_readers_that_never_rest() {
        let books = Books::new().await;
        let largest = AtomicU64::new(0);
        let aim = starts(&books.path) + 20;
        let has_started = || {
            largest.fetch_max(size(&books.path), Ordering::SeqCst);
            starts(&books.path) >= aim
        };
        let written = books.write_until("20 starts", has_started);
        tokio::join!(written, books.read_until(has_started));
        let largest = largest.load(Ordering::SeqCst);
        assert!(largest < MOST, "{largest}");
        let is_cut = || size(&books.path) <= kept();
        books.write_until("the file is cut", is_cut).await;
        books.are_right().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_written_meanwhile_is_copied_in_the_writers_turn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let once = Pace {
            pages: 300,
            pause: Duration::from_secs(3600),
            ..PACE
        };
        let db = open(&path, once).await;
        let insert = "INSERT INTO settings (name, value) VALUES ($1, $2)";
        let many_pages = "x".repeat(2_000_000);
        let mut first = db.begin().await.unwrap();
        let params = ["first".into(), many_pages.into()];
        first.execute(insert, &params).await.unwrap();
        // Begins as soon as the first one has ended, when nothing of it can have been copied.
        let second = async {
            let mut second = db.begin().await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            let params = ["second".into(), "x".into()];
            second.execute(insert, &params).await.unwrap();
            second.commit().await.unwrap();
        };
        let (_, committed) = tokio::join!(second, first.commit());
        committed.unwrap();
        let before = starts(&path);
        let params = ["third".into(), "x".into()];
        db.execute(insert, &params).await.unwrap();
        assert_eq!(starts(&path), before + 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_reader_that_takes_long_keeps_the_log_and_holds_nobody_up() {
        let books = Books::new().await;
        let aim = starts(&books.path) + 1;
        books
            .write_until("a start", || starts(&books.path) >= aim)
            .await;
        let count = "SELECT COUNT(*) FROM transfers";
        let mut reader = books.store.db.begin_snapshot().await.unwrap();
        let before = reader.query_opt(count, &[]).await.unwrap();
        let before = before.unwrap().int().unwrap();
        // The writer that is under way may still start it anew for once.
        books.write().await;
        let before_it = starts(&books.path);
        let has_grown = || size(&books.path) > 4 * kept();
        books.write_until("the log grows", has_grown).await;
        assert_eq!(starts(&books.path), before_it, "under a reader");
        let picture = reader.query_opt(count, &[]).await.unwrap();
        assert_eq!(picture.unwrap().int().unwrap(), before);
        drop(reader);
        let is_cut = || starts(&books.path) > before_it && size(&books.path) <= kept();
        books.write_until("the file is cut", is_cut).await;
        let longest = books.longest.load(Ordering::SeqCst);
        assert!(longest < 4000, "a caller waited for {longest} ms");
        books.are_right().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_closes_the_database_has_closed_it_everywhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let sql = "INSERT INTO settings (name, value) VALUES ($1, 'x')";
        for round in 0..10 {
            let db = open(&path, PACE).await;
            for number in 0..20 * round {
                let name = format!("{round} {number}");
                db.execute(sql, &[name.into()]).await.unwrap();
            }
            // By a connection of its own, which may have it open still.
            db.query("SELECT 1 FROM settings", &[]).await.unwrap();
            drop(db);
            // The last to close the file removes it.
            assert!(!wal(&path).exists(), "round {round}");
        }
        let count = open(&path, PACE).await;
        let count = count.query_opt("SELECT COUNT(*) FROM settings", &[]).await;
        assert_eq!(count.unwrap().unwrap().int().unwrap(), 20 * 45);
    }

    #[test]
    fn a_writer_to_whom_nobody_listens_copies_the_log_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let mut writer = connect(&path, OpenFlags::default()).unwrap();
        drop(follow(&mut writer, PACE).unwrap());
        writer.execute_batch("CREATE TABLE t (x)").unwrap();
        for _ in 0..500 {
            writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
        }
        assert!(size(&path) < kept(), "{}", size(&path));
    }
}
