//! SQLite: one writing connection, a few reading ones, and the lock that keeps a second process out.
//!
//! Statements run where they are called, not on a thread of their own: a point read out of the page
//! cache takes microseconds, less than handing it over. Commits, which wait for the disk, are moved
//! off the async threads by the callers that are on one, unless nobody else is there to be kept waiting
//! (`Committer::note_or_put`).

use std::borrow::Cow;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::checkpoint::{self, Checkpoints, Pace};
use crate::store::noted::Noted;
use crate::store::readers::Readers;
use crate::store::under_way::Counter;
use crate::store::value::{Row, Value};

/// How many prepared statements a connection keeps.
const STATEMENT_CACHE: usize = 128;

/// The tables of the database in memory.
const VOLATILE: &str = include_str!("../../migrations/0010_rate_counts.sql");

/// An open database file.
#[derive(Debug)]
pub struct Sqlite {
    /// Before the writer, which closes the database where nobody else has it.
    pub(super) readers: Arc<Readers>,
    pub(super) writer: Arc<AsyncMutex<Connection>>,
    pub(super) calls: Arc<Counter>,
    pub(super) noted: Noted,
    /// A database in memory, for what is worth nothing after this process.
    volatile: Mutex<Connection>,
    /// Before the lock: it has the file open.
    _checkpoints: Option<Checkpoints>,
    /// Held for as long as the database is open; the system lets go of it when the process dies.
    _lock: Option<File>,
}

impl Sqlite {
    /// Opens the file for reading and writing, creating it if need be, and locks out other processes.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has it; [`StoreError::Database`] otherwise.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_at(path, Pace::USUAL)
    }

    pub(super) fn open_at(path: &Path, pace: Pace) -> Result<Self, StoreError> {
        let lock = lock_out_others(path)?;
        let mut writer = connect(path, OpenFlags::default())?;
        let grown = checkpoint::follow(&mut writer, pace)?;
        let mut sqlite = Self::over(path, writer, Some(lock))?;
        let (readers, writer) = (sqlite.readers.clone(), sqlite.writer.clone());
        let checkpoints = Checkpoints::start(path, readers, writer, grown, pace)?;
        sqlite._checkpoints = Some(checkpoints);
        Ok(sqlite)
    }

    /// Opens the file for reading only, beside a process that may be serving it: write-ahead logging
    /// gives each read transaction a consistent picture.
    ///
    /// # Errors
    /// [`StoreError::Database`] where there is no such file.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(|error| {
            StoreError::Database(format!("can't open {}: {error}", path.display()))
        })?;
        Self::over(path, reader, None)
    }

    fn over(path: &Path, writer: Connection, lock: Option<File>) -> Result<Self, StoreError> {
        let volatile = Connection::open_in_memory()?;
        volatile.execute_batch(&VOLATILE.replace("{UNLOGGED}", ""))?;
        let readers = Arc::new(Readers::new(path));
        if lock.is_none() {
            // Another process may write at any time.
            readers.keep_nothing_open();
        }
        Ok(Self {
            readers,
            writer: Arc::new(AsyncMutex::new(writer)),
            calls: Arc::default(),
            noted: Noted::default(),
            volatile: Mutex::new(volatile),
            _checkpoints: None,
            _lock: lock,
        })
    }

    /// Runs one statement on the database in memory, which is nobody else's meanwhile.
    pub(super) fn query_volatile(
        &self,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let volatile = self.volatile.lock();
        query(
            &volatile.unwrap_or_else(PoisonError::into_inner),
            sql,
            params,
        )
    }

    /// Runs one reading statement on a connection of its own.
    pub(super) fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.readers
            .read(|reader| query(&reader.connection, sql, params))
    }

    /// Runs several reading statements in one transaction. For a call that is alone the connection that writes
    /// reads: it knows what it has written itself, where another fetches each page anew that was changed since.
    pub(super) fn read_together<const N: usize>(
        &self,
        queries: &[Query<'_>; N],
    ) -> Result<[Vec<Row>; N], StoreError> {
        // None is under way until it is known whose it is.
        if self.calls.count() <= 1
            && let Ok(writer) = self.writer.try_lock()
        {
            return query_together(&writer, queries);
        }
        self.readers.read(|reader| reader.query_together(queries))
    }

    /// Runs one reading statement once for each of the ids, which is `$1`.
    pub(super) fn read_each(
        &self,
        sql: &str,
        ids: &[String],
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        self.readers.read(|reader| {
            let rows = ids.iter().map(|id| {
                let params = [&[id.into()], params].concat();
                query(&reader.connection, sql, &params)
            });
            let rows: Result<Vec<_>, _> = rows.collect();
            Ok(rows?.concat())
        })
    }

    /// The same for a statement that may take long and is not kept: other tasks move to other threads
    /// meanwhile.
    pub(super) fn read_long(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.readers.read(|reader| {
            aside(|| {
                let mut statement = reader.connection.prepare(sql)?;
                bind(&mut statement, params)?;
                let mut answer = Vec::new();
                read_rows(&mut statement, &mut answer)?;
                Ok(answer)
            })
        })
    }

    /// A reading connection that is nobody else's, for a transaction that may last.
    pub(super) async fn reader_of_its_own(
        &self,
    ) -> Result<OwnedMutexGuard<Connection>, StoreError> {
        let reader = self.readers.take_for_good()?;
        Ok(Arc::new(AsyncMutex::new(reader)).lock_owned().await)
    }
}

