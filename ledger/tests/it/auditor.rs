//! Random operations, each judged by the book and by the model.
//!
//! `LEDGER_AUDIT_OPS=1000000` runs more of them; `LEDGER_AUDIT_SEED=…` runs the same ones again.
//! The operations come in episodes, each with books of its own, short enough for the model to
//! count everything afresh at every step. Between steps the changes go to a small store of plain
//! maps and the book may be thrown away, so that what the store must load is tested too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use ledger::{
    Account, AccountId, Amount, Balances, Book, Code, Hold, Limit, Operation, Period, Refusal,
    Spending, Status, Strategy, Timestamp, Transfer, TransferId, replay,
};

use crate::generate::{Generator, Random, customer};
use crate::model::Model;

const EPISODE_GROUPS: u64 = 80;

#[test]
fn the_book_agrees_with_the_model() {
    let seed = from_env("LEDGER_AUDIT_SEED").unwrap_or_else(|| {
        u64::try_from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_micros(),
        )
        .unwrap()
    });
    let operations = from_env("LEDGER_AUDIT_OPS").unwrap_or(100_000);
    println!("LEDGER_AUDIT_SEED={seed} LEDGER_AUDIT_OPS={operations}");
    let mut random = Random(seed);
    let mut tally = Tally::default();
    while tally.operations < operations {
        Episode::new(&mut random).run(&mut tally);
    }
    println!("{:#?}", tally.reached);
    if operations >= 100_000 {
        let missing = tally.missing();
        assert!(missing.is_empty(), "seed {seed}: never reached {missing:?}");
    }
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// How often each kind of outcome came up.
#[derive(Default)]
struct Tally {
    operations: u64,
    reached: BTreeMap<String, u64>,
}

impl Tally {
    fn count(&mut self, group: &[Operation], outcome: &Result<Vec<Status>, (usize, Refusal)>) {
        self.operations += group.len() as u64;
        match outcome {
            Ok(statuses) => {
                for (operation, status) in group.iter().zip(statuses) {
                    self.reach(&format!("{} {status:?}", kind(operation)));
                    if let Operation::Transfer { code, .. } = operation {
                        self.reach(&format!("{code} {status:?}"));
                    }
                }
            }
            Err((index, refusal)) => {
                self.reach(refusal.name());
                if *index > 0 {
                    self.reach("group undone");
                }
            }
        }
    }

    fn reach(&mut self, what: &str) {
        *self.reached.entry(what.to_owned()).or_default() += 1;
    }

    fn missing(&self) -> Vec<String> {
        let accepted = ["transfer", "hold", "hold up to", "post", "void", "expire"]
            .iter()
            .flat_map(|kind| [format!("{kind} New"), format!("{kind} Exists")]);
        let codes = Code::ALL
            .iter()
            .flat_map(|code| [format!("{code} New"), format!("{code} Exists")]);
        let refused = Refusal::ALL.iter().map(|refusal| refusal.name().to_owned());
        let all = accepted
            .chain(codes)
            .chain(refused)
            .chain(["group undone".to_owned()]);
        all.filter(|what| !self.reached.contains_key(what))
            .collect()
    }
}

fn kind(operation: &Operation) -> &'static str {
    match operation {
        Operation::Transfer { .. } => "transfer",
        Operation::Hold { .. } => "hold",
        Operation::HoldUpTo { .. } => "hold up to",
        Operation::Post { .. } => "post",
        Operation::Void { .. } => "void",
        Operation::Expire { .. } => "expire",
    }
}

/// What the database would have.
#[derive(Default)]
struct Store {
    accounts: HashMap<AccountId, Balances>,
    holds: HashMap<TransferId, Hold>,
    transfers: Vec<Transfer>,
}

impl Store {
    /// Loads what the group concerns, and nothing else.
    fn prefetch(&self, book: &mut Book, group: &[Operation]) {
        for operation in group {
            for id in operation.customers() {
                if let Some(balances) = self.accounts.get(&id) {
                    book.load_account(id, *balances);
                }
            }
            if let Some(hold) = operation.hold().and_then(|id| self.holds.get(&id)) {
                book.load_hold(*hold);
            }
            if let Some(known) = self
                .transfers
                .iter()
                .find(|known| known.id == operation.id())
            {
                book.load_transfer(known.clone());
            }
        }
    }

