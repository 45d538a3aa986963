//! PostgreSQL: a pool of connections, and the conversion of rows.

use std::error::Error;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, NoTls};

use crate::store::StoreError;
use crate::store::value::{Row, Value};

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
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                // A server or a role may have relaxed it; an answered commit must be on the disk.
                let set = "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'";
                client.batch_execute(set).await.map_err(HookError::Backend)
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
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR)
    }

    to_sql_checked!();
}
