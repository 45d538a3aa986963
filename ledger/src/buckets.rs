//! Spend rules: how much calls may cost in a stretch of time, together with what is reserved for those under way.
//!
//! What a rule counts together is a bucket. It knows the sum of all that was ever settled in it, and so what
//! was settled in any window is the difference of two sums: as it is now, and before the window began. A call is
//! admitted where what is settled, what is reserved and its own reservation fit under every one of its caps; its
//! cost, which is no more than was reserved, takes the reservation's place when it ends. So no window's sum
//! ever passes a limit that was not lowered meanwhile. A cost counts in the window in which its call ends.

use std::collections::BTreeMap;

use crate::amount::Amount;
use crate::id::{BucketId, Timestamp, TransferId};
use crate::limit::Strategy;

/// The stretch of time that a rule looks at.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// Its length; above zero.
    pub seconds: i64,
    /// Fixed ones begin at whole multiples of their length since the Unix epoch, on the clock; a sliding
    /// one is the last seconds, to the millisecond.
    pub strategy: Strategy,
}

impl Window {
    /// The first moment whose spending counts at `now`.
    pub fn start(&self, now: Timestamp) -> Timestamp {
        let (now, length) = (now.millis(), self.length());
        let start = match self.strategy {
            Strategy::Fixed => now.saturating_sub(now.checked_rem_euclid(length).unwrap_or(0)),
            // What is exactly as old as the window is long has left it.
            Strategy::Sliding => now.saturating_sub(length).saturating_add(1),
        };
        Timestamp::from_millis(start)
    }

    /// The first moment at which what was spent at `at` counts no more.
    pub fn frees_at(&self, at: Timestamp) -> Timestamp {
        let from = match self.strategy {
            Strategy::Fixed => self.start(at),
            Strategy::Sliding => at,
        };
        Timestamp::from_millis(from.millis().saturating_add(self.length()))
    }

    fn length(&self) -> i64 {
        self.seconds.saturating_mul(1000).max(1)
    }
}

/// A rule as it is held against a call: so much in this bucket in a window.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cap {
    /// Where it counts.
    pub bucket: BucketId,
    /// The most that is settled and reserved together.
    pub limit: Amount,
    /// In which time.
    pub window: Window,
}

/// A bucket as its caller has found it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The sum of all that was ever settled in it.
    pub total: Amount,
    /// When that was last.
    pub last: Timestamp,
    /// What is reserved in it by calls under way.
    pub reserved: Amount,
}

/// What a call under way has reserved in one bucket.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// Whose: the call's hold, or what would be its hold where it takes no credit.
    pub id: TransferId,
    /// Where.
    pub bucket: BucketId,
    /// The most that the call can count there.
    pub amount: Amount,
    /// From this moment on it counts no more, and neither does its call.
    pub expires_at: Timestamp,
}

/// What was settled in a bucket at one moment.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Where.
    pub bucket: BucketId,
    /// When; never before anything that was settled there earlier, whatever clock it was read from.
    pub at: Timestamp,
    /// How much then; above zero.
    pub amount: Amount,
    /// The sum of all with it.
    pub total: Amount,
}

/// A cap that leaves less than a call needs at least.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Over {
    /// Which of the caps, counted from zero.
    pub index: usize,
    /// What is settled in its window.
    pub settled: Amount,
    /// What is reserved beside that.
    pub reserved: Amount,
    /// The moment at which that is so.
    pub at: Timestamp,
}

/// What has to be written after calls have reserved and ended, all in one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BucketChanges {
    /// What was settled, once for each bucket and moment.
    pub counted: Vec<Counted>,
    /// New reservations.
    pub reserved: Vec<Reservation>,
    /// Whose reservations are over.
    pub ended: Vec<TransferId>,
}

/// The buckets that a batch of calls concerns. Like the book, it decides by what has been loaded.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    standing: BTreeMap<BucketId, Standing>,
    /// A bucket's sum before a moment.
    before: BTreeMap<(BucketId, Timestamp), Amount>,
    reservations: BTreeMap<TransferId, Vec<Reservation>>,
    counted: BTreeMap<(BucketId, Timestamp), Counted>,
    reserved: Vec<Reservation>,
    ended: Vec<TransferId>,
}

impl Buckets {
    /// Adds a bucket. Like all loading, it leaves what is already known.
    pub fn load(&mut self, bucket: BucketId, standing: Standing) {
        self.standing.entry(bucket).or_insert(standing);
    }

    /// Adds what had been settled in a bucket before a window begins. A window of which nothing was said
    /// takes all that ever was.
    pub fn load_window(&mut self, bucket: BucketId, start: Timestamp, before: Amount) {
        self.before.entry((bucket, start)).or_insert(before);
    }

