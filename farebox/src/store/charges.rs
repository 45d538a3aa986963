//! What each call was charged and why: units, rates and the arithmetic, written by the committer in the
//! transaction of the money. No retention removes them; a call without a log has one all the same.

use std::collections::BTreeMap;

use ledger::{AccountId, Amount, Timestamp, TransferId};

use crate::ids::LogId;
use crate::store::StoreError;
use crate::store::bulk::{Column, Insert};
use crate::store::db::{Db, Tx};
use crate::store::logs::{NewCall, cut};
use crate::store::value::{Row, Value};

/// How the units of a charge are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The provider has told them.
    Reported,
    /// Not all of them were told; the rest is a guess from what went over the wire.
    Estimated,
}

impl Basis {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Reported, Self::Estimated];
        all.into_iter().find(|one| one.name() == name)
    }
}

/// What a call was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCharge {
    /// The slug of the provider.
    pub provider: String,
    /// The model, as its rates are found.
    pub model: String,
    /// How much was used of each unit, by the unit's name.
    pub units: BTreeMap<String, u64>,
    /// The conditions that decided between rates, by their names.
    pub terms: BTreeMap<String, String>,
    /// How the units are known.
    pub basis: Basis,
    /// What the call is worth; nothing where there is no rate.
    pub cost: Option<Amount>,
    /// What was taken from credit: the amount of `transfer`.
    pub charged: Amount,
    /// What should have been taken besides and was not held.
    pub overrun: Amount,
    /// Which version of which rate.
    pub rate: Option<String>,
    /// The arithmetic, for people.
    pub explanation: Option<String>,
    /// What was held for it.
    pub hold: Option<TransferId>,
    /// What was taken.
    pub transfer: Option<TransferId>,
}

/// A charge as it is stored.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Its call's id.
    pub id: LogId,
    /// Whose it is.
    pub account: AccountId,
    /// The number of its gateway, which may be gone.
    pub gateway: i64,
    /// What it says.
    pub charge: NewCharge,
}

/// Charges, in the transaction of their transfers.
pub static INSERT: Insert = Insert::into(
    "charges",
    &[
        Column::Text("id"),
        Column::Text("account_id"),
        Column::Int("gateway"),
        Column::Text("provider"),
        Column::Text("model"),
        Column::Text("units"),
        Column::Text("terms"),
        Column::Text("basis"),
        Column::Int("cost"),
        Column::Int("charged"),
        Column::Int("overrun"),
        Column::Text("rate"),
        Column::Text("explanation"),
        Column::Text("hold"),
        Column::Text("transfer"),
    ],
);

/// How many of a row's columns say whose it is; [`new_charge`] reads what follows.
pub(super) const OWN: usize = 3;

const SELECT: &str = "SELECT id, account_id, gateway, provider, model, units, terms, basis, cost, \
     charged, overrun, rate, explanation, hold, transfer FROM charges";

/// A charge's row as [`INSERT`] writes it.
///
/// # Errors
/// [`StoreError::Corrupt`], which no map of texts and numbers is.
pub fn values(of: &NewCall, new: &NewCharge) -> Result<Vec<Value>, StoreError> {
    let clean = |text: &String| cut(text, 200);
    let terms = new.terms.iter();
    let terms: BTreeMap<_, _> = terms.map(|(term, value)| (term, clean(value))).collect();
    let json = |text: serde_json::Result<String>| {
        text.map_err(|error| StoreError::corrupt(error.to_string()))
    };
    Ok(vec![
        of.id.into(),
        of.account.to_string().into(),
        of.gateway.into(),
        clean(&new.provider).into(),
        clean(&new.model).into(),
        json(serde_json::to_string(&new.units))?.into(),
        json(serde_json::to_string(&terms))?.into(),
        new.basis.name().into(),
        new.cost.map(Amount::nanos).into(),
        new.charged.nanos().into(),
        new.overrun.nanos().into(),
        new.rate.as_ref().map(clean).into(),
        new.explanation.as_ref().map(|text| cut(text, 8000)).into(),
        new.hold.map(|id| id.to_string()).into(),
        new.transfer.map(|id| id.to_string()).into(),
    ])
}

