//! Logs that have to go: those beyond what their gateway keeps, and those whose gateway is gone.

use std::time::Duration;

use ledger::Timestamp;

use crate::app::App;
use crate::store::{StoreError, gateways, logs};

/// For how long a call that was under way when its gateway was removed may still write its log.
const UNDER_WAY: Duration = Duration::from_secs(24 * 3600);

/// Removes them; answers how many there were.
///
/// # Errors
/// [`StoreError::Database`]; what is left goes the next time.
pub async fn prune_logs(app: &App) -> Result<usize, StoreError> {
    let db = &app.store.db;
    let mut pruned = logs::prune_oldest(db).await?;
    for (gateway, removed_at) in gateways::removed(db).await? {
        pruned = pruned.saturating_add(logs::prune_removed(db, gateway).await?);
        if is_over(app, removed_at) {
            gateways::forget(db, gateway).await?;
        }
    }
    Ok(usize::try_from(pruned).unwrap_or_default())
}

fn is_over(app: &App, removed_at: Timestamp) -> bool {
    removed_at < app.now_minus(UNDER_WAY)
}
