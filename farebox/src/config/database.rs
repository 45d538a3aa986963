//! `[database]`

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// Where the books are kept.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Which engine, and where.
    pub url: DatabaseUrl,
    /// PostgreSQL connections of this node.
    pub pool_size: usize,
    /// The most commands that one commit takes.
    pub batch_max: usize,
}

/// Which engine, and where.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A file of this node's own.
    Sqlite(PathBuf),
    /// A server that several nodes share; the URL may hold a password.
    Postgres(SecretString),
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            url: url(reader),
            pool_size: reader.number("database.pool_size", 1..=1000),
            batch_max: reader.number("database.batch_max", 1..=10_000),
        }
    }
}

fn url(reader: &mut Reader) -> DatabaseUrl {
    let secret = reader
        .secret("database.url")
        .unwrap_or_else(|| SecretString::from(""));
    let text = secret.expose_secret();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return DatabaseUrl::Postgres(secret);
    }
    let path = text.strip_prefix("sqlite://").unwrap_or_default();
    // Books in memory would be lost, and a parameter after `?` would end up in the file's name.
    if path.is_empty() || path.contains([':', '?']) {
        reader.fail(
            "database.url",
            "the URL cannot be used",
            "write \"sqlite://farebox.db\" or \"postgres://user:password@host/name\"",
        );
    }
    DatabaseUrl::Sqlite(reader.path(path))
}
