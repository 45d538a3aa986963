//! The ledger as one would explain it: a list of what was accepted, and everything else counted
//! from that list, afresh each time.
//!
//! It keeps no totals and changes nothing in place. It collects every reason against an operation
//! and gives the one with the smallest number, where the book stops at the first.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Account, AccountId, Amount, Code, HoldState, Limit, Operation, Period, Refusal, Status,
    Strategy, Timestamp, TransferId,
};

const MOST: i128 = i64::MAX as i128;

/// A hold as counted from the list.
pub(crate) struct Fate {
    pub(crate) account: AccountId,
    pub(crate) amount: i128,
    pub(crate) posted: i128,
    pub(crate) state: HoldState,
    pub(crate) expires_at: Timestamp,
}

impl Fate {
    fn remainder(&self) -> i128 {
        if self.state == HoldState::Open {
            self.amount - self.posted
        } else {
            0
        }
    }
}

pub(crate) struct Model {
    pub(crate) customers: Vec<AccountId>,
    pub(crate) accepted: Vec<Operation>,
    /// When each of them was.
    pub(crate) accepted_at: Vec<Timestamp>,
    pub(crate) limits: BTreeMap<AccountId, Limit>,
    /// Who may not spend just now.
    pub(crate) frozen: BTreeSet<AccountId>,
}

impl Model {
    /// All or none, as the book promises.
    pub(crate) fn apply(
        &mut self,
        group: &[Operation],
        now: Timestamp,
    ) -> Result<Vec<Status>, (usize, Refusal)> {
        let before = self.accepted.len();
        let mut outcomes = Vec::new();
        for (index, operation) in group.iter().enumerate() {
            match self.judge(operation, now) {
                Ok(status) => outcomes.push(status),
                Err(refusal) => {
                    self.accepted.truncate(before);
                    self.accepted_at.truncate(before);
                    return Err((index, refusal));
                }
            }
            if outcomes.last() == Some(&Status::New) {
                self.accepted.push(self.granted(operation, now));
                self.accepted_at.push(now);
            }
        }
        Ok(outcomes)
    }

    /// An operation as it is remembered: what was held up to, with what was held. The most that nothing
    /// speaks against is found by trying, since the model knows no formula for it.
    fn granted(&self, operation: &Operation, now: Timestamp) -> Operation {
        let Operation::HoldUpTo { most, least, .. } = operation else {
            return operation.clone();
        };
        let (mut fits, mut beyond) = (least.nanos(), most.nanos().saturating_add(1));
        while beyond - fits > 1 {
            let amount = fits + (beyond - fits) / 2;
            let hold = as_hold(operation, Amount::from_nanos(amount));
            match self.reasons(&hold, now).is_empty() {
                true => fits = amount,
                false => beyond = amount,
            }
        }
        as_hold(operation, Amount::from_nanos(fits))
    }

    fn judge(&self, operation: &Operation, now: Timestamp) -> Result<Status, Refusal> {
        if let Some(known) = self
            .accepted
            .iter()
            .find(|known| known.id() == operation.id())
        {
            let (known, mut asked) = (content(known), content(operation));
            if let (Operation::HoldUpTo { most, least, .. }, Some(held)) =
                (operation, known.get(&Refusal::ExistsWithDifferentAmount))
            {
                let amount: i64 = held.parse().unwrap();
                // Where the least is more than the most, nothing is between them: not even the least.
                let same = match (least.nanos()..=most.nanos()).contains(&amount) {
                    true => held.clone(),
                    false => "another".to_owned(),
                };
                asked.insert(Refusal::ExistsWithDifferentAmount, same);
            }
            let difference = known
                .iter()
                .zip(&asked)
                .find(|(known, asked)| known != asked);
            return match difference {
                Some(((refusal, _), _)) => Err(*refusal),
                None => Ok(Status::Exists),
            };
        }
        match self.reasons(operation, now).into_iter().min() {
            Some(refusal) => Err(refusal),
            None => Ok(Status::New),
        }
    }

