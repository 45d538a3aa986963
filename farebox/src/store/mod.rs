//! All of Farebox's SQL, a file per noun. Whatever a caller may see is found by its owner as well.
//!
//! It knows neither HTTP nor Stripe, and it decides nothing about money: `committer` applies the rules
//! of the `ledger` crate and is the only writer of transfers, holds and balances.

pub mod accounts;
pub mod audit;
pub mod auto_topups;
pub mod buckets;
pub mod bulk;
pub mod cache;
pub mod callers;
pub mod charges;
mod checkpoint;
pub mod committer;
pub mod custom_providers;
pub mod db;
pub mod entry;
mod error;
pub mod events;
pub mod gateways;
pub mod hold_requests;
pub mod holds;
mod hours;
pub mod idempotency;
pub mod invoices;
pub mod jobs;
pub mod journal;
pub mod leases;
mod ledger_rows;
pub mod logs;
pub mod lowered;
pub mod markups;
pub mod migrate;
pub mod noted;
mod pattern;
#[cfg(test)]
mod plans;
mod postgres;
pub mod provider_configs;
pub mod rates;
mod readers;
pub mod reversals;
pub mod secrets;
pub mod settings;
pub mod setups;
pub mod spending;
mod sqlite;
pub mod tokens;
pub mod topups;
pub mod transactions;
pub mod under_way;
pub mod usage;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::StoreError;
pub use value::Value;

use crate::config::{DatabaseConfig, DatabaseUrl};
use committer::{Clock, Committer, GroupReport};
use db::Db;

/// The open store: the database and its one writer of money.
#[derive(Debug, Clone)]
pub struct Store {
    /// For everything but money.
    pub db: Arc<Db>,
    /// For money.
    pub committer: Committer,
}

impl Store {
    /// Opens the database, brings its schema to this version and starts the committer.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Migration`] or [`StoreError::Database`].
    pub async fn open(
        config: &DatabaseConfig,
        clock: Clock,
        report: impl Fn(GroupReport) + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let db = Arc::new(Db::open(config)?);
        for name in migrate::migrate(&db).await? {
            tracing::info!(migration = name, engine = db.engine(), "schema migrated");
        }
        if matches!(*db, Db::Sqlite(_)) {
            // Nobody else has the file, so whoever held these claims is gone.
            topups::release_all(&db).await?;
            jobs::release_all(&db).await?;
        }
        let committer = Committer::start(db.clone(), config.batch_max, clock, report)?;
        let store = Self { db, committer };
        if let Db::Sqlite(sqlite) = &*store.db {
            // What holds cover is booked before they are released.
            sqlite.noted.take_up(&store.db).await?;
            if !sqlite.noted.booked().await {
                return Err(StoreError::Database(
                    "what is settled can't be booked".to_owned(),
                ));
            }
            store.release_leases().await?;
        }
        Ok(store)
    }

    /// Releases the leases of a process that has died, where nobody else can have any.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_leases(&self) -> Result<(), StoreError> {
        for left in leases::left_behind(&self.db).await? {
            self.committer.release_lease(&left).await?;
        }
        Ok(())
    }

    /// Whether the database and its writer answer.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        if !self.committer.is_running() {
            return Err(StoreError::Closed);
        }
        self.db
            .query("SELECT 1 FROM migrations", &[])
            .await
            .map(|_| ())
    }
}

/// Where a process that has a SQLite file listens for the operator's commands.
pub fn control_socket(config: &DatabaseConfig) -> Option<PathBuf> {
    match &config.url {
        DatabaseUrl::Sqlite(path) => Some(sqlite::with_suffix(path, ".sock")),
        DatabaseUrl::Postgres(_) => None,
    }
}
