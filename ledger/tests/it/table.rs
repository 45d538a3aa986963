//! A text table of operations with what comes of each in its last column.
//!
//! ```text
//! account A                                    a customer with nothing
//! account A credits=max debits=5 pending=5     a customer as the database has it
//! hold_row H9 A posted=1 of=5 exp=10           a hold as the database has it
//! fund A 500                                   credits from adjustments
//! transfer T1 clearing>A 100 top_up ref=x      | ok
//! hold H1 A>revenue 100 usage exp=10           | ok
//! hold_up_to H2 A>revenue 9..100 usage exp=10  | ok
//! post P1 A.H1 40 last + void V1 A.H2          | hold_not_found@1
//! limit A 100 daily fixed                      what A may spend in a window
//! freeze A                                     A may not spend; `thaw A` ends it
//! tick 5                                       time goes on by 5 ms, or days as `1d`; it starts at 0
//! balance A                                    | posted=500 held=100 available=400
//! state H1                                     | open 40/100
//! changes                                      | transfers=2 holds=1 balances=1
//! ```
//!
//! Operations joined by ` + ` are one group. Amounts are nanos, or `max`, `max-1`, `min`. A
//! reference `*255` is 255 bytes long. At the end the changes are replayed and must agree.

use ledger::{
    Account, AccountId, Amount, Balances, Book, Code, Hold, HoldState, Limit, Operation, Period,
    Replay, Spending, Status, Strategy, Timestamp, TransferId,
};

/// Runs a table and fails with every line that came out otherwise.
#[track_caller]
pub(crate) fn check(table: &str) {
    let mut run = Run::new();
    let mut failures = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        let (command, expected) = line.split_once('|').unwrap_or((line, ""));
        let got = run.line(command.trim());
        if got != expected.trim() {
            failures.push(format!("{line}\n    got: {got}"));
        }
    }
    run.finish(&mut failures);
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

struct Run {
    book: Book,
    replay: Replay,
    /// Rows that no transfer explains have been loaded, so that a replay could not agree.
    loaded: bool,
    customers: Vec<AccountId>,
    holds: Vec<TransferId>,
    now: i64,
    funds: u128,
    limits: Vec<(AccountId, Limit)>,
    /// Every debit of usage with its time, as the database has them.
    spent: Vec<(AccountId, Timestamp, Amount)>,
}

impl Run {
    fn new() -> Self {
        Self {
            book: Book::new(),
            replay: Replay::default(),
            loaded: false,
            customers: Vec::new(),
            holds: Vec::new(),
            now: 0,
            funds: 0,
            limits: Vec::new(),
            spent: Vec::new(),
        }
    }