/// Takes the lock file beside the database and writes our process number into it.
fn lock_out_others(path: &Path) -> Result<File, StoreError> {
    let lock_path = with_suffix(path, ".lock");
    let failed = |error: std::io::Error| {
        StoreError::Database(format!("can't open {}: {error}", lock_path.display()))
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut file)),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0)
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(file)
}

fn in_use(path: &Path, lock: &mut File) -> StoreError {
    let mut pid = String::new();
    let read = lock.rewind().and_then(|()| lock.read_to_string(&mut pid));
    let holder = match read {
        Ok(_) if !pid.is_empty() => format!(" (pid {pid})"),
        _ => String::new(),
    };
    StoreError::InUse {
        path: path.display().to_string(),
        holder,
    }
}

/// The path with something appended to its last part: SQLite's own companions are named so.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::Database(format!("can't open {}: {error}", path.display())))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // Otherwise a plan may depend on what is bound, and a statement is prepared anew for each other value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // FULL: a commit has reached the disk before anyone is told of it. Never relaxed for speed.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;",
    )?;
    Ok(connection)
}

/// Does what keeps its thread busy. A runtime of one thread has nowhere else to put its tasks.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    let flavor = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Runs a statement that answers rows.
pub(super) fn query(
    connection: &Connection,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let mut answer = Vec::new();
    read_rows(&mut statement, &mut answer)?;
    Ok(answer)
}

/// Runs statements that answer rows in a transaction.
pub(super) fn query_together<const N: usize>(
    connection: &Connection,
    queries: &[Query<'_>; N],
) -> Result<[Vec<Row>; N], StoreError> {
    let mut answers = [const { Vec::new() }; N];
    connection.prepare_cached("BEGIN")?.execute([])?;
    let mut pairs = answers.iter_mut().zip(queries);
    let read: Result<(), StoreError> = pairs.try_for_each(|(answer, Query { sql, params })| {
        *answer = query(connection, sql, params)?;
        Ok(())
    });
    // Also after an error, which comes first: the connection may be the one that writes.
    let ended = connection.prepare_cached("COMMIT");
    let ended = ended.and_then(|mut commit| commit.execute([]));
    read?;
    ended?;
    Ok(answers)
}

/// Runs a statement with the one parameter `$1` for each of the keys.
pub(super) fn query_each(
    connection: &Connection,
    sql: &str,
    keys: &[String],
) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut answer = Vec::with_capacity(keys.len());
    for key in keys {
        statement.raw_bind_parameter(1, key)?;
        read_rows(&mut statement, &mut answer)?;
    }
    Ok(answer)
}

