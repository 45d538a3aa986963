//! One face over the two engines: statements with `$1` parameters, transactions, and writes of many
//! rows at once. The SQL itself is the same for both wherever both accept it.

use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;
use tokio_postgres::types::ToSql;

use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::store::sqlite::Sqlite;
use crate::store::value::{Row, Value};
use crate::store::{StoreError, postgres, sqlite};

/// An open database.
#[derive(Debug)]
pub enum Db {
    /// An embedded file.
    Sqlite(Sqlite),
    /// A server.
    Postgres(deadpool_postgres::Pool),
}

/// Whether a read locks the rows that it finds until the end of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// PostgreSQL locks them, in the order of their ids; on SQLite the transaction itself is alone.
    ForUpdate,
    /// They are only read.
    No,
}

impl Db {
    /// Opens the database that the configuration names, for reading and writing.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has the SQLite file; otherwise
    /// [`StoreError::Database`].
    pub fn open(config: &DatabaseConfig) -> Result<Self, StoreError> {
        match &config.url {
            DatabaseUrl::Sqlite(path) => Ok(Self::Sqlite(Sqlite::open(path)?)),
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
            DatabaseUrl::Sqlite(path) => Ok(Self::Sqlite(Sqlite::open_read_only(path)?)),
            DatabaseUrl::Postgres(_) => Self::open(config),
        }
    }

    /// Runs one reading statement.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
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

    /// Runs one writing statement in a transaction of its own; returns how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(_) => {
                let mut tx = self.begin().await?;
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
        match self {
            Self::Sqlite(sqlite) => {
                let writer = sqlite.writer.clone().lock_owned().await;
                writer.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                Ok(Tx(Some(Open::Sqlite(writer))))
            }
            Self::Postgres(pool) => {
                let client = pool.get().await?;
                client.batch_execute("BEGIN").await?;
                Ok(Tx(Some(Open::Postgres(Box::new(client)))))
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
                let reader = sqlite.reader_of_its_own().await?;
                reader.execute_batch("BEGIN")?;
                Ok(Tx(Some(Open::Sqlite(reader))))
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
    Sqlite(OwnedMutexGuard<Connection>),
    Postgres(Box<deadpool_postgres::Object>),
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Sqlite",
            Self::Postgres(_) => "Postgres",
        })
    }
}

/// Rows to be written by [`Tx::insert_all`]: a table, its columns, and what a clash does.
#[derive(Debug)]
pub struct Insert {
    /// The table.
    pub table: &'static str,
    /// Its columns, in the order of each row's values.
    pub columns: &'static [Column],
    /// An `ON CONFLICT …` clause, or nothing: then a clash is [`StoreError::Duplicate`].
    pub on_conflict: &'static str,
}

/// A column's name and type.
#[derive(Debug)]
pub enum Column {
    /// BIGINT.
    Int(&'static str),
    /// TEXT.
    Text(&'static str),
}

impl Tx {
    fn open(&mut self) -> Result<&mut Open, StoreError> {
        self.0.as_mut().ok_or(StoreError::Closed)
    }

    /// Runs a statement that answers rows.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self.open()? {
            Open::Sqlite(connection) => sqlite::query(connection, sql, params),
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
            Open::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Open::Postgres(client) => {
                let statement = client.prepare_cached(sql).await?;
                Ok(client
                    .execute(&statement, &postgres::params(params))
                    .await?)
            }
        }
    }

