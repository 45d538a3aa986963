//! What is added to the providers' prices, by account and model.

use std::sync::LazyLock;

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::db::Db;
use crate::store::value::Row;

/// One markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markup {
    /// Whose calls; everybody's, where there is none.
    pub account: Option<AccountId>,
    /// `provider/model`, `provider`, or empty for all.
    pub scope: String,
    /// As `ledger::rates::Markup` reads it.
    pub percent: String,
    /// When it was set.
    pub updated_at: Timestamp,
}

const SELECT: &str = "SELECT account_id, scope, percent, updated_at FROM markups";

/// How everybody is written where an account stands.
const EVERYBODY: &str = "";

/// The six that a call may have, each found by its whole key. `IN`, `OR` and `ORDER BY` would make SQLite
/// build tables first, which takes longer than to look all of them up.
pub(super) static FOR_CALL: LazyLock<String> = LazyLock::new(|| {
    let scopes = |account| ["$2", "$3", "''"].map(|scope| (account, scope));
    let keys = ["$1", "''"].into_iter().flat_map(scopes);
    let selects = keys.map(|(account, scope)| {
        format!("{SELECT} WHERE account_id = {account} AND scope = {scope}")
    });
    selects.collect::<Vec<_>>().join(" UNION ALL ")
});

fn markup(mut row: Row) -> Result<Markup, StoreError> {
    let account = row.text()?;
    let parsed = account.parse().ok();
    if parsed.is_none() && account != EVERYBODY {
        return Err(StoreError::corrupt("a markup's account is none"));
    }
    Ok(Markup {
        account: parsed,
        scope: row.text()?,
        percent: row.text()?,
        updated_at: Timestamp::from_millis(row.int()?),
    })
}

fn key(account: Option<AccountId>) -> String {
    account.map_or_else(|| EVERYBODY.to_owned(), |account| account.to_string())
}

/// Sets a markup, in place of the one of the same account and scope.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set(db: &Db, markup: &Markup) -> Result<(), StoreError> {
    let sql = "INSERT INTO markups (account_id, scope, percent, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id, scope) \
         DO UPDATE SET percent = excluded.percent, updated_at = excluded.updated_at";
    let params = [
        key(markup.account).into(),
        (&markup.scope).into(),
        (&markup.percent).into(),
        markup.updated_at.millis().into(),
    ];
    db.execute(sql, &params).await.map(|_| ())
}

/// Removes a markup; false where there is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(db: &Db, account: Option<AccountId>, scope: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM markups WHERE account_id = $1 AND scope = $2";
    Ok(db
        .execute(sql, &[key(account).into(), scope.into()])
        .await?
        == 1)
}

/// All of them, everybody's first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(db: &Db) -> Result<Vec<Markup>, StoreError> {
    let sql = format!("{SELECT} ORDER BY account_id, scope");
    db.query(&sql, &[]).await?.into_iter().map(markup).collect()
}

/// Everybody's markups and those of one account.
#[derive(Clone, Debug)]
pub struct Markups(Vec<Markup>);

/// What an account's calls have, to any model.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of(db: &Db, account: AccountId) -> Result<Markups, StoreError> {
    let sql = format!("{SELECT} WHERE account_id IN ($1, '')");
    let found = db.query(&sql, &[account.to_string().into()]).await?;
    let found: Result<_, _> = found.into_iter().map(markup).collect();
    found.map(Markups)
}

impl Markups {
    /// The one that counts for a model.
    pub fn nearest(&self, provider: &str, model: &str) -> Option<&Markup> {
        let whole = format!("{provider}/{model}");
        let scopes = [whole.as_str(), provider, ""];
        let fitting = self.0.iter();
        fitting
            .filter(|markup| scopes.contains(&markup.scope.as_str()))
            .max_by_key(|markup| nearness(markup))
    }
}

/// All that a call of this account to this model may have: [`nearest`] chooses.
pub(super) fn for_call(account: AccountId, provider: &str, model: &str) -> Query<'static> {
    Query {
        sql: &FOR_CALL,
        params: vec![
            account.to_string().into(),
            format!("{provider}/{model}").into(),
            provider.into(),
        ],
    }
}

/// The one that counts: the account's own before everybody's, and the model's before the provider's before that
/// for all.
pub(super) fn nearest(found: Vec<Row>) -> Result<Option<Markup>, StoreError> {
    let found: Vec<_> = found.into_iter().map(markup).collect::<Result<_, _>>()?;
    Ok(found.into_iter().max_by_key(nearness))
}

/// A scope that goes further in the same words is longer.
fn nearness(markup: &Markup) -> (bool, usize) {
    (markup.account.is_some(), markup.scope.len())
}
