//! What was counted against spend rules and counts no more.

use std::time::Duration;

use crate::app::App;
use crate::store::{StoreError, buckets, gateways};

/// For how long what was spent is kept: longer than the longest window of a rule, which may be set tomorrow.
const KEPT: Duration = Duration::from_secs(367 * 24 * 3600);

/// Removes it; answers how many rows there were.
///
/// # Errors
/// [`StoreError::Database`]; what is left goes the next time.
pub async fn prune_spend(app: &App) -> Result<usize, StoreError> {
    let db = &app.store.db;
    let mut pruned = buckets::prune_expired(db, app.now()).await?;
    pruned = pruned.saturating_add(buckets::prune_before(db, app.now_minus(KEPT)).await?);
    // What a call writes that was under way when its gateway was removed goes with a later pass, which there
    // is for as long as one may still be under way.
    for (gateway, _) in gateways::removed(db).await? {
        pruned = pruned.saturating_add(buckets::prune_removed(db, gateway).await?);
    }
    Ok(usize::try_from(pruned).unwrap_or_default())
}
