//! PostgreSQL: a pool of connections, and the conversion of rows.

use std::error::Error;

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod,
};
use futures_util::future::{join, join_all, join4};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, NoTls, Statement};

use crate::store::StoreError;
use crate::store::bulk::{Lock, Lookup, Query, Write};
use crate::store::value::{Row, Value};

/// What every connection begins with. A server or a role may have relaxed `synchronous_commit`, and an
/// answered commit must be on the disk. Statements, those of foreign keys among them, keep their plan
/// for as long as the connection lasts: made while a table was new and small, it would read the whole
/// of it long after it has grown, so that an index is used wherever there is one.
const SESSION: &str = "SET synchronous_commit = on; \
     SET default_transaction_isolation = 'read committed'; SET enable_seqscan = off; SET jit = off";

/// A pool over `url`. Connections are made when first needed.
///
/// # Errors
/// [`StoreError::Database`] where the URL can't be read.
pub fn pool(url: &SecretString, size: usize) -> Result<Pool, StoreError> {
    let config: Config = url
        .expose_secret()
        .parse()
        .map_err(|error| StoreError::Database(format!("[database] url can't be read: {error}")))?;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = match config.get_ssl_mode() {
        SslMode::Require => Manager::from_config(config, tls_connector()?, recycling),
        // Without `sslmode=require` there is no TLS: an unverified certificate, which is all that
        // the driver's `prefer` could mean, protects from nobody who can change packets.
        _ => Manager::from_config(config, NoTls, recycling),
    };
    Pool::builder(manager)
        .max_size(size)
        // The connection used last comes first: its server process has everything in its caches.
        .queue_mode(QueueMode::Lifo)
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                client
                    .batch_execute(SESSION)
                    .await
                    .map_err(HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| StoreError::Database(error.to_string()))
}

fn tls_connector() -> Result<tokio_postgres_rustls::MakeRustlsConnect, StoreError> {
    let config = crate::tls::client_config()
        .map_err(|error| StoreError::Database(format!("TLS can't be set up: {error}")))?;
    Ok(tokio_postgres_rustls::MakeRustlsConnect::new(config))
}

