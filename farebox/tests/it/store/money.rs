//! Operations on the ledger, as the callers of the committer make them.

use farebox::app::system_clock;
use ledger::{Account, AccountId, Amount, Code, Operation, TransferId};

/// Credit given by the operator, in cents.
pub fn credit(account: AccountId, id: TransferId, cents: i64) -> Operation {
    Operation::Transfer {
        id,
        debit: Account::Promotions,
        credit: Account::Customer(account),
        amount: Amount::from_cents(cents).unwrap(),
        code: Code::Promotion,
        reference: String::new(),
    }
}

/// A debit of usage that was not held.
pub fn usage(account: AccountId, id: TransferId, nanos: i64) -> Operation {
    Operation::Transfer {
        id,
        debit: Account::Customer(account),
        credit: Account::Revenue,
        amount: Amount::from_nanos(nanos),
        code: Code::Usage,
        reference: String::new(),
    }
}

/// A hold of so many nano-units for half an hour.
pub fn hold(account: AccountId, id: TransferId, nanos: i64) -> Operation {
    Operation::Hold {
        id,
        account,
        credit: Account::Revenue,
        amount: Amount::from_nanos(nanos),
        code: Code::Usage,
        reference: String::new(),
        expires_at: system_clock()().checked_add_millis(1_800_000).unwrap(),
    }
}

/// Takes so many nano-units out of a hold and releases the rest.
pub fn post(account: AccountId, id: TransferId, hold: TransferId, nanos: i64) -> Operation {
    Operation::Post {
        id,
        account,
        hold,
        amount: Amount::from_nanos(nanos),
        last: true,
        reference: String::new(),
    }
}

/// Releases a hold.
pub fn void(account: AccountId, id: TransferId, hold: TransferId) -> Operation {
    Operation::Void { id, account, hold }
}