    /// Loads what counts against each limit; everything must have been written before.
    fn load_spending(&self, book: &mut Book, limits: &BTreeMap<AccountId, Limit>, now: Timestamp) {
        for (id, limit) in limits {
            let start = limit.window_start(now);
            let counted = self
                .transfers
                .iter()
                .filter(|one| one.usage_of() == Some(*id));
            let counted = counted.filter(|one| one.at >= start);
            let settled = Amount::from_nanos(counted.map(|one| one.amount.nanos()).sum());
            let limit = *limit;
            book.load_spending(*id, Spending { limit, settled });
        }
    }

    fn write(&mut self, book: &mut Book) {
        let changes = book.take_changes();
        self.transfers.extend(changes.transfers);
        self.holds
            .extend(changes.holds.into_iter().map(|hold| (hold.id, hold)));
        self.accounts.extend(changes.balances);
    }
}

struct Episode<'a> {
    random: &'a mut Random,
    seed: u64,
    /// The largest ordinary amount: small, so that credit runs out, or vast, so that totals do.
    scale: u64,
    now: i64,
    asked: Vec<Operation>,
    model: Model,
    store: Store,
    book: Book,
}

impl<'a> Episode<'a> {
    fn new(random: &'a mut Random) -> Self {
        let seed = random.0;
        let customers: Vec<AccountId> = (0..3).map(customer).collect();
        let mut store = Store::default();
        store
            .accounts
            .extend(customers.iter().map(|id| (*id, Balances::default())));
        let scale = if random.one_in(4) {
            i64::MAX.unsigned_abs() / 3
        } else {
            40
        };
        let model = Model {
            customers,
            accepted: Vec::new(),
            accepted_at: Vec::new(),
            limits: BTreeMap::new(),
            frozen: BTreeSet::new(),
        };
        let (asked, book) = (Vec::new(), Book::new());
        Self {
            random,
            seed,
            scale,
            now: 0,
            asked,
            model,
            store,
            book,
        }
    }

    fn run(mut self, tally: &mut Tally) {
        for _ in 0..EPISODE_GROUPS {
            self.step(tally);
        }
        self.store.write(&mut self.book);
        self.check_store();
        self.check_replay();
    }

    fn step(&mut self, tally: &mut Tally) {
        if self.random.one_in(3) {
            self.now += i64::from(self.random.small(4));
        }
        self.change_limits();
        self.change_frozen();
        let now = Timestamp::from_millis(self.now);
        let size = if self.random.one_in(4) {
            1 + self.random.below(5)
        } else {
            1
        };
        let mut group = Vec::new();
        for _ in 0..size {
            let mut generator = Generator {
                random: &mut *self.random,
                model: &self.model,
                asked: &self.asked,
                now: self.now,
                scale: self.scale,
            };
            let operation = generator.operation();
            self.asked.push(operation.clone());
            group.push(operation);
        }
        let limited = !self.model.limits.is_empty();
        if limited || self.random.one_in(2) {
            self.store.write(&mut self.book);
            if self.random.one_in(2) {
                self.book = Book::new();
            }
        }
        self.store.prefetch(&mut self.book, &group);
        self.store
            .load_spending(&mut self.book, &self.model.limits, now);
        for id in &self.model.customers {
            self.book.set_frozen(*id, self.model.frozen.contains(id));
        }
        let expected = self.model.apply(&group, now);
        let got = match self.book.apply(&group, now) {
            Ok(outcomes) => Ok(outcomes.iter().map(|outcome| outcome.status).collect()),
            Err(refused) => Err((refused.index, refused.refusal)),
        };
        assert_eq!(
            got, expected,
            "episode {}, at {now:?}: {group:#?}",
            self.seed
        );
        tally.count(&group, &got);
        self.check_book();
    }