/// Begins a transaction and looks rows up in it, without waiting in between: the driver sends what is
/// asked for in the order in which it is first polled, and the server answers in that order.
pub(super) async fn begin_with(
    client: &Client,
    lookups: &[Lookup<'_>],
) -> Result<Vec<Vec<Row>>, StoreError> {
    let mut statements = Vec::with_capacity(lookups.len());
    for lookup in lookups {
        statements.push(client.prepare_cached(&lookup_sql(lookup)).await?);
    }
    let reads = statements
        .iter()
        .zip(lookups)
        .map(|(statement, lookup)| read(client, statement, lookup));
    let (begun, found) = join(client.batch_execute("BEGIN"), join_all(reads)).await;
    begun?;
    found.into_iter().collect()
}

fn lookup_sql(lookup: &Lookup<'_>) -> String {
    let Lookup { select, key, .. } = lookup;
    let lock = match lookup.lock {
        Lock::ForUpdate => " FOR UPDATE",
        Lock::No => "",
    };
    format!("{select} WHERE {key} = ANY($1) ORDER BY {key}{lock}")
}

async fn read(
    client: &Client,
    statement: &Statement,
    lookup: &Lookup<'_>,
) -> Result<Vec<Row>, StoreError> {
    if lookup.ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = client.query(statement, &[&lookup.ids]).await?;
    rows.iter().map(row).collect()
}

/// Runs reading statements without waiting in between, as [`begin_with`] does.
pub(super) async fn query_together<const N: usize>(
    client: &Client,
    queries: &[Query<'_>; N],
) -> Result<[Vec<Row>; N], StoreError> {
    let mut statements = Vec::with_capacity(N);
    for query in queries {
        statements.push(client.prepare_cached(query.sql).await?);
    }
    let reads = statements
        .iter()
        .zip(queries)
        .map(async |(statement, query)| client.query(statement, &params(&query.params)).await);
    let found = join_all(reads).await;
    let mut answers = [const { Vec::new() }; N];
    for (answer, rows) in answers.iter_mut().zip(found) {
        *answer = rows?.iter().map(row).collect::<Result<_, _>>()?;
    }
    Ok(answers)
}

/// Runs a reading statement whose `$1` are the ids and the rest `params`.
pub(super) async fn query_each(
    client: &Client,
    sql: &str,
    ids: &[String],
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    let mut all: Vec<&(dyn ToSql + Sync)> = vec![&ids];
    all.extend(self::params(params));
    let rows = client.query(&statement, &all).await?;
    rows.iter().map(row).collect()
}

/// Writes rows and commits, without waiting in between. After a write that failed the server answers
/// the `COMMIT` with a rollback, which is no error by itself: every write's answer is looked at.
pub(super) async fn insert_and_commit<'a>(
    client: &Client,
    writes: impl Iterator<Item = &'a Write<'a>> + Clone,
) -> Result<(), StoreError> {
    let mut statements = Vec::new();
    for write in writes.clone() {
        statements.push(client.prepare_cached(write.insert.arrays_sql()).await?);
    }
    let inserts = statements
        .iter()
        .zip(writes)
        .map(|(statement, write)| insert(client, statement, write));
    let (inserted, committed) = join(join_all(inserts), client.batch_execute("COMMIT")).await;
    inserted.into_iter().collect::<Result<(), _>>()?;
    Ok(committed?)
}

async fn insert(
    client: &Client,
    statement: &Statement,
    write: &Write<'_>,
) -> Result<(), StoreError> {
    let arrays = write.insert.arrays(&write.rows);
    let params: Vec<&(dyn ToSql + Sync)> = arrays
        .iter()
        .map(|array| &**array as &(dyn ToSql + Sync))
        .collect();
    client.execute(statement, &params).await?;
    Ok(())
}

/// Runs a reading statement that is not kept prepared.
pub(super) async fn query_long(
    client: &Client,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let statement = tokio_postgres::Client::prepare(client, sql).await?;
    let rows = client.query(&statement, &self::params(params)).await?;
    rows.iter().map(row).collect()
}

/// Runs a statement in a transaction of its own, alone among those with the same lock, in one way to the
/// server. What it reads is what the one before it has left: each statement begins after the lock is had.
pub(super) async fn query_alone(
    client: &Client,
    lock: i64,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    const LOCK: &str = "SELECT pg_advisory_xact_lock($1)::text";
    let locking = client.prepare_cached(LOCK).await?;
    let statement = client.prepare_cached(sql).await?;
    let (lock, params) = ([Value::Int(lock)], self::params(params));
    let lock = self::params(&lock);
    let (begun, locked, found, committed) = join4(
        client.batch_execute("BEGIN"),
        client.query(&locking, &lock),
        client.query(&statement, &params),
        client.batch_execute("COMMIT"),
    )
    .await;
    begun?;
    locked?;
    let found = found?;
    committed?;
    found.iter().map(row).collect()
}

/// Runs a writing statement whose `$1` are the keys; returns how many rows it changed.
pub(super) async fn execute_keys(
    client: &Client,
    sql: &str,
    keys: &[String],
) -> Result<u64, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, &[&keys]).await?)
}

/// Parameters as the driver wants them.
pub(super) fn params(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

/// A row of the driver's as ours.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let columns = row
        .columns()
        .iter()
        .enumerate()
        .map(|(index, column)| match *column.type_() {
            Type::INT8 => Ok(row.try_get::<_, Option<i64>>(index)?.into()),
            Type::INT4 => Ok(row.try_get::<_, Option<i32>>(index)?.map(i64::from).into()),
            Type::TEXT | Type::VARCHAR => Ok(row.try_get::<_, Option<String>>(index)?.into()),
            Type::BYTEA => Ok(row.try_get::<_, Option<Vec<u8>>>(index)?.into()),
            ref other => Err(StoreError::corrupt(format!("a column is of type {other}"))),
        });
    Ok(Row::new(columns.collect::<Result<_, StoreError>>()?))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(int) if *ty == Type::INT4 => i32::try_from(*int)?.to_sql(ty, out),
            Self::Int(int) => int.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR | Type::BYTEA
        )
    }

    to_sql_checked!();
}
