//! The ledger's records as rows: what is selected, what is written, and the way between the two.
//!
//! There is no statement here that changes or removes a transfer, and there must never be one.

use ledger::{
    Account, AccountId, Amount, Balances, Code, Hold, HoldState, Phase, Timestamp, Transfer,
};

use crate::store::StoreError;
use crate::store::bulk::{Column, Insert};
use crate::store::hours::Running;
use crate::store::value::{Row, Value};

/// All columns of a transfer, in the order that [`transfer`] reads.
pub const SELECT_TRANSFERS: &str =
    "SELECT id, debit, credit, amount, code, phase, hold, expires_at, reference, at FROM transfers";

/// The same after the transfer's number in the journal.
pub const SELECT_JOURNAL: &str = "SELECT seq, id, debit, credit, amount, code, phase, hold, \
     expires_at, reference, at FROM transfers";

/// All columns of a hold, in the order that [`hold`] reads.
pub const SELECT_HOLDS: &str =
    "SELECT id, account_id, credit, code, amount, posted, state, expires_at FROM holds";

/// All columns of a customer's totals, in the order that [`standing`] reads and then [`running`].
pub const SELECT_BALANCES: &str = "SELECT account_id, debits_pending, debits_posted, \
     credits_pending, credits_posted, frozen, hour, used_in_hour FROM balances";

/// The same of one customer, `$1`.
pub const SELECT_BALANCES_OF_ONE: &str = "SELECT account_id, debits_pending, debits_posted, \
     credits_pending, credits_posted, frozen, hour, used_in_hour FROM balances WHERE account_id = $1";

/// New transfers; a clash of ids is an error, since the same id has been looked up before.
pub static INSERT_TRANSFERS: Insert = Insert::into(
    "transfers",
    &[
        Column::Text("id"),
        Column::Text("debit"),
        Column::Text("credit"),
        Column::Int("amount"),
        Column::Int("code"),
        Column::Text("phase"),
        Column::Text("hold"),
        Column::Int("expires_at"),
        Column::Text("reference"),
        Column::Int("at"),
    ],
);

const HOLD_COLUMNS: &[Column] = &[
    Column::Text("id"),
    Column::Text("account_id"),
    Column::Text("credit"),
    Column::Int("code"),
    Column::Int("amount"),
    Column::Int("posted"),
    Column::Text("state"),
    Column::Int("expires_at"),
];

/// New holds, and what has become of old ones.
pub static UPSERT_HOLDS: Insert = Insert::into("holds", HOLD_COLUMNS)
    .on_conflict("ON CONFLICT (id) DO UPDATE SET posted = excluded.posted, state = excluded.state");

/// Holds that have been posted in part and are open as before, as leases are: SQLite would write the index of
/// open holds anew where their state were set again.
pub static UPSERT_HOLDS_IN_PART: Insert = Insert::into("holds", HOLD_COLUMNS)
    .on_conflict("ON CONFLICT (id) DO UPDATE SET posted = excluded.posted");

/// The new totals of customers.
pub static UPSERT_BALANCES: Insert = Insert::into(
    "balances",
    &[
        Column::Text("account_id"),
        Column::Int("debits_pending"),
        Column::Int("debits_posted"),
        Column::Int("credits_pending"),
        Column::Int("credits_posted"),
        Column::Int("hour"),
        Column::Int("used_in_hour"),
    ],
)
.on_conflict(
    "ON CONFLICT (account_id) DO UPDATE SET \
         debits_pending = excluded.debits_pending, debits_posted = excluded.debits_posted, \
         credits_pending = excluded.credits_pending, credits_posted = excluded.credits_posted, \
         hour = excluded.hour, used_in_hour = excluded.used_in_hour",
);

/// A row of [`SELECT_TRANSFERS`].
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn transfer(mut row: Row) -> Result<Transfer, StoreError> {
    let row = &mut row;
    Ok(Transfer {
        id: row.parse()?,
        debit: row.parse()?,
        credit: row.parse()?,
        amount: amount(row)?,
        code: code(row)?,
        phase: phase(row)?,
        reference: row.text()?,
        at: Timestamp::from_millis(row.int()?),
    })
}