/// The charge of a call of the account's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, account: AccountId, id: LogId) -> Result<Option<Charge>, StoreError> {
    let sql = format!("{SELECT} WHERE id = $1 AND account_id = $2");
    let params = [id.into(), account.to_string().into()];
    let found = db.query_opt(&sql, &params).await?;
    found.map(charge).transpose()
}

/// The charge of a call of anybody's: for the operator.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_anybodys(db: &Db, id: LogId) -> Result<Option<Charge>, StoreError> {
    let sql = format!("{SELECT} WHERE id = $1");
    let found = db.query_opt(&sql, &[id.into()]).await?;
    found.map(charge).transpose()
}

/// Which charges are wanted, by when their calls came in.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// From when on.
    pub since: Timestamp,
    /// Until when, exclusive; to the end if not given.
    pub until: Option<Timestamp>,
    /// Whose; everybody's if not given.
    pub account: Option<AccountId>,
}

/// How many charges are read at a time.
const PAGE: i64 = 1000;

/// Hands over the charges of a span one by one, in their order: for the operator.
///
/// # Errors
/// [`StoreError::Database`], or what `each` answers.
pub async fn each<E: From<StoreError>>(
    db: &Db,
    of: Span,
    mut each: impl FnMut(Charge) -> Result<(), E>,
) -> Result<(), E> {
    let mut sql = format!("{SELECT} WHERE id > $1");
    let mut params: Vec<Value> = vec![LogId::first_at(of.since).into()];
    if let Some(until) = of.until {
        params.push(LogId::first_at(until).into());
        sql.push_str(&format!(" AND id < ${}", params.len()));
    }
    if let Some(account) = of.account {
        params.push(account.to_string().into());
        sql.push_str(&format!(" AND account_id = ${}", params.len()));
    }
    sql.push_str(&format!(" ORDER BY id LIMIT {PAGE}"));
    loop {
        let page = db.query(&sql, &params).await?;
        let is_last = i64::try_from(page.len()).is_ok_and(|len| len < PAGE);
        for row in page {
            let found = charge(row)?;
            if let Some(after) = params.first_mut() {
                *after = found.id.into();
            }
            each(found)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Charges that have taken something else than their transfers say, or have none; with how many there are in
/// all. For the audit.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unlike_transfers(tx: &mut Tx) -> Result<(u64, Vec<String>), StoreError> {
    let count = tx.query_opt("SELECT COUNT(*) FROM charges", &[]).await?;
    let count = count.map_or(Ok(0), |mut row| row.int())?;
    let sql = "SELECT c.id FROM charges c LEFT JOIN transfers t ON t.id = c.transfer \
         WHERE (c.transfer IS NOT NULL OR c.charged > 0) \
         AND (t.amount IS NULL OR t.amount <> c.charged \
         OR t.debit <> 'customer:' || c.account_id) ORDER BY c.id";
    let found = tx.query(sql, &[]).await?;
    let ids = found
        .into_iter()
        .map(|mut row| row.parse::<LogId>().map(|id| id.to_string()));
    Ok((
        u64::try_from(count).unwrap_or_default(),
        ids.collect::<Result<_, _>>()?,
    ))
}

fn charge(mut row: Row) -> Result<Charge, StoreError> {
    Ok(Charge {
        id: row.parse()?,
        account: row.parse()?,
        gateway: row.int()?,
        charge: new_charge(row)?,
    })
}

/// The columns that say what was charged.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn new_charge(mut row: Row) -> Result<NewCharge, StoreError> {
    Ok(NewCharge {
        provider: row.text()?,
        model: row.text()?,
        units: json(&row.text()?)?,
        terms: json(&row.text()?)?,
        basis: row.named(Basis::from_name)?,
        cost: row.opt_int()?.map(Amount::from_nanos),
        charged: Amount::from_nanos(row.int()?),
        overrun: Amount::from_nanos(row.int()?),
        rate: row.opt_text()?,
        explanation: row.opt_text()?,
        hold: transfer_id(row.opt_text()?)?,
        transfer: transfer_id(row.opt_text()?)?,
    })
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(format!("a charge: {error}")))
}

fn transfer_id(text: Option<String>) -> Result<Option<TransferId>, StoreError> {
    let id = text.as_deref().map(str::parse).transpose();
    id.map_err(|_| StoreError::corrupt("a charge's transfer has no id"))
}
