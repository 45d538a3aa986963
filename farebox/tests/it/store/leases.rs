//! Leases: credit that is held for many calls at once, of which what is idle is there for everybody.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use farebox::ids;
use farebox::store::committer::CommitError;
use farebox::store::leases::{Leases, Look, Part, Wanted};
use farebox::store::{Store, holds, leases};
use futures_util::future::join_all;
use ledger::{Amount, Operation, Outcome, Refusal, TransferId};

use tokio::sync::RwLock;

use crate::app::{Engine, TestApp};
use crate::gateway::storm::plan::Random;
use crate::store::money;

fn id() -> TransferId {
    ids::transfer_for("test", &ids::opaque())
}

fn leases(app: &TestApp) -> &Leases {
    app.app.store.committer.leases()
}

fn wanted(app: &TestApp, amount: Amount) -> Wanted {
    Wanted {
        hold: id(),
        account: app.account,
        amount,
        at: app.app.now(),
        usable_until: app.app.now_plus(Duration::from_secs(60)),
        expires_at: app.app.now_plus(Duration::from_secs(600)),
    }
}

/// Takes `charged` out of a part and gives back the rest, as the settlement of a call does.
async fn end(app: &TestApp, part: Part, charged: i64) {
    let amount = Amount::from_nanos(charged);
    if !amount.is_positive() {
        return leases(app).end(part);
    }
    let post = Operation::Post {
        id: id(),
        account: app.account,
        // Wherever it is.
        hold: id(),
        amount,
        last: false,
        reference: "openai/gpt-4o".to_owned(),
    };
    let committer = &app.app.store.committer;
    committer.commit_part(part, vec![post], None).await.unwrap();
}

async fn available(app: &TestApp) -> i64 {
    let found = holds::balances(&app.app.store.db, app.account).await;
    found.unwrap().available().nanos()
}

/// Closes every lease, and waits until it has.
async fn close(app: &TestApp, number: u64) {
    let committer = &app.app.store.committer;
    let look = || leases(app).look((app.account, number), app.app.now(), 0, true);
    app.until(async || match look() {
        Look::Gone => true,
        Look::InUse => false,
        Look::Over => committer.close_lease(app.account, number).await.unwrap(),
    })
    .await;
}

/// What is owed and what there is, by the simplest of books.
#[derive(Default)]
struct Model {
    credit: i64,
    parts: Vec<Part>,
    held: Vec<(TransferId, i64)>,
    leases: Vec<u64>,
}

impl Model {
    fn free(&self) -> i64 {
        let parts: i64 = self.parts.iter().map(|part| part.amount.nanos()).sum();
        let held: i64 = self.held.iter().map(|(_, amount)| amount).sum();
        self.credit - parts - held
    }
}