    fn line(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "account" => self.account(&words),
            "hold_row" => self.hold_row(&words),
            "fund" => self.fund(words[1], words[2]),
            "tick" => {
                self.now += match words[1].strip_suffix('d') {
                    Some(days) => days.parse::<i64>().unwrap() * 86_400_000,
                    None => words[1].parse::<i64>().unwrap(),
                };
                String::new()
            }
            "limit" => self.limit(&words),
            "freeze" | "thaw" => {
                self.book
                    .set_frozen(customer(words[1]), words[0] == "freeze");
                String::new()
            }
            "balance" => self.balance(words[1]),
            "state" => self.state(words[1]),
            "changes" => self.changes(),
            _ => self.operations(command),
        }
    }

    fn account(&mut self, words: &[&str]) -> String {
        self.loaded |= words.len() > 2;
        let total = |key| option(words, key).map_or(Amount::ZERO, amount);
        let balances = Balances {
            debits_pending: total("pending"),
            debits_posted: total("debits"),
            credits_pending: Amount::ZERO,
            credits_posted: total("credits"),
        };
        self.book.load_account(customer(words[1]), balances);
        self.customers.push(customer(words[1]));
        String::new()
    }

    fn hold_row(&mut self, words: &[&str]) -> String {
        self.loaded = true;
        self.book.load_hold(Hold {
            id: id(words[1]),
            account: customer(words[2]),
            credit: Account::Revenue,
            code: Code::Usage,
            amount: amount(option(words, "of").unwrap()),
            posted: amount(option(words, "posted").unwrap()),
            state: HoldState::Open,
            expires_at: millis(option(words, "exp").unwrap()),
        });
        String::new()
    }

    fn fund(&mut self, to: &str, nanos: &str) -> String {
        self.funds += 1;
        let operation = Operation::Transfer {
            id: TransferId::from_u128(self.funds),
            debit: Account::Adjustments,
            credit: Account::Customer(customer(to)),
            amount: amount(nanos),
            code: Code::Adjustment,
            reference: String::new(),
        };
        self.book
            .apply(&[operation], Timestamp::from_millis(self.now))
            .unwrap();
        String::new()
    }

    fn limit(&mut self, words: &[&str]) -> String {
        let limit = Limit {
            amount: amount(words[2]),
            period: Period::from_name(words[3]).unwrap(),
            strategy: Strategy::from_name(words[4]).unwrap(),
        };
        self.limits.retain(|(id, _)| *id != customer(words[1]));
        self.limits.push((customer(words[1]), limit));
        String::new()
    }

    /// What counts at this moment, as the committer would load it.
    fn load_spending(&mut self) {
        for (account, limit) in &self.limits {
            let start = limit.window_start(Timestamp::from_millis(self.now));
            let counted = self
                .spent
                .iter()
                .filter(|(id, at, _)| id == account && *at >= start);
            let settled = counted.map(|(_, _, amount)| amount.nanos()).sum();
            let settled = Amount::from_nanos(settled);
            let limit = *limit;
            self.book
                .load_spending(*account, Spending { limit, settled });
        }
    }

    fn operations(&mut self, command: &str) -> String {
        let group: Vec<Operation> = command.split(" + ").map(operation).collect();
        self.holds
            .extend(group.iter().filter_map(|operation| match operation {
                Operation::Hold { id, .. } | Operation::HoldUpTo { id, .. } => Some(*id),
                _ => None,
            }));
        self.load_spending();
        match self.book.apply(&group, Timestamp::from_millis(self.now)) {
            Ok(outcomes) => {
                let new = outcomes.iter().filter(|outcome| outcome.is_new());
                self.spent.extend(new.filter_map(|outcome| {
                    let debit = &outcome.transfer;
                    Some((debit.usage_of()?, debit.at, debit.amount))
                }));
                let words = outcomes.iter().map(|outcome| match outcome.status {
                    Status::New => "ok",
                    Status::Exists => "exists",
                });
                words.collect::<Vec<_>>().join(" ")
            }
            Err(refused) if group.len() == 1 => refused.refusal.name().to_owned(),
            Err(refused) => format!("{}@{}", refused.refusal.name(), refused.index),
        }
    }

    fn balance(&self, name: &str) -> String {
        match self.book.balances(customer(name)) {
            None => "none".to_owned(),
            Some(totals) => format!(
                "posted={} held={} available={}",
                totals.posted().nanos(),
                totals.held().nanos(),
                totals.available().nanos()
            ),
        }
    }

    fn state(&self, name: &str) -> String {
        match self.book.hold(id(name)) {
            None => "none".to_owned(),
            Some(hold) => {
                format!(
                    "{} {}/{}",
                    hold.state,
                    hold.posted.nanos(),
                    hold.amount.nanos()
                )
            }
        }
    }

    fn changes(&mut self) -> String {
        let changes = self.book.take_changes();
        for transfer in &changes.transfers {
            self.replay.push(transfer);
        }
        format!(
            "transfers={} holds={} balances={}",
            changes.transfers.len(),
            changes.holds.len(),
            changes.balances.len()
        )
    }

    /// The transfers alone must explain every total and every hold of the book.
    fn finish(mut self, failures: &mut Vec<String>) {
        if self.loaded {
            return;
        }
        self.changes();
        let replayed = self.replay.finish();
        failures.extend(
            replayed
                .problems
                .iter()
                .map(|problem| format!("replay: {problem}")),
        );
        if replayed.imbalance() != 0 {
            failures.push("replay: the books do not add up".to_owned());
        }
        for id in self.customers {
            let totals = replayed
                .balances
                .get(&Account::Customer(id))
                .copied()
                .unwrap_or_default();
            if !totals.agrees_with(self.book.balances(id).unwrap()) {
                failures.push(format!("replay: other totals for {id}: {totals:?}"));
            }
        }
        for id in self.holds {
            if replayed.holds.get(&id) != self.book.hold(id) {
                failures.push(format!("replay: another hold {id}"));
            }
        }
    }
}

