//! What holds for the whole database.

use crate::store::StoreError;
use crate::store::db::Db;

/// The setting's value, which is `value` if it had none: the first one stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn keep_first(db: &Db, name: &str, value: &str) -> Result<String, StoreError> {
    let insert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    db.execute(insert, &[name.into(), value.into()]).await?;
    let row = db
        .query_opt("SELECT value FROM settings WHERE name = $1", &[name.into()])
        .await?;
    row.ok_or_else(|| StoreError::corrupt("a setting was written and is gone"))?
        .text()
}

/// The setting's value, if it has one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT value FROM settings WHERE name = $1";
    let row = db.query_opt(sql, &[name.into()]).await?;
    row.map(|mut row| row.text()).transpose()
}

/// Sets all of these, or none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_all(db: &Db, values: &[(&str, &str)]) -> Result<(), StoreError> {
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let mut tx = db.begin().await?;
    for (name, value) in values {
        tx.execute(sql, &[(*name).into(), (*value).into()]).await?;
    }
    tx.commit().await
}
