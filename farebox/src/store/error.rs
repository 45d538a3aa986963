//! What can go wrong in the store, told apart by what the caller can do about it.

/// A failure of the store. The text is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, or a statement failed for a reason of the database's own.
    /// Whether a commit in flight took effect is unknown; every write can be repeated by its id.
    #[error("the database failed: {0}")]
    Database(String),
    /// A row that must be unique is there already.
    #[error("a row with this key exists already: {0}")]
    Duplicate(String),
    /// A row breaks a rule of its table's; nothing was written.
    #[error("a row breaks a rule of its table: {0}")]
    Invalid(String),
    /// The row has changed since it was read; nothing was written.
    #[error("the row has changed meanwhile: {0}")]
    Conflict(&'static str),
    /// What is stored can't be read back: the database was changed by other hands.
    #[error("the database holds something that Farebox did not write: {0}")]
    Corrupt(String),
    /// Another process has the SQLite file.
    #[error(
        "{path} is in use by another Farebox process{holder}. SQLite serves one process at a time: stop \
         that one first, or use PostgreSQL ([database] url) to run several"
    )]
    InUse {
        /// The database file.
        path: String,
        /// " (pid N)" where the holder wrote its number into the lock file.
        holder: String,
    },
    /// The schema can't be brought to this version.
    #[error("migration: {0}")]
    Migration(String),
    /// The committer has stopped: the process is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// A [`StoreError::Corrupt`].
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            Some(cause) if is_unique_violation(cause.extended_code) => {
                Self::Duplicate(error.to_string())
            }
            Some(cause) if cause.code == rusqlite::ErrorCode::ConstraintViolation => {
                Self::Invalid(error.to_string())
            }
            _ => Self::Database(error.to_string()),
        }
    }
}

fn is_unique_violation(extended_code: i32) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    matches!(
        extended_code,
        SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY
    )
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(cause) if *cause.code() == tokio_postgres::error::SqlState::UNIQUE_VIOLATION => {
                Self::Duplicate(cause.to_string())
            }
            Some(cause) if cause.code().code().starts_with("23") => {
                Self::Invalid(cause.to_string())
            }
            Some(cause) => Self::Database(cause.to_string()),
            None => Self::Database(error_chain(&error)),
        }
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(cause) => cause.into(),
            other => Self::Database(other.to_string()),
        }
    }
}

/// An error and its causes in one line; the PostgreSQL client's own text leaves the causes out.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