fn phase(row: &mut Row) -> Result<Phase, StoreError> {
    let name = row.text()?;
    let hold = row.opt_named(|id| id.parse().ok())?;
    let expires_at = row.opt_int()?;
    match (name.as_str(), hold, expires_at) {
        ("single", None, None) => Ok(Phase::Single),
        ("pending", None, Some(at)) => Ok(Phase::Pending {
            expires_at: Timestamp::from_millis(at),
        }),
        ("post", Some(hold), None) => Ok(Phase::Post { hold, last: false }),
        ("post_last", Some(hold), None) => Ok(Phase::Post { hold, last: true }),
        ("void", Some(hold), None) => Ok(Phase::Void { hold }),
        ("expire", Some(hold), None) => Ok(Phase::Expire { hold }),
        _ => Err(StoreError::corrupt(format!(
            "a transfer's phase is {name:?}"
        ))),
    }
}

/// A transfer as [`INSERT_TRANSFERS`] writes it.
pub fn transfer_values(transfer: &Transfer) -> Vec<Value> {
    let (phase, hold, expires_at) = match transfer.phase {
        Phase::Single => ("single", None, None),
        Phase::Pending { expires_at } => ("pending", None, Some(expires_at.millis())),
        Phase::Post { hold, last: false } => ("post", Some(hold), None),
        Phase::Post { hold, last: true } => ("post_last", Some(hold), None),
        Phase::Void { hold } => ("void", Some(hold), None),
        Phase::Expire { hold } => ("expire", Some(hold), None),
    };
    vec![
        transfer.id.to_string().into(),
        transfer.debit.to_string().into(),
        transfer.credit.to_string().into(),
        transfer.amount.nanos().into(),
        i64::from(transfer.code.number()).into(),
        phase.into(),
        hold.map(|hold| hold.to_string()).into(),
        expires_at.into(),
        transfer.reference.as_str().into(),
        transfer.at.millis().into(),
    ]
}

/// A row of [`SELECT_HOLDS`].
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn hold(mut row: Row) -> Result<Hold, StoreError> {
    hold_columns(&mut row)
}

/// The columns of [`SELECT_HOLDS`] at the beginning of a longer row.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn hold_columns(row: &mut Row) -> Result<Hold, StoreError> {
    Ok(Hold {
        id: row.parse()?,
        account: row.parse()?,
        credit: row.parse::<Account>()?,
        code: code(row)?,
        amount: amount(row)?,
        posted: amount(row)?,
        state: row.named(HoldState::from_name)?,
        expires_at: Timestamp::from_millis(row.int()?),
    })
}

/// A hold as [`UPSERT_HOLDS`] and [`UPSERT_HOLDS_IN_PART`] write it.
pub fn hold_values(hold: &Hold) -> Vec<Value> {
    vec![
        hold.id.to_string().into(),
        hold.account.to_string().into(),
        hold.credit.to_string().into(),
        i64::from(hold.code.number()).into(),
        hold.amount.nanos().into(),
        hold.posted.nanos().into(),
        hold.state.to_string().into(),
        hold.expires_at.millis().into(),
    ]
}

/// The beginning of a row of [`SELECT_BALANCES`]: the customer, the totals, and whether new spending is refused.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn standing(row: &mut Row) -> Result<(AccountId, Balances, bool), StoreError> {
    let account = row.parse()?;
    let balances = Balances {
        debits_pending: amount(row)?,
        debits_posted: amount(row)?,
        credits_pending: amount(row)?,
        credits_posted: amount(row)?,
    };
    Ok((account, balances, row.flag()?))
}

/// The rest of it: the hour that is running.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn running(mut row: Row) -> Result<Running, StoreError> {
    Ok(Running {
        hour: row.int()?,
        used: row.int()?,
    })
}

/// A customer's totals as [`UPSERT_BALANCES`] writes them.
pub fn balances_values(account: AccountId, balances: &Balances, running: Running) -> Vec<Value> {
    vec![
        account.to_string().into(),
        balances.debits_pending.nanos().into(),
        balances.debits_posted.nanos().into(),
        balances.credits_pending.nanos().into(),
        balances.credits_posted.nanos().into(),
        running.hour.into(),
        running.used.into(),
    ]
}

fn amount(row: &mut Row) -> Result<Amount, StoreError> {
    Ok(Amount::from_nanos(row.int()?))
}

fn code(row: &mut Row) -> Result<Code, StoreError> {
    let number = row.int()?;
    u16::try_from(number)
        .ok()
        .and_then(Code::from_number)
        .ok_or_else(|| StoreError::corrupt(format!("{number} is no transfer code")))
}