    fn reasons(&self, operation: &Operation, now: Timestamp) -> Vec<Refusal> {
        let mut reasons = Vec::new();
        let mut against = |wrong: bool, refusal| {
            if wrong {
                reasons.push(refusal);
            }
        };
        let everyone_known = operation.customers().all(|id| self.customers.contains(&id));
        against(!everyone_known, Refusal::AccountNotFound);
        match operation {
            Operation::Transfer {
                debit,
                credit,
                amount,
                code,
                reference,
                ..
            } => {
                let amount = i128::from(amount.nanos());
                against(amount <= 0, Refusal::AmountMustBePositive);
                against(debit == credit, Refusal::AccountsMustDiffer);
                against(reference.len() > 255, Refusal::ReferenceTooLong);
                if let Account::Customer(id) = *debit {
                    let short = self.available(id) < amount && *code != Code::Reversal;
                    against(short, Refusal::InsufficientCredit);
                    let debits = self.debits_posted(id) + self.debits_pending(id) + amount;
                    against(debits > MOST, Refusal::Overflow);
                    let passed = *code == Code::Usage && self.passes_limit(id, amount, now);
                    against(passed, Refusal::SpendingLimitExceeded);
                    let frozen = *code == Code::Usage && self.frozen.contains(&id);
                    against(frozen, Refusal::AccountFrozen);
                }
                if let Account::Customer(id) = *credit {
                    against(self.credits_posted(id) + amount > MOST, Refusal::Overflow);
                }
            }
            Operation::Hold {
                account,
                credit,
                amount,
                code,
                reference,
                expires_at,
                ..
            } => {
                let amount = i128::from(amount.nanos());
                let to_customer = matches!(credit, Account::Customer(_));
                against(amount < 0, Refusal::AmountMustNotBeNegative);
                against(to_customer, Refusal::HoldMustCreditSystemAccount);
                against(reference.len() > 255, Refusal::ReferenceTooLong);
                against(*expires_at <= now, Refusal::ExpiryMustBeInTheFuture);
                against(
                    self.available(*account) < amount,
                    Refusal::InsufficientCredit,
                );
                let passed = *code == Code::Usage && self.passes_limit(*account, amount, now);
                against(passed, Refusal::SpendingLimitExceeded);
                against(self.frozen.contains(account), Refusal::AccountFrozen);
            }
            Operation::HoldUpTo { most, least, .. } => {
                against(
                    most.is_negative() || least.is_negative(),
                    Refusal::AmountMustNotBeNegative,
                );
                against(least > most, Refusal::LeastExceedsMost);
                reasons.extend(self.reasons(&as_hold(operation, *least), now));
            }
            _ => reasons.extend(self.reasons_against_resolving(operation, now)),
        }
        reasons
    }

    fn reasons_against_resolving(&self, operation: &Operation, now: Timestamp) -> Vec<Refusal> {
        let mut reasons = Vec::new();
        let mut against = |wrong: bool, refusal| {
            if wrong {
                reasons.push(refusal);
            }
        };
        match operation {
            Operation::Transfer { .. } | Operation::Hold { .. } | Operation::HoldUpTo { .. } => {}
            Operation::Post {
                account,
                hold,
                amount,
                last,
                reference,
                ..
            } => {
                let amount = i128::from(amount.nanos());
                against(amount <= 0 && !last, Refusal::AmountMustBePositive);
                against(amount < 0 && *last, Refusal::AmountMustNotBeNegative);
                against(reference.len() > 255, Refusal::ReferenceTooLong);
                let fate = self.fate_for(*hold, *account);
                against(fate.is_none(), Refusal::HoldNotFound);
                if let Some(fate) = fate {
                    reasons.extend(resolved(&fate));
                    reasons.extend((now >= fate.expires_at).then_some(Refusal::HoldExpired));
                    let beyond = amount > fate.remainder();
                    reasons.extend(beyond.then_some(Refusal::PostExceedsHold));
                }
            }
            Operation::Void { account, hold, .. } => {
                let fate = self.fate_for(*hold, *account);
                against(fate.is_none(), Refusal::HoldNotFound);
                if let Some(fate) = fate {
                    reasons.extend(resolved(&fate));
                    reasons.extend((now >= fate.expires_at).then_some(Refusal::HoldExpired));
                }
            }
            Operation::Expire { account, hold, .. } => {
                let fate = self.fate_for(*hold, *account);
                against(fate.is_none(), Refusal::HoldNotFound);
                if let Some(fate) = fate {
                    reasons.extend(resolved(&fate));
                    reasons.extend((now < fate.expires_at).then_some(Refusal::HoldNotYetExpired));
                }
            }
        }
        reasons
    }

