//! Whether an operation whose id is known is the same one again.

use crate::account::Account;
use crate::operation::Operation;
use crate::refusal::Refusal;
use crate::transfer::{Phase, Transfer};

/// The first field, in the order of the refusals' numbers, in which the operation differs from
/// the transfer of the same id. The time is not compared: a repeat comes later.
pub(super) fn conflict(stored: &Transfer, operation: &Operation) -> Option<Refusal> {
    let same_debit = |account| stored.debit == Account::Customer(account);
    let differences = match (operation, stored.phase) {
        (
            Operation::Transfer {
                id: _,
                debit,
                credit,
                amount,
                code,
                reference,
            },
            Phase::Single,
        ) => [
            (stored.debit != *debit, Refusal::ExistsWithDifferentDebit),
            (stored.credit != *credit, Refusal::ExistsWithDifferentCredit),
            (stored.amount != *amount, Refusal::ExistsWithDifferentAmount),
            (stored.code != *code, Refusal::ExistsWithDifferentCode),
            (
                stored.reference != *reference,
                Refusal::ExistsWithDifferentReference,
            ),
            SAME,
        ],
        (
            Operation::Hold {
                id: _,
                account,
                credit,
                amount,
                code,
                reference,
                expires_at,
            },
            Phase::Pending {
                expires_at: stored_expiry,
            },
        ) => [
            (!same_debit(*account), Refusal::ExistsWithDifferentAccount),
            (stored.credit != *credit, Refusal::ExistsWithDifferentCredit),
            (stored.amount != *amount, Refusal::ExistsWithDifferentAmount),
            (stored.code != *code, Refusal::ExistsWithDifferentCode),
            (
                stored.reference != *reference,
                Refusal::ExistsWithDifferentReference,
            ),
            (
                stored_expiry != *expires_at,
                Refusal::ExistsWithDifferentExpiry,
            ),
        ],
        (
            Operation::Post {
                id: _,
                account,
                hold,
                amount,
                last,
                reference,
            },
            Phase::Post {
                hold: stored_hold,
                last: stored_last,
            },
        ) => [
            (!same_debit(*account), Refusal::ExistsWithDifferentAccount),
            (stored_hold != *hold, Refusal::ExistsWithDifferentHold),
            (stored.amount != *amount, Refusal::ExistsWithDifferentAmount),
            (stored_last != *last, Refusal::ExistsWithDifferentLast),
            (
                stored.reference != *reference,
                Refusal::ExistsWithDifferentReference,
            ),
            SAME,
        ],
        (
            Operation::Void {
                id: _,
                account,
                hold,
            },
            Phase::Void { hold: stored_hold },
        )
        | (
            Operation::Expire {
                id: _,
                account,
                hold,
            },
            Phase::Expire { hold: stored_hold },
        ) => [
            (!same_debit(*account), Refusal::ExistsWithDifferentAccount),
            (stored_hold != *hold, Refusal::ExistsWithDifferentHold),
            SAME,
            SAME,
            SAME,
            SAME,
        ],
        _ => return Some(Refusal::ExistsWithDifferentPhase),
    };
    differences
        .into_iter()
        .find_map(|(differs, refusal)| differs.then_some(refusal))
}

/// Fills a row of the comparison above.
const SAME: (bool, Refusal) = (false, Refusal::ExistsWithDifferentPhase);