fn read_rows(
    statement: &mut rusqlite::Statement<'_>,
    answer: &mut Vec<Row>,
) -> Result<(), StoreError> {
    let width = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            columns.push(read_column(row.get_ref(index)?)?);
        }
        answer.push(Row::new(columns));
    }
    Ok(())
}

/// Runs a statement that answers nothing; returns how many rows it changed.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    params: &[Value],
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    Ok(statement.raw_execute()? as u64)
}

/// Runs a statement with the one parameter `$1` for each of the keys; returns how many rows it changed.
pub(super) fn execute_keys(
    connection: &Connection,
    sql: &str,
    keys: &[String],
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut changed: u64 = 0;
    for key in keys {
        statement.raw_bind_parameter(1, key)?;
        changed = changed.saturating_add(statement.raw_execute()? as u64);
    }
    Ok(changed)
}

/// Runs a statement that answers nothing for each of the rows. Its parameters must be `$1`, `$2` … in
/// the order of their numbers, so that a row's values are bound by their places.
pub(super) fn execute_each(
    connection: &Connection,
    sql: &str,
    rows: &[Vec<Value>],
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    for row in rows {
        for (index, value) in (1..).zip(row) {
            bind_one(&mut statement, index, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

/// Binds `$1`, `$2` … by name: SQLite numbers such parameters in the order in which they appear in
/// the text, PostgreSQL by the number in the name, and only the name means the same to both.
fn bind(statement: &mut rusqlite::Statement<'_>, params: &[Value]) -> Result<(), StoreError> {
    const NAMES: [&str; 26] = [
        "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14",
        "$15", "$16", "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26",
    ];
    for (number, value) in (1..).zip(params) {
        let name = match NAMES.get(number - 1) {
            Some(name) => Cow::Borrowed(*name),
            None => Cow::Owned(format!("${number}")),
        };
        let index = statement
            .parameter_index(&name)?
            .ok_or_else(|| StoreError::Database(format!("the statement has no {name}")))?;
        bind_one(statement, index, value)?;
    }
    Ok(())
}

fn bind_one(
    statement: &mut rusqlite::Statement<'_>,
    index: usize,
    value: &Value,
) -> Result<(), StoreError> {
    match value {
        Value::Null => statement.raw_bind_parameter(index, rusqlite::types::Null)?,
        Value::Int(int) => statement.raw_bind_parameter(index, int)?,
        Value::Text(text) => statement.raw_bind_parameter(index, text.as_str())?,
        Value::Bytes(bytes) => statement.raw_bind_parameter(index, bytes.as_slice())?,
    }
    Ok(())
}

fn read_column(column: ValueRef<'_>) -> Result<Value, StoreError> {
    match column {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(StoreError::corrupt("a text is not UTF-8")),
        },
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_owned())),
        ValueRef::Real(_) => Err(StoreError::corrupt("a column is a float")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What a connection of its own would read anew after every commit.
    #[test]
    fn a_call_that_is_alone_reads_by_the_connection_that_writes() {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&dir.path().join("test.db")).unwrap();
        let read = || {
            let queries = [Query {
                sql: "SELECT 1",
                params: Vec::new(),
            }];
            let [found] = sqlite.read_together(&queries).unwrap();
            assert_eq!(found.len(), 1);
            sqlite.readers.idle().len()
        };
        let _one = sqlite.calls.begin();
        assert_eq!(read(), 0);
        let others = sqlite.calls.begin();
        assert_eq!(read(), 1, "somebody else may want to write");
        drop(others);
        sqlite.readers.idle().clear();
        assert_eq!(read(), 0);
        let writer = sqlite.writer.try_lock().unwrap();
        assert_eq!(read(), 1, "somebody else does");
        drop(writer);
    }
}