fn granted(answer: Result<Outcome, CommitError>) -> Option<i64> {
    match answer {
        Ok(outcome) => Some(outcome.transfer.amount.nanos()),
        Err(CommitError::Refused(refused)) => {
            assert_eq!(refused.refusal, Refusal::InsufficientCredit);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Up to a little more than there is, and often exactly that.
fn amount(random: &mut Random, free: i64) -> i64 {
    let free = free.max(0);
    match random.below(4) {
        0 => free.max(1),
        1 => free + 1,
        _ => 1 + i64::try_from(random.below(10_000)).unwrap() % (free + 2),
    }
}

async fn step(app: &TestApp, model: &mut Model, random: &mut Random) {
    let committer = &app.app.store.committer;
    let size = |random: &mut Random, of: usize| {
        usize::try_from(random.below(u64::try_from(of).unwrap())).unwrap()
    };
    match random.below(12) {
        0 | 1 if model.free() >= 100 => {
            let lease = wanted(app, Amount::from_nanos(model.free() / 10));
            model
                .leases
                .extend(committer.open_lease(&lease).await.unwrap());
        }
        2..=4 => {
            let most = Amount::from_nanos(1 + i64::try_from(random.below(60)).unwrap());
            model
                .parts
                .extend(leases(app).take(app.account, most, app.app.now()));
        }
        5 | 6 if !model.parts.is_empty() => {
            let part = model.parts.swap_remove(size(random, model.parts.len()));
            let most = u64::try_from(part.amount.nanos()).unwrap();
            let charged = i64::try_from(random.below(most + 1)).unwrap();
            end(app, part, charged).await;
            model.credit -= charged;
        }
        7 => {
            let (new, free) = (id(), model.free());
            let wanted = amount(random, free);
            let held = committer.commit_one(money::hold(app.account, new, wanted));
            assert_eq!(granted(held.await), (wanted <= free).then_some(wanted));
            model.held.extend((wanted <= free).then_some((new, wanted)));
        }
        8 => {
            let (new, free) = (id(), model.free());
            let (most, least) = (amount(random, free), amount(random, free));
            let (most, least) = (most.max(least), most.min(least));
            let held = committer.commit_one(up_to(app, new, most, least));
            let expected = (least <= free).then_some(most.min(free));
            assert_eq!(granted(held.await), expected);
            model.held.extend(expected.map(|amount| (new, amount)));
        }
        9 | 10 if !model.held.is_empty() => {
            let (hold, _) = model.held.swap_remove(size(random, model.held.len()));
            let void = money::void(app.account, id(), hold);
            committer.commit_one(void).await.unwrap();
        }
        11 => {
            let credit = money::credit(app.account, id(), 1);
            committer.commit_one(credit).await.unwrap();
            model.credit += 10_000_000;
        }
        _ => {}
    }
}

fn up_to(app: &TestApp, new: TransferId, most: i64, least: i64) -> Operation {
    let Operation::Hold {
        id,
        account,
        credit,
        code,
        reference,
        expires_at,
        ..
    } = money::hold(app.account, new, most)
    else {
        unreachable!()
    };
    Operation::HoldUpTo {
        id,
        account,
        credit,
        most: Amount::from_nanos(most),
        least: Amount::from_nanos(least),
        code,
        reference,
        expires_at,
    }
}

fn seed() -> Random {
    let seed = match std::env::var("FAREBOX_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from_str_radix(&ids::opaque()[..15], 16).unwrap(),
    };
    eprintln!("FAREBOX_TEST_SEED={seed}");
    Random(seed)
}

/// Whatever happens in whatever order, what is free is there for whoever asks, to the last of it and no more.
async fn what_is_idle_is_refused_to_nobody(app: &TestApp) {
    let mut random = seed();
    let mut model = Model::default();
    // Alone, so that parts are settled where they are, and not by the committer's thread.
    let _under_way = app.app.store.db.call_begins();
    for _ in 0..600 {
        step(app, &mut model, &mut random).await;
        let idle = leases(app).idle(app.account).nanos();
        assert_eq!(available(app).await + idle, model.free());
    }
    for part in std::mem::take(&mut model.parts) {
        end(app, part, 1).await;
        model.credit -= 1;
    }
    for (hold, _) in std::mem::take(&mut model.held) {
        let void = money::void(app.account, id(), hold);
        app.app.store.committer.commit_one(void).await.unwrap();
    }
    for number in &model.leases {
        close(app, *number).await;
    }
    assert_eq!(available(app).await, model.credit);
}

/// Parts are settled while somebody holds all that there is but for them, to the last nano, so that the lease's hold is
/// moved under them.
async fn what_is_taken_is_settled_wherever_its_hold_has_gone(app: &TestApp) {
    const CREDIT: i64 = 1_000_000_000;
    const PART: i64 = 1_000_000;
    let random = Mutex::new(seed());
    let below = |end| random.lock().unwrap().below(end);
    let committer = &app.app.store.committer;
    let credit = money::credit(app.account, id(), 100);
    committer.commit_one(credit).await.unwrap();
    // What is charged, and in full what is taken: it grows while the gate is read, and shrinks at any time.
    let (gate, spent) = (RwLock::new(()), AtomicI64::new(0));
    let numbers = Mutex::new(Vec::new());
    let take = async || {
        let _open = gate.read().await;
        let part = leases(app).take(app.account, Amount::from_nanos(PART), app.app.now());
        if part.is_some() {
            spent.fetch_add(PART, Ordering::SeqCst);
            return part;
        }
        // All that is there, so that nothing but the lease can give anything back.
        let all = CREDIT - spent.load(Ordering::SeqCst);
        let lease = wanted(app, Amount::from_nanos(all));
        if let Ok(number) = committer.open_lease(&lease).await {
            numbers.lock().unwrap().extend(number);
        }
        None
    };
    let calls = (0..16).map(async |_| {
        for _ in 0..40 {
            let Some(part) = take().await else { continue };
            tokio::time::sleep(Duration::from_millis(below(4))).await;
            let cost = i64::try_from(below(PART.unsigned_abs() + 1)).unwrap();
            end(app, part, cost).await;
            spent.fetch_sub(PART - cost, Ordering::SeqCst);
        }
    });
    let other = async {
        for _ in 0..60 {
            let closed = gate.write().await;
            let (new, all) = (id(), CREDIT - spent.load(Ordering::SeqCst));
            let held = committer.commit_one(money::hold(app.account, new, all));
            assert_eq!(granted(held.await), Some(all));
            let void = money::void(app.account, id(), new);
            committer.commit_one(void).await.unwrap();
            drop(closed);
            tokio::time::sleep(Duration::from_millis(below(4))).await;
        }
    };
    tokio::join!(join_all(calls), other);
    for number in numbers.into_inner().unwrap() {
        close(app, number).await;
    }
    assert_eq!(available(app).await, CREDIT - spent.into_inner());
}

/// Where more was taken back than there is, nothing of a lease that is partly used can be given back, and nobody
/// waits for it.
async fn whoever_owes_is_refused_at_once(app: &TestApp) {
    let committer = &app.app.store.committer;
    let credit = money::credit(app.account, id(), 100);
    committer.commit_one(credit).await.unwrap();
    let lease = wanted(app, Amount::from_nanos(1_000_000));
    let number = committer.open_lease(&lease).await.unwrap().unwrap();
    let part = leases(app).take(app.account, Amount::from_nanos(1000), app.app.now());
    let owes = "UPDATE balances SET debits_posted = debits_posted + 2000000000";
    app.app.store.db.execute(owes, &[]).await.unwrap();
    let held = committer.commit_one(money::hold(app.account, id(), 1));
    let held = tokio::time::timeout(Duration::from_secs(5), held).await;
    assert_eq!(granted(held.unwrap()), None);
    let paid = "UPDATE balances SET debits_posted = debits_posted - 2000000000";
    app.app.store.db.execute(paid, &[]).await.unwrap();
    end(app, part.unwrap(), 1000).await;
    close(app, number).await;
}

crate::on_both_engines![
    whoever_owes_is_refused_at_once,
    what_is_idle_is_refused_to_nobody,
    what_is_taken_is_settled_wherever_its_hold_has_gone,
];

/// A process that dies leaves its leases held. The next one releases them before it serves anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_has_left_is_released_at_the_next_start() {
    let app = TestApp::start(Engine::Sqlite, &[]).await.unwrap();
    let committer = &app.app.store.committer;
    let credit = money::credit(app.account, id(), 100);
    committer.commit_one(credit).await.unwrap();
    let lease = wanted(&app, Amount::from_nanos(10_000_000));
    committer.open_lease(&lease).await.unwrap().unwrap();
    let other = id();
    let hold = money::hold(app.account, other, 1);
    committer.commit_one(hold).await.unwrap();
    // What a start looks for, and no hold besides.
    let left = leases::left_behind(&app.app.store.db).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, lease.hold);
    Store::release_leases(&app.app.store).await.unwrap();
    assert_eq!(available(&app).await, 1_000_000_000 - 1);
    let void = money::void(app.account, id(), other);
    committer.commit_one(void).await.unwrap();
}
