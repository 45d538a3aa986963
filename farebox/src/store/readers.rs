//! SQLite's reading connections.
//!
//! To begin and to end a read costs locks of the file, more than a point read does. No other process writes, so that this
//! one knows when nobody has: a connection keeps open what it sees of the database, and reads on in it for as long as
//! no transaction that may write has begun since. That is what it would see anew; nothing is kept but a lock.
//!
//! What is open keeps the write-ahead log from being copied and from starting anew: whoever copies it has what is idle
//! closed (`close_idle`), and does so now and then for others who might.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::sqlite::{connect, query, query_together};
use crate::store::under_way::Counter;
use crate::store::value::Row;

/// The reading connections that nobody uses.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// The transactions that may write.
    pub(super) writes: Arc<Counter>,
    idle: Mutex<Vec<Reader>>,
}

/// A reading connection.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) connection: Connection,
    /// After how many transactions it began the read that it has open.
    sees: Option<u64>,
}

impl Readers {
    /// Of the database at this path.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            writes: Arc::default(),
            idle: Mutex::default(),
        }
    }

    /// Reads what is committed by now.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reader = self.take()?;
        reader.look(self.writes.settled())?;
        // After an error the connection is closed, and with it what it has open.
        let answer = read(&reader)?;
        self.put_back(reader);
        Ok(answer)
    }

    /// Makes it idle, with what it has open only where nobody has begun to write since.
    fn put_back(&self, mut reader: Reader) {
        let mut idle = self.idle();
        // Under the lock: whoever begins after this finds it among the idle ones.
        if reader.sees.is_some() && reader.sees != self.writes.settled() {
            drop(idle);
            if reader.look(None).is_err() {
                return;
            }
            idle = self.idle();
        }
        idle.push(reader);
    }

    /// A connection that is nobody else's from now on, with nothing open.
    pub(super) fn take_for_good(&self) -> Result<Connection, StoreError> {
        let mut reader = self.take()?;
        reader.look(None)?;
        Ok(reader.connection)
    }

    /// From now on every read ends at once.
    pub(super) fn keep_nothing_open(&self) {
        // As if somebody began to write and never ended.
        std::mem::forget(self.writes.begin());
        self.close_idle();
    }

    /// Closes what idle connections have open.
    pub(super) fn close_idle(&self) {
        // One that can't is closed itself.
        self.idle().retain_mut(|reader| reader.look(None).is_ok());
    }

    fn take(&self) -> Result<Reader, StoreError> {
        if let Some(reader) = self.idle().pop() {
            return Ok(reader);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(&self.path, flags)?;
        Ok(Reader {
            connection,
            sees: None,
        })
    }

    pub(super) fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Has what is committed in sight. `now` says after how many transactions; while one may be writing nothing is kept
    /// open.
    fn look(&mut self, now: Option<u64>) -> Result<(), StoreError> {
        if self.sees == now {
            return Ok(());
        }
        if self.sees.take().is_some() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        if now.is_some() {
            // It sees what is committed when it first reads, which is later.
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.sees = now;
        }
        Ok(())
    }

    /// Runs reading statements that all see the same.
    pub(super) fn query_together<const N: usize>(
        &self,
        queries: &[Query<'_>; N],
    ) -> Result<[Vec<Row>; N], StoreError> {
        if self.sees.is_none() {
            return query_together(&self.connection, queries);
        }
        let mut answers = [const { Vec::new() }; N];
        for (answer, Query { sql, params }) in answers.iter_mut().zip(queries) {
            *answer = query(&self.connection, sql, params)?;
        }
        Ok(answers)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::checkpoint::Pace;
    use crate::store::sqlite::Sqlite;

    /// A database with an empty table, and where it is.
    fn with_a_table(idle: Duration) -> (Sqlite, PathBuf, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let usual = Pace::USUAL;
        let sqlite = Sqlite::open_at(&path, Pace { idle, ..usual }).unwrap();
        write(&sqlite, "CREATE TABLE t (x)");
        (sqlite, path, dir)
    }

    fn count(sqlite: &Sqlite) -> i64 {
        let mut rows = sqlite.read("SELECT COUNT(*) FROM t", &[]).unwrap();
        rows.pop().unwrap().int().unwrap()
    }

    /// What the one idle connection has open.
    fn open(sqlite: &Sqlite) -> Option<u64> {
        let idle = sqlite.readers.idle();
        assert_eq!(idle.len(), 1);
        let reader = &idle[0];
        assert_eq!(reader.connection.is_autocommit(), reader.sees.is_none());
        reader.sees
    }

    fn write(sqlite: &Sqlite, sql: &str) {
        let _writing = sqlite.readers.writes.begin();
        let writer = sqlite.writer.try_lock().unwrap();
        writer.execute_batch(sql).unwrap();
    }

    #[test]
    fn a_read_is_kept_open_until_somebody_writes() {
        let (sqlite, path, _dir) = with_a_table(Duration::from_secs(3600));
        for _ in 0..2 {
            assert_eq!((count(&sqlite), open(&sqlite)), (0, Some(1)));
        }
        write(&sqlite, "INSERT INTO t VALUES (1)");
        assert_eq!((count(&sqlite), open(&sqlite)), (1, Some(2)));

        // Whoever reads while somebody writes keeps nothing, however that ends.
        let writing = sqlite.readers.writes.begin();
        assert_eq!((count(&sqlite), open(&sqlite)), (1, None));
        drop(writing);
        assert_eq!((count(&sqlite), open(&sqlite)), (1, Some(3)));

        sqlite.readers.close_idle();
        assert_eq!(open(&sqlite), None);
        // Nor whoever was reading when somebody began.
        let meanwhile = |_: &Reader| {
            drop(sqlite.readers.writes.begin());
            Ok(())
        };
        sqlite.readers.read(meanwhile).unwrap();
        assert_eq!(open(&sqlite), None);
        let one = Query {
            sql: "SELECT x FROM t",
            params: Vec::new(),
        };
        let _others = [sqlite.calls.begin(), sqlite.calls.begin()];
        let [found] = sqlite.read_together(&[one]).unwrap();
        assert_eq!((found.len(), open(&sqlite)), (1, Some(4)));
        let own = sqlite.readers.take_for_good().unwrap();
        assert!(own.is_autocommit());

        // Another process has no way to know.
        let beside = Sqlite::open_read_only(&path).unwrap();
        assert_eq!((count(&beside), open(&beside)), (1, None));
        write(&sqlite, "INSERT INTO t VALUES (2)");
        assert_eq!(count(&beside), 2);
    }

    /// Another program may want to copy the log.
    #[test]
    fn what_nobody_reads_any_more_is_closed() {
        let (sqlite, _path, _dir) = with_a_table(Duration::from_millis(5));
        assert_eq!(count(&sqlite), 0);
        let mut looks = 0..10_000;
        while open(&sqlite).is_some() {
            assert!(looks.next().is_some(), "it is never closed");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
