//! What is counted against gateways' spend rules: read and written by the committer, in the transaction of the
//! hold or of the settlement that it is about.
//!
//! Each row of what was spent has the sum of everything before it, so that a window of any length costs two
//! look-ups and no sum. What is reserved is summed: it is as much as there are calls under way.
//!
//! Nobody changes a bucket beside the committer, who has its account's row locked: a gateway is one account's. So
//! nodes on one PostgreSQL take turns, and each reads what the last one has written.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountId, Amount, BucketChanges, BucketId, Buckets, Cap, Counted, Over, Reservation, Standing,
    Timestamp, TransferId,
};

use crate::store::StoreError;
use crate::store::bulk::{Column, Insert};
use crate::store::db::{Db, Tx};
use crate::store::value::{Row, Value};

/// What a call wants to reserve under its gateway's rules.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// The call's hold, or what would be its hold.
    pub id: TransferId,
    /// Whose gateway it is.
    pub account: AccountId,
    /// The gateway's number.
    pub gateway: i64,
    /// The rules that are about the call; at least one.
    pub caps: Vec<Cap>,
    /// The most that it can cost.
    pub most: Amount,
    /// The least that is of any use.
    pub least: Amount,
    /// When it will be over, whatever happens.
    pub expires_at: Timestamp,
    /// What the call has reserved before, in the place of which this is.
    pub replaces: Option<Replaced>,
}

/// A reservation that a larger one replaces.
#[derive(Debug, Clone, Copy)]
pub struct Replaced {
    /// Its id.
    pub id: TransferId,
    /// How much it is.
    pub amount: Amount,
}

/// What a call that has reserved something has come to.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// As it was reserved.
    pub id: TransferId,
    /// What counts: no more than was reserved.
    pub cost: Amount,
}

/// What a call that ends has reserved, as [`Working::load_reserved`] reads it.
pub const SELECT_RESERVED: &str =
    "SELECT id, gateway, bucket, amount, expires_at FROM bucket_reservations";

/// What was spent; at the same moment in the same bucket it is one row.
pub static ADD_SPEND: Insert = Insert::into(
    "bucket_spend",
    &[
        Column::Int("gateway"),
        Column::Text("bucket"),
        Column::Int("at"),
        Column::Int("amount"),
        Column::Int("total"),
    ],
)
.on_conflict(
    "ON CONFLICT (gateway, bucket, at) DO UPDATE SET \
         amount = bucket_spend.amount + excluded.amount, total = excluded.total",
);

/// New reservations.
pub static INSERT_RESERVATIONS: Insert = Insert::into(
    "bucket_reservations",
    &[
        Column::Text("id"),
        Column::Int("gateway"),
        Column::Text("bucket"),
        Column::Int("amount"),
        Column::Int("expires_at"),
    ],
)
.on_conflict("ON CONFLICT (id, bucket) DO NOTHING");

/// How many rows one transaction removes.
const BIT: i64 = 1000;

/// The buckets that a group of entries concerns, and whose they are.
#[derive(Debug, Default)]
pub struct Working {
    buckets: Buckets,
    gateways: BTreeMap<BucketId, i64>,
}

impl Working {
    /// Adds what a call that ends has reserved: a row of [`SELECT_RESERVED`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn load_reserved(&mut self, mut row: Row) -> Result<(), StoreError> {
        let id = row.parse()?;
        let gateway = row.int()?;
        let reservation = Reservation {
            id,
            bucket: row.parse()?,
            amount: Amount::from_nanos(row.int()?),
            expires_at: Timestamp::from_millis(row.int()?),
        };
        self.gateways.insert(reservation.bucket, gateway);
        self.buckets.load_reservation(reservation);
        Ok(())
    }

    /// Reads the buckets of these calls, and of those whose reservations are loaded. Where there are none it
    /// reads nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn load(
        &mut self,
        tx: &mut Tx,
        reserves: impl Iterator<Item = &Reserve>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.gateways.iter();
        let mut wanted: BTreeSet<_> = known.map(|(bucket, of)| (*of, *bucket, now)).collect();
        for reserve in reserves {
            for cap in &reserve.caps {
                self.gateways.insert(cap.bucket, reserve.gateway);
                wanted.insert((reserve.gateway, cap.bucket, cap.window.start(now)));
            }
        }
        for (gateway, bucket, start) in wanted {
            let (standing, before) = look(tx, gateway, bucket, start, now).await?;
            self.buckets.load(bucket, standing);
            self.buckets.load_window(bucket, start, before);
        }
        Ok(())
    }

    /// As much as the call's rules leave, with what it has reserved already.
    ///
    /// # Errors
    /// The rules that leave less than the least.
    pub fn grant(&self, reserve: &Reserve, now: Timestamp) -> Result<Amount, Vec<Over>> {
        let Reserve { most, least, .. } = *reserve;
        let kept = reserve
            .replaces
            .map_or(Amount::ZERO, |replaced| replaced.amount);
        let more = |amount: Amount| amount.checked_sub(kept).unwrap_or(Amount::ZERO);
        let granted = self
            .buckets
            .grant(&reserve.caps, more(most), more(least), now)?;
        Ok(granted.checked_add(kept).unwrap_or(granted))
    }

    /// Reserves what was granted.
    pub fn reserve(&mut self, reserve: &Reserve, amount: Amount, now: Timestamp) {
        if let Some(replaced) = reserve.replaces {
            self.buckets.settle(replaced.id, Amount::ZERO, now);
        }
        let Reserve { id, expires_at, .. } = *reserve;
        self.buckets.reserve(id, &reserve.caps, amount, expires_at);
    }

    /// Counts what a call has cost in the place of what it has reserved.
    pub fn settle(&mut self, ended: &Ended, now: Timestamp) {
        self.buckets.settle(ended.id, ended.cost, now);
    }

    /// Removes the reservations that are over, and returns what else has to be written.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end(mut self, tx: &mut Tx) -> Result<Written, StoreError> {
        let changes = self.buckets.take_changes();
        if !changes.ended.is_empty() {
            let ids: Vec<_> = changes.ended.iter().map(TransferId::to_string).collect();
            let sql = "DELETE FROM bucket_reservations WHERE id {KEYS}";
            tx.execute_keys(sql, &ids).await?;
        }
        Ok(Written::new(&changes, &self.gateways))
    }
}