    /// Sets a limit now and then, and lets days pass for those that there are; some twenty in all, so
    /// that every episode ends within its month.
    fn change_limits(&mut self) {
        if self.random.one_in(150) {
            let limit = Limit {
                amount: Amount::from_nanos(
                    i64::try_from(self.random.below(self.scale * 2)).unwrap(),
                ),
                period: *self.random.pick(Period::ALL),
                strategy: *self.random.pick(Strategy::ALL),
            };
            let id = customer(self.random.small(3));
            self.model.limits.insert(id, limit);
        }
        let early = self.now < 20 * 86_400_000;
        if early && !self.model.limits.is_empty() && self.random.one_in(12) {
            self.now += i64::try_from(self.random.below(2 * 86_400_000)).unwrap();
        }
    }

    /// Freezes a customer now and then, for a while.
    fn change_frozen(&mut self) {
        if self.random.one_in(60) {
            self.model.frozen.insert(customer(self.random.small(3)));
        }
        if self.random.one_in(10) {
            self.model.frozen.pop_first();
        }
    }

    /// What the book has at hand is what the model counts.
    fn check_book(&self) {
        for id in &self.model.customers {
            if let Some(balances) = self.book.balances(*id) {
                self.check_balances(*id, balances);
            }
        }
        for id in self.model.holds() {
            if let Some(hold) = self.book.hold(id) {
                self.check_hold(hold);
            }
        }
    }

    fn check_balances(&self, id: AccountId, balances: &Balances) {
        let nanos = |amount: Amount| i128::from(amount.nanos());
        let model = &self.model;
        let seed = self.seed;
        assert_eq!(
            nanos(balances.debits_posted),
            model.debits_posted(id),
            "episode {seed}"
        );
        assert_eq!(
            nanos(balances.debits_pending),
            model.debits_pending(id),
            "episode {seed}"
        );
        assert_eq!(
            nanos(balances.credits_posted),
            model.credits_posted(id),
            "episode {seed}"
        );
        assert_eq!(nanos(balances.credits_pending), 0, "episode {seed}");
        assert_eq!(
            nanos(balances.available()),
            model.available(id),
            "episode {seed}"
        );
    }

    fn check_hold(&self, hold: &Hold) {
        let fate = self.model.fate(hold.id).unwrap();
        let got = (
            hold.account,
            i128::from(hold.amount.nanos()),
            hold.state,
            hold.expires_at,
        );
        assert_eq!(
            got,
            (fate.account, fate.amount, fate.state, fate.expires_at)
        );
        assert_eq!(
            i128::from(hold.posted.nanos()),
            fate.posted,
            "episode {}",
            self.seed
        );
    }

    /// What was written is all that the model knows, and nothing else.
    fn check_store(&self) {
        let written: Vec<TransferId> = self.store.transfers.iter().map(|t| t.id).collect();
        let accepted: Vec<TransferId> = self.model.accepted.iter().map(Operation::id).collect();
        assert_eq!(written, accepted, "episode {}", self.seed);
        for (id, balances) in &self.store.accounts {
            self.check_balances(*id, balances);
        }
        assert_eq!(self.store.holds.len(), self.model.holds().count());
        for hold in self.store.holds.values() {
            self.check_hold(hold);
        }
    }

    /// The transfers alone give the same totals and holds as the book.
    fn check_replay(&self) {
        let replayed = replay(self.store.transfers.iter().cloned());
        assert_eq!(replayed.problems, [], "episode {}", self.seed);
        assert_eq!(replayed.imbalance(), 0, "episode {}", self.seed);
        for (id, balances) in &self.store.accounts {
            let totals = replayed
                .balances
                .get(&Account::Customer(*id))
                .copied()
                .unwrap_or_default();
            assert!(
                totals.agrees_with(balances),
                "episode {}: {totals:?}",
                self.seed
            );
        }
        let stored: BTreeMap<TransferId, Hold> = self
            .store
            .holds
            .iter()
            .map(|(id, hold)| (*id, *hold))
            .collect();
        assert_eq!(replayed.holds, stored, "episode {}", self.seed);
    }
}
