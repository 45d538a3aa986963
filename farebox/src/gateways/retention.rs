//! What has to go by itself: logs beyond what their gateway keeps, and those whose gateway is gone; answers that
//! are kept no longer; what was counted for rate limits.

use std::time::Duration;

use ledger::Timestamp;

use crate::app::App;
use crate::store::{StoreError, cache, gateways, logs, rates};

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

/// Removes kept answers that are too old, can't be found any more, or are more than there may be, and counts of
/// calls that count no more; answers how many there were.
///
/// # Errors
/// [`StoreError::Database`]; what is left goes the next time.
pub async fn prune_cache(app: &App) -> Result<usize, StoreError> {
    let db = &app.store.db;
    let counts = rates::prune(db, app.now()).await?;
    let answers = cache::prune(db, app.now(), app.config.gateway.cache_max_bytes).await?;
    Ok(usize::try_from(answers)
        .unwrap_or_default()
        .saturating_add(counts))
}