    fn fate_for(&self, hold: TransferId, owner: AccountId) -> Option<Fate> {
        self.fate(hold).filter(|fate| fate.account == owner)
    }

    /// What has become of a hold, from all that was accepted about it.
    pub(crate) fn fate(&self, hold: TransferId) -> Option<Fate> {
        let begun = self
            .accepted
            .iter()
            .find(|operation| operation.id() == hold)?;
        let Operation::Hold {
            account,
            amount,
            expires_at,
            ..
        } = begun
        else {
            return None;
        };
        let (account, amount, expires_at) = (*account, i128::from(amount.nanos()), *expires_at);
        let mut fate = Fate {
            account,
            amount,
            posted: 0,
            state: HoldState::Open,
            expires_at,
        };
        for operation in self.accepted.iter().filter(|o| o.hold() == Some(hold)) {
            match operation {
                Operation::Post { amount, last, .. } => {
                    fate.posted += i128::from(amount.nanos());
                    if *last || fate.posted == fate.amount {
                        fate.state = HoldState::Posted;
                    }
                }
                Operation::Void { .. } => fate.state = HoldState::Voided,
                _ => fate.state = HoldState::Expired,
            }
        }
        Some(fate)
    }

    pub(crate) fn holds(&self) -> impl Iterator<Item = TransferId> {
        self.accepted
            .iter()
            .filter_map(|operation| match operation {
                Operation::Hold { id, .. } => Some(*id),
                _ => None,
            })
    }

    pub(crate) fn available(&self, id: AccountId) -> i128 {
        self.credits_posted(id) - self.debits_posted(id) - self.debits_pending(id)
    }

    pub(crate) fn credits_posted(&self, id: AccountId) -> i128 {
        let credited = |operation: &Operation| match operation {
            Operation::Transfer { credit, amount, .. } if *credit == Account::Customer(id) => {
                i128::from(amount.nanos())
            }
            _ => 0,
        };
        self.accepted.iter().map(credited).sum()
    }

    /// Whether an amount beside all that is held and spent would be more than the customer may spend.
    fn passes_limit(&self, id: AccountId, amount: i128, now: Timestamp) -> bool {
        let Some(limit) = self.limits.get(&id) else {
            return false;
        };
        let spent: i128 = self
            .accepted
            .iter()
            .zip(&self.accepted_at)
            .filter(|(_, at)| counts(limit, at.millis(), now.millis()))
            .map(|(operation, _)| self.usage(operation, id))
            .sum();
        amount > 0 && spent + self.debits_pending(id) + amount > i128::from(limit.amount.nanos())
    }

    /// What an operation took from the customer for usage.
    fn usage(&self, operation: &Operation, id: AccountId) -> i128 {
        match operation {
            Operation::Transfer {
                debit,
                amount,
                code: Code::Usage,
                ..
            } if *debit == Account::Customer(id) => i128::from(amount.nanos()),
            Operation::Post {
                account,
                hold,
                amount,
                ..
            } if *account == id && self.is_for_usage(*hold) => i128::from(amount.nanos()),
            _ => 0,
        }
    }

    fn is_for_usage(&self, hold: TransferId) -> bool {
        let made = self.accepted.iter().find(|made| made.id() == hold);
        matches!(
            made,
            Some(Operation::Hold {
                code: Code::Usage,
                ..
            })
        )
    }

    pub(crate) fn debits_posted(&self, id: AccountId) -> i128 {
        let debited = |operation: &Operation| match operation {
            Operation::Transfer { debit, amount, .. } if *debit == Account::Customer(id) => {
                i128::from(amount.nanos())
            }
            Operation::Post {
                account, amount, ..
            } if *account == id => i128::from(amount.nanos()),
            _ => 0,
        };
        self.accepted.iter().map(debited).sum()
    }

    pub(crate) fn debits_pending(&self, id: AccountId) -> i128 {
        let fates = self.holds().filter_map(|hold| self.fate_for(hold, id));
        fates.map(|fate| fate.remainder()).sum()
    }
}