/// Rows for [`ADD_SPEND`] and [`INSERT_RESERVATIONS`].
#[derive(Debug, Default)]
pub struct Written {
    /// What was spent.
    pub spend: Vec<Vec<Value>>,
    /// What is reserved.
    pub reservations: Vec<Vec<Value>>,
}

impl Written {
    fn new(changes: &BucketChanges, gateways: &BTreeMap<BucketId, i64>) -> Self {
        let of = |bucket| gateways.get(&bucket).copied().unwrap_or_default();
        let spend = changes.counted.iter().map(|counted: &Counted| {
            vec![
                of(counted.bucket).into(),
                counted.bucket.to_string().into(),
                counted.at.millis().into(),
                counted.amount.nanos().into(),
                counted.total.nanos().into(),
            ]
        });
        let reservations = changes.reserved.iter().map(|one: &Reservation| {
            vec![
                one.id.to_string().into(),
                of(one.bucket).into(),
                one.bucket.to_string().into(),
                one.amount.nanos().into(),
                one.expires_at.millis().into(),
            ]
        });
        Self {
            spend: spend.collect(),
            reservations: reservations.collect(),
        }
    }
}

/// A bucket as it stands, and what had been spent in it before `start`.
async fn look(
    tx: &mut Tx,
    gateway: i64,
    bucket: BucketId,
    start: Timestamp,
    now: Timestamp,
) -> Result<(Standing, Amount), StoreError> {
    let of = "FROM bucket_spend WHERE gateway = $1 AND bucket = $2";
    let sql = format!(
        "SELECT (SELECT total {of} ORDER BY at DESC LIMIT 1), (SELECT at {of} ORDER BY at DESC LIMIT 1), \
         (SELECT total - amount {of} AND at >= $3 ORDER BY at LIMIT 1), \
         (SELECT CAST(SUM(amount) AS BIGINT) FROM bucket_reservations \
          WHERE gateway = $1 AND bucket = $2 AND expires_at > $4)"
    );
    let params = [
        gateway.into(),
        bucket.to_string().into(),
        start.millis().into(),
        now.millis().into(),
    ];
    let found = tx.query_opt(&sql, &params).await?;
    let mut row = found.ok_or_else(|| StoreError::corrupt("a bucket has no row"))?;
    let total = row.opt_int()?.unwrap_or_default();
    let last = row.opt_int()?.unwrap_or_default();
    // Where the window is empty, everything was before it.
    let before = row.opt_int()?.unwrap_or(total);
    let standing = Standing {
        total: Amount::from_nanos(total),
        last: Timestamp::from_millis(last),
        reserved: Amount::from_nanos(row.opt_int()?.unwrap_or_default()),
    };
    Ok((standing, Amount::from_nanos(before)))
}

