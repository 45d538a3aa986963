//! Spend rules: what is admitted, and what no window ever passes.

use ledger::{
    Amount, BucketId, Buckets, Cap, Counted, Reservation, Standing, Strategy, Timestamp,
    TransferId, Window,
};

use crate::generate::Random;

/// What a store keeps, as rows, and reads again for every step.
#[derive(Default)]
struct Rows {
    counted: Vec<Counted>,
    reserved: Vec<Reservation>,
}

fn nanos(amount: i64) -> Amount {
    Amount::from_nanos(amount)
}

fn bucket(name: &str) -> BucketId {
    BucketId::from_u128(name.bytes().fold(7, |id, byte| id * 251 + u128::from(byte)))
}

fn id(name: &str) -> TransferId {
    TransferId::from_u128(bucket(name).as_u128())
}

impl Rows {
    fn read(&self, buckets: &[BucketId], caps: &[Cap], now: Timestamp) -> Buckets {
        let mut read = Buckets::default();
        for bucket in buckets {
            let of = |row: &&Counted| row.bucket == *bucket;
            let last = self.counted.iter().filter(of).max_by_key(|row| row.at);
            let live = self.reserved.iter();
            let live = live.filter(|one| one.bucket == *bucket && one.expires_at > now);
            read.load(
                *bucket,
                Standing {
                    total: last.map_or(Amount::ZERO, |row| row.total),
                    last: last.map_or(Timestamp::default(), |row| row.at),
                    reserved: nanos(live.map(|one| one.amount.nanos()).sum()),
                },
            );
            for cap in caps.iter().filter(|cap| cap.bucket == *bucket) {
                let start = cap.window.start(now);
                let mut inside = self.counted.iter().filter(of).filter(|row| row.at >= start);
                let total = last.map_or(Amount::ZERO, |row| row.total);
                let before = inside
                    .next()
                    .map_or(total, |row| row.total.checked_sub(row.amount).unwrap());
                read.load_window(*bucket, start, before);
            }
        }
        read
    }

    fn write(&mut self, mut buckets: Buckets) {
        let changes = buckets.take_changes();
        for counted in changes.counted {
            match self
                .counted
                .iter_mut()
                .find(|row| (row.bucket, row.at) == (counted.bucket, counted.at))
            {
                Some(row) => {
                    row.amount = row.amount.checked_add(counted.amount).unwrap();
                    row.total = counted.total;
                }
                None => self.counted.push(counted),
            }
        }
        self.counted.sort_by_key(|row| row.at);
        self.reserved.extend(changes.reserved);
        self.reserved.retain(|one| !changes.ended.contains(&one.id));
    }