pub(crate) fn operation(text: &str) -> Operation {
    let words: Vec<&str> = text.split_whitespace().collect();
    let reference = option(&words, "ref").map_or(String::new(), reference);
    let id = id(words[1]);
    match words[0] {
        "transfer" => {
            let (debit, credit) = words[2].split_once('>').unwrap();
            let (debit, credit) = (account(debit), account(credit));
            let (amount, code) = (amount(words[3]), Code::from_name(words[4]).unwrap());
            Operation::Transfer {
                id,
                debit,
                credit,
                amount,
                code,
                reference,
            }
        }
        "hold" => {
            let (holder, credit) = words[2].split_once('>').unwrap();
            let (account, credit) = (customer(holder), account(credit));
            let (amount, code) = (amount(words[3]), Code::from_name(words[4]).unwrap());
            let expires_at = millis(option(&words, "exp").unwrap());
            Operation::Hold {
                id,
                account,
                credit,
                amount,
                code,
                reference,
                expires_at,
            }
        }
        "hold_up_to" => {
            let (holder, credit) = words[2].split_once('>').unwrap();
            let (least, most) = words[3].split_once("..").unwrap();
            Operation::HoldUpTo {
                id,
                account: customer(holder),
                credit: account(credit),
                most: amount(most),
                least: amount(least),
                code: Code::from_name(words[4]).unwrap(),
                reference,
                expires_at: millis(option(&words, "exp").unwrap()),
            }
        }
        "post" => {
            let (account, hold) = owned_hold(words[2]);
            let (amount, last) = (amount(words[3]), words.contains(&"last"));
            Operation::Post {
                id,
                account,
                hold,
                amount,
                last,
                reference,
            }
        }
        "void" => {
            let (account, hold) = owned_hold(words[2]);
            Operation::Void { id, account, hold }
        }
        "expire" => {
            let (account, hold) = owned_hold(words[2]);
            Operation::Expire { id, account, hold }
        }
        other => panic!("unknown command {other}"),
    }
}

fn owned_hold(text: &str) -> (AccountId, TransferId) {
    let (account, hold) = text.split_once('.').unwrap();
    (customer(account), id(hold))
}

fn option<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words
        .iter()
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

fn reference(text: &str) -> String {
    match text.strip_prefix('*') {
        Some(length) => "r".repeat(length.parse().unwrap()),
        None => text.to_owned(),
    }
}

fn amount(text: &str) -> Amount {
    Amount::from_nanos(match text {
        "max" => i64::MAX,
        "max-1" => i64::MAX - 1,
        "min" => i64::MIN,
        number => number.parse().unwrap(),
    })
}

fn millis(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse().unwrap())
}

/// A capital letter is a customer; everything else is a system account's own name.
fn account(name: &str) -> Account {
    if name.len() == 1 {
        Account::Customer(customer(name))
    } else {
        name.parse().unwrap()
    }
}

fn customer(name: &str) -> AccountId {
    AccountId::from_bytes(id(name).as_u128().to_be_bytes())
}

/// The name's own bytes, at the upper end, so that it never meets the number of a `fund`.
pub(crate) fn id(name: &str) -> TransferId {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    TransferId::from_u128(u128::from_be_bytes(bytes))
}
