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