    /// Adds what a call that ends has reserved in one bucket.
    pub fn load_reservation(&mut self, reservation: Reservation) {
        let known = self.reservations.entry(reservation.id).or_default();
        if !known.iter().any(|one| one.bucket == reservation.bucket) {
            known.push(reservation);
        }
    }

    /// What a cap leaves; below zero where its limit was lowered since. It may be asked for what is not loaded,
    /// where nothing was ever spent.
    pub fn left(&self, cap: &Cap, now: Timestamp) -> Amount {
        let (settled, reserved) = self.taken(cap, now);
        let left = cap.limit.checked_sub(settled);
        let left = left.and_then(|left| left.checked_sub(reserved));
        left.unwrap_or(Amount::from_nanos(i64::MIN))
    }

    /// As much as every cap leaves, up to `most` and not below `least`. What is free is always admitted.
    ///
    /// # Errors
    /// Every cap that leaves less than `least`.
    pub fn grant(
        &self,
        caps: &[Cap],
        most: Amount,
        least: Amount,
        now: Timestamp,
    ) -> Result<Amount, Vec<Over>> {
        let lefts = caps.iter().map(|cap| self.left(cap, now));
        let left = lefts.min().unwrap_or(most);
        if left >= least || !least.is_positive() {
            return Ok(most.min(left).max(least));
        }
        let over = caps.iter().enumerate().filter_map(|(index, cap)| {
            let (settled, reserved) = self.taken(cap, now);
            (self.left(cap, now) < least).then_some(Over {
                index,
                settled,
                reserved,
                at: now,
            })
        });
        Err(over.collect())
    }

    /// Reserves an amount that was granted in the bucket of every cap.
    pub fn reserve(&mut self, id: TransferId, caps: &[Cap], amount: Amount, expires_at: Timestamp) {
        for cap in caps {
            let reservation = Reservation {
                id,
                bucket: cap.bucket,
                amount,
                expires_at,
            };
            let standing = self.standing.entry(cap.bucket).or_default();
            standing.reserved = sum(standing.reserved, amount);
            self.load_reservation(reservation);
            self.reserved.push(reservation);
        }
    }

    /// Ends a call: in each bucket in which it has reserved something, its cost takes the reservation's place, and
    /// never more than was reserved. Of a reservation whose time is over nothing counts. A repeat changes nothing.
    pub fn settle(&mut self, id: TransferId, cost: Amount, now: Timestamp) {
        let Some(reservations) = self.reservations.remove(&id) else {
            return;
        };
        self.ended.push(id);
        let live = reservations.iter().filter(|one| one.expires_at > now);
        for reservation in live {
            self.count(reservation, cost.min(reservation.amount), now);
        }
    }

    fn count(&mut self, reservation: &Reservation, cost: Amount, now: Timestamp) {
        let bucket = reservation.bucket;
        let standing = self.standing.entry(bucket).or_default();
        let rest = standing.reserved.checked_sub(reservation.amount);
        standing.reserved = rest.unwrap_or_default();
        if !cost.is_positive() {
            return;
        }
        standing.total = sum(standing.total, cost);
        standing.last = standing.last.max(now);
        let counted = Counted {
            bucket,
            at: standing.last,
            amount: Amount::ZERO,
            total: standing.total,
        };
        let entry = self.counted.entry((bucket, standing.last));
        let entry = entry.or_insert(counted);
        entry.amount = sum(entry.amount, cost);
        entry.total = standing.total;
    }

    /// What has changed since the last call.
    pub fn take_changes(&mut self) -> BucketChanges {
        let counted = std::mem::take(&mut self.counted);
        BucketChanges {
            counted: counted.into_values().collect(),
            reserved: std::mem::take(&mut self.reserved),
            ended: std::mem::take(&mut self.ended),
        }
    }

    /// What is settled in the cap's window, and what is reserved.
    fn taken(&self, cap: &Cap, now: Timestamp) -> (Amount, Amount) {
        let standing = self.standing.get(&cap.bucket).copied().unwrap_or_default();
        let window = (cap.bucket, cap.window.start(now));
        let before = self.before.get(&window).copied().unwrap_or_default();
        let settled = standing.total.checked_sub(before);
        (settled.unwrap_or(standing.total), standing.reserved)
    }
}

/// No bucket ever holds so much that it doesn't fit; one that did would admit nothing more.
fn sum(one: Amount, other: Amount) -> Amount {
    one.checked_add(other)
        .unwrap_or(Amount::from_nanos(i64::MAX))
}
