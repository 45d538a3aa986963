//! One face over the two engines: statements with `$1` parameters, and transactions, which may begin
//! and end with many rows at once (`bulk`). The SQL itself is the same for both wherever both accept it.

use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;

use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::store::bulk::{Lookup, Query, Write};
use crate::store::sqlite::Sqlite;
use crate::store::under_way::UnderWay;
use crate::store::value::{Row, Value};
use crate::store::{StoreError, postgres, sqlite};

/// An open database.
#[derive(Debug)]
pub enum Db {
    /// An embedded file.
    Sqlite(Box<Sqlite>),
    /// A server.
    Postgres(deadpool_postgres::Pool),
}

impl Db {
    /// Opens the database that the configuration names, for reading and writing.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has the SQLite file; otherwise
    /// [`StoreError::Database`].
    pub fn open(config: &DatabaseConfig) -> Result<Self, StoreError> {
        match &config.url {
            DatabaseUrl::Sqlite(path) => Ok(Self::Sqlite(Box::new(Sqlite::open(path)?))),
            DatabaseUrl::Postgres(url) => {
                Ok(Self::Postgres(postgres::pool(url, config.pool_size)?))
            }
        }
    }

    /// Opens the database for reading only, beside a process that may be serving it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn open_read_only(config: &DatabaseConfig) -> Result<Self, StoreError> {
        match &config.url {
            DatabaseUrl::Sqlite(path) => Ok(Self::Sqlite(Box::new(Sqlite::open_read_only(path)?))),
            DatabaseUrl::Postgres(_) => Self::open(config),
        }
    }

    /// A call has begun, and is under way until what this returns is dropped. Nothing on PostgreSQL, where that makes
    /// no difference.
    pub fn call_begins(&self) -> Option<UnderWay> {
        match self {
            Self::Sqlite(sqlite) => Some(sqlite.calls.begin()),
            Self::Postgres(_) => None,
        }
    }

    /// Runs one reading statement. What is noted (`noted`) is booked first, as before whatever else reads or writes here but
    /// for calls; where the disk fails, it reads what was booked before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        if let Self::Sqlite(sqlite) = self {
            sqlite.noted.booked().await;
        }
        self.query_for_call(sql, params).await
    }

    /// The same for a call, which waits for no other's settlement: what is noted is not booked first, so that nothing may
    /// be read by it that booking changes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query_for_call(
        &self,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(sql, params),
            Self::Postgres(pool) => query_postgres(&pool.get().await?, sql, params).await,
        }
    }

    /// Runs one reading statement that answers at most one row.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query_opt(&self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs several reading statements for the price of one; their rows are in the order of the statements.
    /// On SQLite they share a connection and a read transaction, on PostgreSQL a way to the server, where
    /// each still sees what was committed before itself. For calls, as [`Db::query_for_call`] is.
    ///
    /// # Errors
    /// [`StoreError::Database`] where any of them fails.
    pub async fn query_together<const N: usize>(
        &self,
        queries: [Query<'_>; N],
    ) -> Result<[Vec<Row>; N], StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read_together(&queries),
            Self::Postgres(pool) => postgres::query_together(&pool.get().await?, &queries).await,
        }
    }

    /// Runs a reading statement for many ids: `{IDS}` stands in it where a column is compared with them,
    /// and `params` are `$2` and on. One call to PostgreSQL, on SQLite a loop.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query_each(
        &self,
        sql: &str,
        ids: &[String],
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.noted.booked().await;
                sqlite.read_each(&sql.replace("{IDS}", "= $1"), ids, params)
            }
            Self::Postgres(pool) => {
                let client = pool.get().await?;
                postgres::query_each(&client, &sql.replace("{IDS}", "= ANY($1)"), ids, params).await
            }
        }
    }

    /// Runs one reading statement that may take long, and whose text is put together from what a caller
    /// wants: it is not kept prepared, since there is no end to such texts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query_long(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.noted.booked().await;
                sqlite.read_long(sql, params)
            }
            Self::Postgres(pool) => postgres::query_long(&pool.get().await?, sql, params).await,
        }
    }

    /// Runs one statement, reading or writing, on a table that may be lost in a crash: on SQLite it is in
    /// memory, on PostgreSQL not logged. Nothing waits for a disk.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query_volatile(
        &self,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.query_volatile(sql, params),
            Self::Postgres(pool) => query_postgres(&pool.get().await?, sql, params).await,
        }
    }

    /// The same alone among all statements of this kind with the same lock, on whatever node.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query_volatile_alone(
        &self,
        lock: i64,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.query_volatile(sql, params),
            Self::Postgres(pool) => {
                postgres::query_alone(&pool.get().await?, lock, sql, params).await
            }
        }
    }

    /// Runs one writing statement in a transaction of its own; returns how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        if let Self::Sqlite(_) = self {
            let mut tx = self.begin().await?;
            let changed = tx.execute(sql, params).await?;
            tx.commit().await?;
            return Ok(changed);
        }
        self.execute_for_call(sql, params).await
    }

    /// The same for a call, as [`Db::query_for_call`] is.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn execute_for_call(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(_) => {
                let mut tx = self.begin_unbooked().await?;
                let changed = tx.execute(sql, params).await?;
                tx.commit().await?;
                Ok(changed)
            }
            // A lone statement is a transaction by itself: one way to the server instead of three.
            Self::Postgres(pool) => {
                let client = pool.get().await?;
                let statement = client.prepare_cached(sql).await?;
                Ok(client
                    .execute(&statement, &postgres::params(params))
                    .await?)
            }
        }
    }

    /// Begins a transaction that may write. On SQLite this waits for the one writer's turn.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        loop {
            let Self::Sqlite(sqlite) = self else {
                return self.begin_unbooked().await;
            };
            if !sqlite.noted.booked().await {
                return Err(StoreError::Database(
                    "what is settled can't be booked".to_owned(),
                ));
            }
            let tx = self.begin_unbooked().await?;
            // Nothing is noted while it is open, so that whoever has it may read by other connections.
            if sqlite.noted.is_empty() {
                return Ok(tx);
            }
        }
    }

    /// The same for whoever notes and books: it doesn't see what is noted.
    pub(super) async fn begin_unbooked(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(sqlite) => {
                let writer = sqlite.writer.clone().lock_owned().await;
                let writing = sqlite.readers.writes.begin();
                writer.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                Ok(Tx(Some(Open::Sqlite(writer, Some(writing)))))
            }
            Self::Postgres(pool) => {
                let client = pool.get().await?;
                client.batch_execute("BEGIN").await?;
                Ok(Tx(Some(Open::Postgres(Box::new(client)))))
            }
        }
    }

    /// Begins a transaction that may write and looks rows up in it, in that order. On PostgreSQL all of
    /// it goes to the server in one piece, since every way there and back is time in which the rows
    /// are locked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_with(
        &self,
        lookups: &[Lookup<'_>],
    ) -> Result<(Tx, Vec<Vec<Row>>), StoreError> {
        match self {
            Self::Sqlite(_) => self.begin().await?.looked_up(lookups),
            Self::Postgres(_) => self.begin_unbooked_with(lookups).await,
        }
    }

    /// The same for whoever books what is noted.
    pub(super) async fn begin_unbooked_with(
        &self,
        lookups: &[Lookup<'_>],
    ) -> Result<(Tx, Vec<Vec<Row>>), StoreError> {
        match self {
            Self::Sqlite(_) => self.begin_unbooked().await?.looked_up(lookups),
            Self::Postgres(pool) => {
                // Open before its BEGIN is sent: dropped half-way, its connection is closed.
                let mut tx = Tx(Some(Open::Postgres(Box::new(pool.get().await?))));
                let found = match tx.open()? {
                    Open::Postgres(client) => postgres::begin_with(client, lookups).await?,
                    Open::Sqlite(..) => Vec::new(),
                };
                Ok((tx, found))
            }
        }
    }

    /// Begins a transaction that reads one consistent picture of the whole database.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_snapshot(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.noted.booked().await;
                let reader = sqlite.reader_of_its_own().await?;
                reader.execute_batch("BEGIN")?;
                Ok(Tx(Some(Open::Sqlite(reader, None))))
            }
            Self::Postgres(pool) => {
                let client = pool.get().await?;
                client
                    .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?;
                Ok(Tx(Some(Open::Postgres(Box::new(client)))))
            }
        }
    }

    /// Whether it is a file of this process alone.
    pub const fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Which engine, for messages.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// An open transaction. Dropped before its commit, it is rolled back.