/// The same as a hold of one amount.
fn as_hold(operation: &Operation, amount: Amount) -> Operation {
    match operation {
        Operation::HoldUpTo {
            id,
            account,
            credit,
            most: _,
            least: _,
            code,
            reference,
            expires_at,
        } => Operation::Hold {
            id: *id,
            account: *account,
            credit: *credit,
            amount,
            code: *code,
            reference: reference.clone(),
            expires_at: *expires_at,
        },
        other => other.clone(),
    }
}

/// Whether what was spent at one time counts at another, in the episode's days of January 1970: the 1st is
/// a Thursday, and an episode ends long before the month does.
fn counts(limit: &Limit, at: i64, now: i64) -> bool {
    const DAY: i64 = 86_400_000;
    let days = match limit.period {
        Period::Daily => 1,
        Period::Weekly => 7,
        Period::Monthly => 30,
    };
    match (limit.strategy, limit.period) {
        (Strategy::Sliding, _) => now - at < days * DAY,
        (Strategy::Fixed, Period::Daily) => at / DAY == now / DAY,
        (Strategy::Fixed, Period::Weekly) => {
            (at + 3 * DAY) / (7 * DAY) == (now + 3 * DAY) / (7 * DAY)
        }
        (Strategy::Fixed, Period::Monthly) => at / (31 * DAY) == now / (31 * DAY),
    }
}

fn resolved(fate: &Fate) -> Option<Refusal> {
    match fate.state {
        HoldState::Open => None,
        HoldState::Posted => Some(Refusal::HoldAlreadyPosted),
        HoldState::Voided => Some(Refusal::HoldAlreadyVoided),
        HoldState::Expired => Some(Refusal::HoldExpired),
    }
}

/// An operation's fields, each under the refusal that names it.
fn content(operation: &Operation) -> BTreeMap<Refusal, String> {
    use Refusal::{
        ExistsWithDifferentAccount as AccountField, ExistsWithDifferentAmount as AmountField,
        ExistsWithDifferentCode as CodeField, ExistsWithDifferentCredit as CreditField,
        ExistsWithDifferentDebit as DebitField, ExistsWithDifferentExpiry as ExpiryField,
        ExistsWithDifferentHold as HoldField, ExistsWithDifferentLast as LastField,
        ExistsWithDifferentPhase as PhaseField, ExistsWithDifferentReference as ReferenceField,
    };
    let nanos = |amount: &Amount| amount.nanos().to_string();
    match operation {
        Operation::HoldUpTo { least, .. } => content(&as_hold(operation, *least)),
        Operation::Transfer {
            debit,
            credit,
            amount,
            code,
            reference,
            ..
        } => BTreeMap::from([
            (PhaseField, "transfer".to_owned()),
            (DebitField, debit.to_string()),
            (CreditField, credit.to_string()),
            (AmountField, nanos(amount)),
            (CodeField, code.to_string()),
            (ReferenceField, reference.clone()),
        ]),
        Operation::Hold {
            account,
            credit,
            amount,
            code,
            reference,
            expires_at,
            ..
        } => BTreeMap::from([
            (PhaseField, "hold".to_owned()),
            (AccountField, account.to_string()),
            (CreditField, credit.to_string()),
            (AmountField, nanos(amount)),
            (CodeField, code.to_string()),
            (ReferenceField, reference.clone()),
            (ExpiryField, expires_at.millis().to_string()),
        ]),
        Operation::Post {
            account,
            hold,
            amount,
            last,
            reference,
            ..
        } => BTreeMap::from([
            (PhaseField, "post".to_owned()),
            (AccountField, account.to_string()),
            (HoldField, hold.to_string()),
            (AmountField, nanos(amount)),
            (LastField, last.to_string()),
            (ReferenceField, reference.clone()),
        ]),
        Operation::Void { account, hold, .. } => BTreeMap::from([
            (PhaseField, "void".to_owned()),
            (AccountField, account.to_string()),
            (HoldField, hold.to_string()),
        ]),
        Operation::Expire { account, hold, .. } => BTreeMap::from([
            (PhaseField, "expire".to_owned()),
            (AccountField, account.to_string()),
            (HoldField, hold.to_string()),
        ]),
    }
}