/// When the first `excess` of what was spent in a sliding window has left it; nothing where less was spent. The
/// sums only grow, so that it takes some thirty look-ups, however much was spent.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn frees_at(
    db: &Db,
    gateway: i64,
    cap: &Cap,
    excess: Amount,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let first = "SELECT at, total - amount FROM bucket_spend \
         WHERE gateway = $1 AND bucket = $2 AND at >= $3 ORDER BY at LIMIT 1";
    let latest = "SELECT at, total FROM bucket_spend \
         WHERE gateway = $1 AND bucket = $2 AND at <= $3 ORDER BY at DESC LIMIT 1";
    let bucket = cap.bucket.to_string();
    let look_up = async |sql, moment: i64| -> Result<Option<(i64, i64)>, StoreError> {
        let params = [gateway.into(), bucket.as_str().into(), moment.into()];
        let Some(mut row) = db.query_opt(sql, &params).await? else {
            return Ok(None);
        };
        Ok(Some((row.int()?, row.int()?)))
    };
    let Some((mut low, before)) = look_up(first, cap.window.start(now).millis()).await? else {
        return Ok(None);
    };
    let enough = before.saturating_add(excess.nanos());
    let reaches = |found: Option<(i64, i64)>| found.filter(|(_, total)| *total >= enough);
    let Some((mut high, _)) = reaches(look_up(latest, i64::MAX).await?) else {
        return Ok(None);
    };
    while low < high {
        let middle = low.midpoint(high);
        match reaches(look_up(latest, middle).await?) {
            Some((at, _)) => high = at,
            None => low = middle.saturating_add(1),
        }
    }
    Ok(Some(cap.window.frees_at(Timestamp::from_millis(high))))
}

/// Forgets reservations whose time is over, which count no more; returns how many there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune_expired(db: &Db, now: Timestamp) -> Result<i64, StoreError> {
    let params = [now.millis().into()];
    let sql = "SELECT 1 FROM bucket_reservations WHERE expires_at <= $1 LIMIT 1";
    if db.query_opt(sql, &params).await?.is_none() {
        return Ok(0);
    }
    let sql = "DELETE FROM bucket_reservations WHERE expires_at <= $1";
    Ok(count(db.execute(sql, &params).await?))
}

/// Forgets what was spent before the minute of a moment; returns how many rows that were. Whatever window begins
/// later has the same sum as before.
///
/// # Errors
/// [`StoreError::Database`]; what was removed before stays removed.
pub async fn prune_before(db: &Db, moment: Timestamp) -> Result<i64, StoreError> {
    let sql = "SELECT MAX(minute) FROM (SELECT at / 60000 AS minute FROM bucket_spend \
         WHERE at / 60000 < $1 ORDER BY at / 60000 LIMIT $2) AS bit";
    let params = [moment.millis().div_euclid(60_000).into(), BIT.into()];
    let mut removed: i64 = 0;
    while let Some(mut row) = db.query_opt(sql, &params).await? {
        let Some(newest) = row.opt_int()? else { break };
        let sql = "DELETE FROM bucket_spend WHERE at / 60000 <= $1";
        let bit = count(db.execute(sql, &[newest.into()]).await?);
        removed = removed.saturating_add(bit);
    }
    Ok(removed)
}

/// Forgets everything that was spent through a gateway that is gone; returns how many rows that were.
///
/// # Errors
/// [`StoreError::Database`]; what was removed before stays removed.
pub async fn prune_removed(db: &Db, gateway: i64) -> Result<i64, StoreError> {
    let last = "SELECT bucket, at FROM bucket_spend WHERE gateway = $1 \
         ORDER BY bucket, at LIMIT 1 OFFSET $2";
    let first = "DELETE FROM bucket_spend WHERE gateway = $1 \
         AND (bucket < $2 OR (bucket = $2 AND at <= $3))";
    let mut removed: i64 = 0;
    while let Some(mut row) = db.query_opt(last, &[gateway.into(), BIT.into()]).await? {
        let params = [gateway.into(), row.text()?.into(), row.int()?.into()];
        removed = removed.saturating_add(count(db.execute(first, &params).await?));
    }
    let any = "SELECT 1 FROM bucket_spend WHERE gateway = $1 LIMIT 1";
    if db.query_opt(any, &[gateway.into()]).await?.is_some() {
        let sql = "DELETE FROM bucket_spend WHERE gateway = $1";
        removed = removed.saturating_add(count(db.execute(sql, &[gateway.into()]).await?));
    }
    Ok(removed)
}

/// Rows whose sum is not that of the row before with their own amount, for the audit.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn broken_sums(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT gateway, bucket, at FROM (SELECT gateway, bucket, at, amount, total, \
         LAG(total) OVER (PARTITION BY gateway, bucket ORDER BY at) AS before FROM bucket_spend) AS sums \
         WHERE before IS NOT NULL AND total <> before + amount ORDER BY gateway, bucket, at";
    let found = tx.query(sql, &[]).await?.into_iter();
    let rows = found.map(|mut row| Ok(format!("{} {} {}", row.int()?, row.text()?, row.int()?)));
    rows.collect()
}

/// Reservations of calls whose hold has been settled or released, for the audit.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn left_over(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT r.id, r.bucket FROM bucket_reservations r JOIN holds h ON h.id = r.id \
         WHERE h.state IN ('posted', 'voided') ORDER BY r.id, r.bucket";
    let found = tx.query(sql, &[]).await?.into_iter();
    let rows = found.map(|mut row| Ok(format!("{} {}", row.text()?, row.text()?)));
    rows.collect()
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