#[derive(Debug)]
pub struct Tx(Option<Open>);

enum Open {
    /// With what says that it may be writing, until it has ended.
    Sqlite(
        OwnedMutexGuard<Connection>,
        #[expect(dead_code)] Option<UnderWay>,
    ),
    Postgres(Box<deadpool_postgres::Object>),
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(..) => "Sqlite",
            Self::Postgres(_) => "Postgres",
        })
    }
}

impl Tx {
    fn open(&mut self) -> Result<&mut Open, StoreError> {
        self.0.as_mut().ok_or(StoreError::Closed)
    }

    /// With the rows of lookups on SQLite.
    fn looked_up(mut self, lookups: &[Lookup<'_>]) -> Result<(Self, Vec<Vec<Row>>), StoreError> {
        let found = lookups.iter().map(|lookup| self.look_up(lookup));
        let found = found.collect::<Result<_, _>>()?;
        Ok((self, found))
    }

    /// The rows of a lookup on SQLite, where the transaction itself is alone.
    fn look_up(&mut self, lookup: &Lookup<'_>) -> Result<Vec<Row>, StoreError> {
        match self.open()? {
            Open::Sqlite(connection, _) if !lookup.ids.is_empty() => {
                let sql = format!("{} WHERE {} = $1", lookup.select, lookup.key);
                sqlite::query_each(connection, &sql, &lookup.ids)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Runs a statement that answers rows.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self.open()? {
            Open::Sqlite(connection, _) => sqlite::query(connection, sql, params),
            Open::Postgres(client) => query_postgres(client, sql, params).await,
        }
    }

    /// Runs a statement that answers at most one row.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub async fn query_opt(
        &mut self,
        sql: &str,
        params: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs a writing statement; returns how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        match self.open()? {
            Open::Sqlite(connection, _) => sqlite::execute(connection, sql, params),
            Open::Postgres(client) => {
                let statement = client.prepare_cached(sql).await?;
                Ok(client
                    .execute(&statement, &postgres::params(params))
                    .await?)
            }
        }
    }

    /// Runs a writing statement for many keys: `{KEYS}` stands in it where a column is compared with them.
    /// One call to PostgreSQL, on SQLite a loop. Returns how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn execute_keys(&mut self, sql: &str, keys: &[String]) -> Result<u64, StoreError> {
        match self.open()? {
            Open::Sqlite(connection, _) => {
                sqlite::execute_keys(connection, &sql.replace("{KEYS}", "= $1"), keys)
            }
            Open::Postgres(client) => {
                postgres::execute_keys(client, &sql.replace("{KEYS}", "= ANY($1)"), keys).await
            }
        }
    }

    /// Runs a script of statements without parameters, as a migration is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        match self.open()? {
            Open::Sqlite(connection, _) => Ok(connection.execute_batch(sql)?),
            Open::Postgres(client) => Ok(client.batch_execute(sql).await?),
        }
    }

    /// Writes many rows and makes the transaction durable on this thread, which waits for the disk: for
    /// the committer, which has a thread of its own, or is alone. On PostgreSQL everything goes to the server in one
    /// piece; where a write fails, the server rolls back at the `COMMIT` that follows it.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`]: nothing was written. [`StoreError::Database`]: whether it took effect
    /// is unknown.
    pub async fn insert_and_commit(mut self, writes: &[Write<'_>]) -> Result<(), StoreError> {
        let writes = || writes.iter().filter(|write| !write.rows.is_empty());
        match self.open()? {
            Open::Sqlite(connection, _) => {
                for write in writes() {
                    sqlite::execute_each(connection, write.insert.row_sql(), &write.rows)?;
                }
                self.commit_sqlite()
            }
            Open::Postgres(client) => {
                postgres::insert_and_commit(client, writes()).await?;
                self.0 = None;
                Ok(())
            }
        }
    }

    /// Ends the transaction without effect, and keeps its connection.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn roll_back(mut self) -> Result<(), StoreError> {
        if let Some(Open::Postgres(client)) = &self.0 {
            client.batch_execute("ROLLBACK").await?;
            self.0 = None;
        }
        Ok(())
    }

    /// Makes the transaction durable, off the async threads.
    ///
    /// # Errors
    /// [`StoreError::Database`]: whether it took effect is unknown.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        match &self.0 {
            Some(Open::Postgres(client)) => {
                client.batch_execute("COMMIT").await?;
                self.0 = None;
                Ok(())
            }
            _ => tokio::task::spawn_blocking(move || self.commit_sqlite())
                .await
                .map_err(|_| StoreError::Closed)?,
        }
    }

    fn commit_sqlite(mut self) -> Result<(), StoreError> {
        if let Some(Open::Sqlite(connection, _)) = &self.0 {
            connection.prepare_cached("COMMIT")?.execute([])?;
            self.0 = None;
        }
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Open::Sqlite(connection, _)) => {
                if let Err(error) = connection.execute_batch("ROLLBACK") {
                    tracing::error!(%error, "could not roll back");
                }
            }
            // A connection with a transaction open must not go back to the pool: closing it is what
            // rolls back on the server.
            Some(Open::Postgres(client)) => drop(deadpool_postgres::Object::take(*client)),
            None => {}
        }
    }
}

async fn query_postgres(
    client: &deadpool_postgres::Client,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &postgres::params(params)).await?;
    rows.iter().map(postgres::row).collect()
}
