//! Whether an operation whose id is known is the same one again.

use crate::account::Account;
use crate::amount::Amount;
use crate::id::{AccountId, Timestamp};
use crate::operation::Operation;
use crate::refusal::Refusal;
use crate::transfer::{Code, Phase, Transfer};

/// The first field, in the order of the refusals' numbers, in which the operation differs from
/// the transfer of the same id. The time is not compared: a repeat comes later.
pub(super) fn conflict(stored: &Transfer, operation: &Operation) -> Option<Refusal> {
    match (operation, stored.phase) {
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
        ) => first(&[
            (stored.debit != *debit, Refusal::ExistsWithDifferentDebit),
            (stored.credit != *credit, Refusal::ExistsWithDifferentCredit),
            (stored.amount != *amount, Refusal::ExistsWithDifferentAmount),
            (stored.code != *code, Refusal::ExistsWithDifferentCode),
            (
                stored.reference != *reference,
                Refusal::ExistsWithDifferentReference,
            ),
        ]),
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
            Phase::Pending { .. },
        ) => pending_conflict(
            stored,
            [*amount; 2],
            (*account, *credit, *code),
            reference,
            *expires_at,
        ),
        (
            Operation::HoldUpTo {
                id: _,
                account,
                credit,
                most,
                least,
                code,
                reference,
                expires_at,
            },
            Phase::Pending { .. },
        ) => pending_conflict(
            stored,
            [*least, *most],
            (*account, *credit, *code),
            reference,
            *expires_at,
        ),
        _ => resolution_conflict(stored, operation),
    }
}

/// What was held, where any amount between two would do, is an answer to the same question.
fn pending_conflict(
    stored: &Transfer,
    [least, most]: [Amount; 2],
    (account, credit, code): (AccountId, Account, Code),
    reference: &str,
    expires_at: Timestamp,
) -> Option<Refusal> {
    first(&[
        (
            !debits(stored, account),
            Refusal::ExistsWithDifferentAccount,
        ),
        (stored.credit != credit, Refusal::ExistsWithDifferentCredit),
        (
            stored.amount < least || stored.amount > most,
            Refusal::ExistsWithDifferentAmount,
        ),
        (stored.code != code, Refusal::ExistsWithDifferentCode),
        (
            stored.reference != reference,
            Refusal::ExistsWithDifferentReference,
        ),
        (
            stored.phase != Phase::Pending { expires_at },
            Refusal::ExistsWithDifferentExpiry,
        ),
    ])
}

fn resolution_conflict(stored: &Transfer, operation: &Operation) -> Option<Refusal> {
    match (operation, stored.phase) {
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
        ) => first(&[
            (
                !debits(stored, *account),
                Refusal::ExistsWithDifferentAccount,
            ),
            (stored_hold != *hold, Refusal::ExistsWithDifferentHold),
            (stored.amount != *amount, Refusal::ExistsWithDifferentAmount),
            (stored_last != *last, Refusal::ExistsWithDifferentLast),
            (
                stored.reference != *reference,
                Refusal::ExistsWithDifferentReference,
            ),
        ]),
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
        ) => first(&[
            (
                !debits(stored, *account),
                Refusal::ExistsWithDifferentAccount,
            ),
            (stored_hold != *hold, Refusal::ExistsWithDifferentHold),
        ]),
        _ => Some(Refusal::ExistsWithDifferentPhase),
    }
}

fn debits(stored: &Transfer, account: AccountId) -> bool {
    stored.debit == Account::Customer(account)
}

fn first(differences: &[(bool, Refusal)]) -> Option<Refusal> {
    differences
        .iter()
        .find(|(differs, _)| *differs)
        .map(|(_, refusal)| *refusal)
}
