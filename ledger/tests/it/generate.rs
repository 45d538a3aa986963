//! Random operations that are worth judging: mostly sensible, sometimes absurd, often repeated.

use ledger::{Account, AccountId, Amount, Code, Operation, Timestamp, TransferId};

use crate::model::Model;

/// What the next operation is drawn from.
pub(crate) struct Generator<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) model: &'a Model,
    /// Everything asked for so far in this episode, refused or not.
    pub(crate) asked: &'a [Operation],
    pub(crate) now: i64,
    /// Ordinary amounts stay below it.
    pub(crate) scale: u64,
}

impl Generator<'_> {
    pub(crate) fn operation(&mut self) -> Operation {
        let id = TransferId::from_u128(u128::from(self.random.next()));
        if !self.random.one_in(4) {
            return self.fresh(id);
        }
        // Repeats of what was refused are rarely of interest, but they happen.
        let history = if self.random.one_in(8) {
            self.asked
        } else {
            self.model.accepted.as_slice()
        };
        if history.is_empty() {
            return self.fresh(id);
        }
        let earlier = self.random.pick(history).clone();
        match self.random.below(6) {
            0 => self.fresh(earlier.id()),
            1..=3 => self.altered(earlier),
            _ => earlier,
        }
    }

    fn fresh(&mut self, id: TransferId) -> Operation {
        let reference = self.reference();
        match self.random.below(13) {
            12 => self.money_goes_back(id, reference),
            0..=2 => Operation::Transfer {
                id,
                debit: Account::Clearing,
                credit: Account::Customer(self.customer()),
                amount: self.amount(),
                code: self.code(),
                reference,
            },
            3 => Operation::Transfer {
                id,
                debit: self.account(),
                credit: self.account(),
                amount: self.amount(),
                code: self.code(),
                reference,
            },
            4 => {
                let (one, other) = (self.amount(), self.amount());
                // One in twenty has its ends swapped.
                let swapped = self.random.one_in(20) != (one > other);
                let (least, most) = if swapped { (other, one) } else { (one, other) };
                Operation::HoldUpTo {
                    id,
                    account: self.customer(),
                    credit: Account::Revenue,
                    most,
                    least,
                    code: self.code(),
                    reference,
                    expires_at: Timestamp::from_millis(self.now + i64::from(self.random.small(12))),
                }
            }
            5..=6 => Operation::Hold {
                id,
                account: self.customer(),
                credit: if self.random.one_in(20) {
                    self.account()
                } else {
                    Account::Revenue
                },
                amount: self.amount(),
                code: self.code(),
                reference,
                expires_at: Timestamp::from_millis(self.now + i64::from(self.random.small(12))),
            },
            kind => {
                let (account, hold) = self.owned_hold();
                match kind {
                    7..=9 => {
                        let (amount, last) = (self.amount(), self.random.one_in(3));
                        Operation::Post {
                            id,
                            account,
                            hold,
                            amount,
                            last,
                            reference,
                        }
                    }
                    10 => Operation::Void { id, account, hold },
                    _ => Operation::Expire { id, account, hold },
                }
            }
        }
    }

    /// A refund or a lost dispute, or its money that comes back.
    fn money_goes_back(&mut self, id: TransferId, reference: String) -> Operation {
        let (customer, amount) = (Account::Customer(self.customer()), self.amount());
        let code = *self
            .random
            .pick(&[Code::Reversal, Code::Refund, Code::Reinstatement]);
        let (debit, credit) = if code == Code::Reinstatement {
            (Account::Clearing, customer)
        } else {
            (customer, Account::Clearing)
        };
        Operation::Transfer {
            id,
            debit,
            credit,
            amount,
            code,
            reference,
        }
    }

    /// The same operation with one field drawn again.
    fn altered(&mut self, mut operation: Operation) -> Operation {
        let field = self.random.below(6);
        let (amount_now, code_now) = (self.amount(), self.code());
        let (reference_now, holder) = (self.reference(), self.customer());
        let (_, hold_now) = self.owned_hold();
        let account_now = self.account();
        match &mut operation {
            Operation::Transfer {
                debit,
                credit,
                amount,
                code,
                reference,
                ..
            } => match field {
                0 => *debit = account_now,
                1 => *credit = account_now,
                2 => *amount = amount_now,
                3 => *code = code_now,
                _ => *reference = reference_now,
            },
            Operation::Hold {
                account,
                credit,
                amount,
                code,
                reference,
                expires_at,
                ..
            } => match field {
                0 => *account = holder,
                1 => *credit = account_now,
                2 => *amount = amount_now,
                3 => *code = code_now,
                4 => *reference = reference_now,
                _ => *expires_at = expires_at.checked_add_millis(1).unwrap(),
            },
            Operation::HoldUpTo {
                account,
                most,
                least,
                code,
                reference,
                expires_at,
                ..
            } => match field {
                0 => *account = holder,
                1 => *most = amount_now,
                2 => *least = amount_now,
                3 => *code = code_now,
                4 => *reference = reference_now,
                _ => *expires_at = expires_at.checked_add_millis(1).unwrap(),
            },
            Operation::Post {
                account,
                hold,
                amount,
                last,
                reference,
                ..
            } => match field {
                0 => *account = holder,
                1 => *hold = hold_now,
                2 => *amount = amount_now,
                3 => *last = !*last,
                _ => *reference = reference_now,
            },
            Operation::Void { account, hold, .. } | Operation::Expire { account, hold, .. } => {
                match field {
                    0..=2 => *account = holder,
                    _ => *hold = hold_now,
                }
            }
        }
        operation
    }

    /// A hold that was made, mostly, with its owner, mostly.
    fn owned_hold(&mut self) -> (AccountId, TransferId) {
        let stranger = self.customer();
        let holds: Vec<TransferId> = self.model.holds().collect();
        if holds.is_empty() || self.random.one_in(30) {
            return (stranger, TransferId::from_u128(1));
        }
        // The newest are the likeliest to be open still.
        let newest = &holds[holds.len().saturating_sub(4)..];
        let hold = *self.random.pick(newest);
        let owner = self.model.fate(hold).unwrap().account;
        (
            if self.random.one_in(20) {
                stranger
            } else {
                owner
            },
            hold,
        )
    }

    fn amount(&mut self) -> Amount {
        Amount::from_nanos(match self.random.below(20) {
            0 => 0,
            1 => -1,
            2 => 1,
            _ => i64::try_from(self.random.below(self.scale)).unwrap(),
        })
    }

    /// One customer in thirty does not exist.
    fn customer(&mut self) -> AccountId {
        customer(if self.random.one_in(30) {
            9
        } else {
            self.random.small(3)
        })
    }

    fn account(&mut self) -> Account {
        match self.random.below(10) {
            0..=3 => Account::Customer(self.customer()),
            4..=6 => Account::Clearing,
            7 => Account::Revenue,
            8 => Account::Fees,
            _ => Account::Promotions,
        }
    }

    fn code(&mut self) -> Code {
        *self.random.pick(Code::ALL)
    }

    fn reference(&mut self) -> String {
        match self.random.below(40) {
            0 => "r".repeat(256),
            1 => "r".repeat(255),
            2..=9 => "r".to_owned(),
            _ => String::new(),
        }
    }
}

pub(crate) fn customer(number: u8) -> AccountId {
    AccountId::from_bytes([number; 16])
}

/// splitmix64: ten lines, and the same numbers everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn small(&mut self, limit: u8) -> u8 {
        u8::try_from(self.below(u64::from(limit))).unwrap()
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}
