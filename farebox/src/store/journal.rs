//! The journal read back: every transfer, in the order in which it was written.

use ledger::Transfer;

use crate::store::db::Tx;
use crate::store::{StoreError, ledger_rows as rows};

/// How many transfers are read at a time.
const PAGE: i64 = 5000;

/// Reads all transfers through one transaction, so that they are one consistent picture, and hands
/// them over one by one with their number.
///
/// # Errors
/// [`StoreError`], or what `each` answers.
pub async fn read_all<E: From<StoreError>>(
    tx: &mut Tx,
    mut each: impl FnMut(i64, Transfer) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!(
        "{} WHERE seq > $1 ORDER BY seq LIMIT $2",
        rows::SELECT_JOURNAL
    );
    let mut after = 0;
    loop {
        let page = tx.query(&sql, &[after.into(), PAGE.into()]).await?;
        if page.is_empty() {
            return Ok(());
        }
        for mut row in page {
            after = row.int()?;
            each(after, rows::transfer(row)?)?;
        }
    }
}