    /// Runs a script of statements without parameters, as a migration is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        match self.open()? {
            Open::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Open::Postgres(client) => Ok(client.batch_execute(sql).await?),
        }
    }

    /// Reads the rows with these ids: `select` is a statement up to and without its
    /// `WHERE {key} = …`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn select_all(
        &mut self,
        select: &str,
        key: &str,
        ids: &[String],
        lock: Lock,
    ) -> Result<Vec<Row>, StoreError> {
        match self.open()? {
            Open::Sqlite(connection) => {
                let sql = format!("{select} WHERE {key} = $1");
                let mut rows = Vec::with_capacity(ids.len());
                for id in ids {
                    rows.append(&mut sqlite::query(connection, &sql, &[id.into()])?);
                }
                Ok(rows)
            }
            Open::Postgres(client) => {
                let suffix = if lock == Lock::ForUpdate {
                    " FOR UPDATE"
                } else {
                    ""
                };
                // In the order of the ids, so that two nodes never wait for each other.
                let sql = format!("{select} WHERE {key} = ANY($1) ORDER BY {key}{suffix}");
                let statement = client.prepare_cached(&sql).await?;
                let rows = client.query(&statement, &[&ids]).await?;
                rows.iter().map(postgres::row).collect()
            }
        }
    }

    /// Writes many rows: a loop over one prepared statement on SQLite, one statement over arrays on
    /// PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] or [`StoreError::Database`].
    pub async fn insert_all(
        &mut self,
        insert: &Insert,
        rows: &[Vec<Value>],
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.open()? {
            Open::Sqlite(connection) => {
                let sql = insert.row_sql();
                for row in rows {
                    sqlite::execute(connection, &sql, row)?;
                }
                Ok(())
            }
            Open::Postgres(client) => {
                let statement = client.prepare_cached(&insert.arrays_sql()).await?;
                let arrays = insert.arrays(rows);
                let params: Vec<&(dyn ToSql + Sync)> = arrays
                    .iter()
                    .map(|array| &**array as &(dyn ToSql + Sync))
                    .collect();
                client.execute(&statement, &params).await?;
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
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.0 {
            Some(Open::Sqlite(_)) => tokio::task::spawn_blocking(move || self.commit_sqlite())
                .await
                .map_err(|_| StoreError::Closed)?,
            _ => self.commit_here().await,
        }
    }

    /// Makes the transaction durable on this thread, which waits for the disk: for the committer,
    /// which has a thread of its own.
    ///
    /// # Errors
    /// [`StoreError::Database`]: whether it took effect is unknown.
    pub async fn commit_here(mut self) -> Result<(), StoreError> {
        match &self.0 {
            Some(Open::Postgres(client)) => {
                client.batch_execute("COMMIT").await?;
                self.0 = None;
                Ok(())
            }
            _ => self.commit_sqlite(),
        }
    }

    fn commit_sqlite(mut self) -> Result<(), StoreError> {
        if let Some(Open::Sqlite(connection)) = &self.0 {
            connection.prepare_cached("COMMIT")?.execute([])?;
            self.0 = None;
        }
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Open::Sqlite(connection)) => {
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

impl Insert {
    fn names(&self) -> Vec<&'static str> {
        self.columns
            .iter()
            .map(|(Column::Int(name) | Column::Text(name))| *name)
            .collect()
    }

    fn row_sql(&self) -> String {
        let values: Vec<_> = (1..=self.columns.len())
            .map(|number| format!("${number}"))
            .collect();
        let (table, names, values) = (self.table, self.names().join(", "), values.join(", "));
        format!(
            "INSERT INTO {table} ({names}) VALUES ({values}) {}",
            self.on_conflict
        )
    }

    fn arrays_sql(&self) -> String {
        let arrays = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match column {
                Column::Int(_) => format!("${}::bigint[]", index + 1),
                Column::Text(_) => format!("${}::text[]", index + 1),
            });
        let (table, names) = (self.table, self.names().join(", "));
        let arrays: Vec<_> = arrays.collect();
        format!(
            "INSERT INTO {table} ({names}) SELECT * FROM unnest({}) {}",
            arrays.join(", "),
            self.on_conflict
        )
    }

    /// The rows turned into one array a column.
    fn arrays(&self, rows: &[Vec<Value>]) -> Vec<Box<dyn ToSql + Sync + Send>> {
        let column_of = |index: usize| rows.iter().map(move |row| row.get(index));
        let arrays = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match column {
                Column::Int(_) => {
                    let ints = column_of(index).map(|value| match value {
                        Some(Value::Int(int)) => Some(*int),
                        _ => None,
                    });
                    Box::new(ints.collect::<Vec<_>>()) as Box<dyn ToSql + Sync + Send>
                }
                Column::Text(_) => {
                    let texts = column_of(index).map(|value| match value {
                        Some(Value::Text(text)) => Some(text.clone()),
                        _ => None,
                    });
                    Box::new(texts.collect::<Vec<_>>())
                }
            });
        arrays.collect()
    }
}