    fn reserve(&mut self, name: &str, caps: &[Cap], [least, most]: [i64; 2], at: i64) -> String {
        let now = Timestamp::from_millis(at);
        let concerned: Vec<_> = caps.iter().map(|cap| cap.bucket).collect();
        let mut buckets = self.read(&concerned, caps, now);
        match buckets.grant(caps, nanos(most), nanos(least), now) {
            Ok(granted) => {
                let expires_at = Timestamp::from_millis(at + 1_000_000);
                buckets.reserve(id(name), caps, granted, expires_at);
                self.write(buckets);
                granted.nanos().to_string()
            }
            Err(over) => {
                let over = over.iter().map(|over| {
                    let (settled, reserved) = (over.settled.nanos(), over.reserved.nanos());
                    format!("{}:{settled}+{reserved}", over.index)
                });
                format!("over {}", over.collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn settle(&mut self, name: &str, cost: i64, at: i64) {
        let now = Timestamp::from_millis(at);
        let own = self.reserved.iter().filter(|one| one.id == id(name));
        let own: Vec<_> = own.copied().collect();
        let concerned: Vec<_> = own.iter().map(|one| one.bucket).collect();
        let mut buckets = self.read(&concerned, &[], now);
        for one in own {
            buckets.load_reservation(one);
        }
        buckets.settle(id(name), nanos(cost), now);
        self.write(buckets);
    }
}

/// `a:100/60f` is a limit of 100 in fixed windows of 60 seconds in the bucket `a`; `s` is a sliding one.
fn cap(text: &str) -> Cap {
    let (name, rest) = text.split_once(':').unwrap();
    let (limit, window) = rest.split_once('/').unwrap();
    let (seconds, strategy) = window.split_at(window.len() - 1);
    Cap {
        bucket: bucket(name),
        limit: nanos(limit.parse().unwrap()),
        window: Window {
            seconds: seconds.parse().unwrap(),
            strategy: match strategy {
                "f" => Strategy::Fixed,
                _ => Strategy::Sliding,
            },
        },
    }
}

/// Milliseconds, then `reserve` with the call, its least and most, and its caps, and what comes of it; or `settle`
/// with the call and its cost.
const TABLE: &str = "
    # Exactly the limit fits, and what is reserved counts until it is settled.
    0      reserve one 100-100 a:100/60f         | 100
    1      reserve two 1-100   a:100/60f         | over 0:0+100
    2      settle  one 40
    3      reserve two 1-100   a:100/60f         | 60
    4      reserve six 1-1     a:100/60f         | over 0:40+60
    4      reserve fre 0-0     a:100/60f         | 0
    5      settle  two 0
    6      reserve two 61-100  a:100/60f         | over 0:40+0
    6      reserve two 60-60   a:100/60f         | 60
    # A new window begins with what is still reserved, and takes what is settled in it.
    59999  reserve six 1-1     a:100/60f         | over 0:40+60
    60000  reserve six 1-100   a:100/60f         | 40
    60001  settle  two 60
    60002  settle  six 40
    60003  reserve x   1-1     a:100/60f         | over 0:100+0
    # More than was reserved counts for as much as was reserved, and a second time for nothing.
    120000 reserve one 10-10   a:100/60f         | 10
    120001 settle  one 5000
    120002 settle  one 5000
    120003 reserve one 1-100   a:100/60f         | 90
    120004 settle  one 0

    # Sliding: what was spent leaves one by one, to the millisecond.
    0      reserve s1  30-30   s:100/10s         | 30
    0      settle  s1  30
    5000   reserve s2  70-70   s:100/10s         | 70
    5000   settle  s2  70
    9999   reserve s3  1-1     s:100/10s         | over 0:100+0
    10000  reserve s3  1-100   s:100/10s         | 30
    10001  settle  s3  1
    14999  reserve s4  1-100   s:100/10s         | 29
    15000  reserve s5  1-100   s:100/10s         | 70
    # The same bucket by another limit and another window.
    15001  reserve s6  1-100   s:150/60s         | over 0:101+99
    15001  reserve s6  1-500   s:250/60s         | 50
    15001  reserve s7  1-500   s:400/1f          | 251

    # All caps, or none: the least that is left counts, and all that are too low are told.
    200000 reserve m1  50-50   u:100/60f v:60/60f | 50
    200001 reserve m2  1-100   u:100/60f v:60/60f | 10
    200002 reserve m3  41-100  u:100/60f v:60/60f | over 0:0+60 1:0+60
    200002 reserve m3  30-100  u:100/60f v:60/60f | over 1:0+60
    200002 reserve m3  30-100  u:100/60f          | 40
    200003 settle  m1  50
    200003 settle  m2  10
    # What is lowered below what is spent owes, and refuses everything but what is free.
    200004 reserve m4  1-100   u:20/60f           | over 0:60+40
    200004 reserve m4  0-100   u:20/60f           | 0

    # Who never settles frees his bucket when his time is over, and can settle nothing then.
    300000  reserve d1 100-100 d:100/9000s        | 100
    1299999 reserve d2 1-1     d:100/9000s        | over 0:0+100
    1300000 reserve d2 1-70    d:100/9000s        | 70
    1300001 settle  d1 100
    1300002 reserve d3 1-100   d:100/9000s        | 30
    # A clock that is behind another node's takes nothing out of order.
    1300010 settle  d2 70
    1300005 settle  d3 30
    1300006 reserve d4 1-1     d:100/9000s        | over 0:100+0
";

#[test]
fn what_fits_is_admitted_to_the_last_nano() {
    let mut rows = Rows::default();
    for line in TABLE.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (step, expected) = line.split_once('|').unwrap_or((line, ""));
        let words: Vec<_> = step.split_whitespace().collect();
        let at = words[0].parse().unwrap();
        match words[1] {
            "settle" => rows.settle(words[2], words[3].parse().unwrap(), at),
            _ => {
                let (least, most) = words[3].split_once('-').unwrap();
                let amounts = [least, most].map(|word| word.parse().unwrap());
                let caps: Vec<_> = words[4..].iter().map(|word| cap(word)).collect();
                let told = rows.reserve(words[2], &caps, amounts, at);
                assert_eq!(told, expected.trim(), "{line}");
            }
        }
        let mut sums = std::collections::BTreeMap::new();
        for row in &rows.counted {
            let sum: &mut i64 = sums.entry(row.bucket).or_default();
            *sum += row.amount.nanos();
            assert_eq!(row.total.nanos(), *sum, "{line}");
        }
    }
}

/// Whatever calls come and end, in every window that ends at any moment no more is settled than the limit.
#[test]
fn no_window_is_ever_above_its_limit() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut below = |bound: i64| {
            let bound = u64::try_from(bound).unwrap();
            i64::try_from(random.below(bound)).unwrap()
        };
        let kind = if seed % 2 == 0 { "f" } else { "s" };
        let limit = 1 + below(200);
        let cap = cap(&format!("a:{limit}/1{kind}"));
        let (mut rows, mut now, mut open) = (Rows::default(), 0, Vec::<(String, i64)>::new());
        let (mut refused, mut full) = (0, false);
        for step in 0..300 {
            now += below(120);
            if below(3) == 0 && !open.is_empty() {
                let which = usize::try_from(below(open.len().try_into().unwrap())).unwrap();
                let (name, amount) = open.swap_remove(which);
                rows.settle(&name, below(2 * amount + 1), now);
            } else {
                let most = 1 + below(60);
                let least = 1 + below(most);
                let name = format!("call {step}");
                match rows.reserve(&name, &[cap], [least, most], now).parse() {
                    Ok(amount) => open.push((name, amount)),
                    Err(_) => refused += 1,
                }
            }
            let start = cap.window.start(Timestamp::from_millis(now));
            let inside = rows.counted.iter().filter(|row| row.at >= start);
            let settled: i64 = inside.map(|row| row.amount.nanos()).sum();
            let reserved: i64 = open.iter().map(|(_, amount)| amount).sum();
            assert!(settled + reserved <= limit, "seed {seed}, step {step}");
            full |= settled + reserved == limit;
        }
        assert!(refused > 0 && full, "seed {seed} proves nothing");
    }
}

#[test]
fn a_window_ends_when_it_says() {
    for (text, at, start, frees) in [
        ("a:1/60f", 0, 0, 60_000),
        ("a:1/60f", 59_999, 0, 60_000),
        ("a:1/60f", 60_000, 60_000, 120_000),
        // A week on the clock begins where the epoch did, on a Thursday.
        ("a:1/604800f", 604_800_001, 604_800_000, 1_209_600_000),
        ("a:1/60s", 60_000, 1, 120_000),
        (
            "a:1/1s",
            1_795_521_600_123,
            1_795_521_599_124,
            1_795_521_601_123,
        ),
    ] {
        let window = cap(text).window;
        let at = Timestamp::from_millis(at);
        let (begin, end) = (window.start(at).millis(), window.frees_at(at).millis());
        assert_eq!((begin, end), (start, frees), "{text} {at:?}");
        // What is spent now counts until then, and no longer.
        let frees = window.frees_at(at);
        let before = frees.checked_sub_millis(1).unwrap();
        assert!(
            window.start(before) <= at && window.start(frees) > at,
            "{text}"
        );
    }
}

#[test]
fn the_ends_of_time_and_of_money_are_no_panic() {
    for (seconds, strategy) in [(i64::MAX, Strategy::Fixed), (0, Strategy::Sliding)] {
        let window = Window { seconds, strategy };
        for millis in [i64::MIN, i64::MAX] {
            let at = Timestamp::from_millis(millis);
            let _ = (window.start(at), window.frees_at(at));
        }
    }
    let cap = cap("a:100/60f");
    let mut buckets = Buckets::default();
    let standing = Standing {
        total: nanos(i64::MAX),
        reserved: nanos(i64::MAX),
        ..Standing::default()
    };
    buckets.load(cap.bucket, standing);
    let now = Timestamp::from_millis(0);
    assert_eq!(buckets.left(&cap, now), nanos(i64::MIN));
    buckets.reserve(
        id("one"),
        &[cap],
        nanos(i64::MAX),
        Timestamp::from_millis(9),
    );
    buckets.settle(id("one"), nanos(i64::MAX), now);
    assert!(buckets.grant(&[cap], nanos(1), nanos(1), now).is_err());
}
