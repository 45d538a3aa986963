//! Accounts, the users who are members of them, and the hashes of their keys.

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::topups::Card;
use crate::store::value::Row;

/// Whom Farebox serves.
#[derive(Clone, Debug)]
pub struct Account {
    /// 32 hex characters.
    pub id: AccountId,
    /// For people.
    pub name: String,
    /// Stripe's `cus_…`, made with the first top-up.
    pub stripe_customer_id: Option<String>,
    /// The default card, as Stripe last told it.
    pub card: Option<Card>,
    /// When Stripe was last asked about the card.
    pub card_looked_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT id, name, stripe_customer_id, card_id, card_brand, card_last4, \
     card_looked_at, created_at FROM accounts";

fn account(mut row: Row) -> Result<Account, StoreError> {
    let (id, name, stripe_customer_id) = (row.parse()?, row.text()?, row.opt_text()?);
    let (card_id, brand, last4) = (row.opt_text()?, row.opt_text()?, row.opt_text()?);
    Ok(Account {
        id,
        name,
        stripe_customer_id,
        card: card_id.map(|id| Card { id, brand, last4 }),
        card_looked_at: Timestamp::from_millis(row.int()?),
        created_at: Timestamp::from_millis(row.int()?),
    })
}

/// Creates an account together with its ledger account, which starts at zero.
///
/// # Errors
/// [`StoreError::Duplicate`] or [`StoreError::Database`].
pub async fn create(db: &Db, id: AccountId, name: &str, now: Timestamp) -> Result<(), StoreError> {
    let id = id.to_string();
    let mut tx = db.begin().await?;
    let sql = "INSERT INTO accounts (id, name, card_looked_at, created_at) VALUES ($1, $2, 0, $3)";
    tx.execute(sql, &[id.as_str().into(), name.into(), now.millis().into()])
        .await?;
    let sql = "INSERT INTO balances (account_id, debits_pending, debits_posted, credits_pending, \
         credits_posted) VALUES ($1, 0, 0, 0, 0)";
    tx.execute(sql, &[id.as_str().into()]).await?;
    tx.commit().await
}

/// The account with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, id: AccountId) -> Result<Option<Account>, StoreError> {
    let sql = format!("{SELECT} WHERE id = $1");
    db.query_opt(&sql, &[id.to_string().into()])
        .await?
        .map(account)
        .transpose()
}

/// Every account, oldest first: for the operator.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(db: &Db) -> Result<Vec<Account>, StoreError> {
    let sql = format!("{SELECT} ORDER BY created_at, id");
    db.query(&sql, &[])
        .await?
        .into_iter()
        .map(account)
        .collect()
}

/// Notes the account's Stripe customer. The first one stays: a second caller learns of it by reading.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_customer(db: &Db, id: AccountId, customer: &str) -> Result<(), StoreError> {
    let sql =
        "UPDATE accounts SET stripe_customer_id = $2 WHERE id = $1 AND stripe_customer_id IS NULL";
    db.execute(sql, &[id.to_string().into(), customer.into()])
        .await?;
    Ok(())
}

/// Puts a new customer in the place of one that is gone. Of two callers who do so the first one stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn replace_customer(
    db: &Db,
    id: AccountId,
    gone: &str,
    customer: &str,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE accounts SET stripe_customer_id = $3 WHERE id = $1 AND stripe_customer_id = $2";
    db.execute(sql, &[id.to_string().into(), gone.into(), customer.into()])
        .await?;
    Ok(())
}

/// The account that has this Stripe customer. For Stripe's events, which know no account.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_for_customer(db: &Db, customer: &str) -> Result<Option<AccountId>, StoreError> {
    let sql = "SELECT id FROM accounts WHERE stripe_customer_id = $1";
    let row = db.query_opt(sql, &[customer.into()]).await?;
    row.map(|mut row| row.parse()).transpose()
}

/// The account whose default card this was when Stripe last told it. For Stripe's events, which know no
/// account.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_for_card(db: &Db, card: &str) -> Result<Option<AccountId>, StoreError> {
    let sql = "SELECT id FROM accounts WHERE card_id = $1";
    let row = db.query_opt(sql, &[card.into()]).await?;
    row.map(|mut row| row.parse()).transpose()
}

/// Claims the account's cards until `until`; false while somebody else has them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim_cards(
    db: &Db,
    id: AccountId,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql =
        "UPDATE accounts SET cards_claimed_until = $2 WHERE id = $1 AND cards_claimed_until <= $3";
    let params = [
        id.to_string().into(),
        until.millis().into(),
        now.millis().into(),
    ];
    Ok(db.execute(sql, &params).await? == 1)
}

/// Lets go of the cards that were claimed until `until`. A claim that has run out may be somebody else's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release_cards(db: &Db, id: AccountId, until: Timestamp) -> Result<(), StoreError> {
    let sql =
        "UPDATE accounts SET cards_claimed_until = 0 WHERE id = $1 AND cards_claimed_until = $2";
    db.execute(sql, &[id.to_string().into(), until.millis().into()])
        .await?;
    Ok(())
}

/// Notes that Stripe is about to be asked about the card; false where somebody did so after `before`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim_card_look(
    db: &Db,
    id: AccountId,
    before: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE accounts SET card_looked_at = $3 WHERE id = $1 AND card_looked_at <= $2";
    let params = [
        id.to_string().into(),
        before.millis().into(),
        now.millis().into(),
    ];
    Ok(db.execute(sql, &params).await? == 1)
}

/// Notes what Stripe says about the account's default card, having been asked at `asked_at`; unless somebody
/// who asked later has done so already. True where it is another card than the one before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_card(
    db: &Db,
    id: AccountId,
    card: Option<&Card>,
    asked_at: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE accounts SET card_id = $2, card_brand = $3, card_last4 = $4, card_looked_at = $5 \
         WHERE id = $1 AND card_looked_at <= $5";
    let params = [
        id.to_string().into(),
        card.map(|card| card.id.as_str()).into(),
        card.and_then(|card| card.brand.as_deref()).into(),
        card.and_then(|card| card.last4.as_deref()).into(),
        asked_at.millis().into(),
    ];
    // Compared by the statement that writes it, so that of several who note the same card one is told.
    let if_another = format!("{sql} AND (card_id IS NULL OR card_id <> $2)");
    if card.is_some() && db.execute(&if_another, &params).await? == 1 {
        return Ok(true);
    }
    db.execute(sql, &params).await?;
    Ok(false)
}

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// 32 hex characters.
    pub id: String,
    /// As given, in lower case.
    pub email: String,
}

/// Creates a user who is a member of these accounts. The key is stored as a keyed hash.
///
/// # Errors
/// [`StoreError::Duplicate`] where the e-mail address is taken; [`StoreError::Database`].
pub async fn create_user(
    db: &Db,
    user: &User,
    key_hash: &str,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let sql = "INSERT INTO users (id, email, key_hash, created_at) VALUES ($1, $2, $3, $4)";
    let params = [
        (&user.id).into(),
        (&user.email).into(),
        key_hash.into(),
        now.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    for account in accounts {
        let sql = "INSERT INTO members (user_id, account_id, created_at) VALUES ($1, $2, $3)";
        let params = [
            (&user.id).into(),
            account.to_string().into(),
            now.millis().into(),
        ];
        tx.execute(sql, &params).await?;
    }
    tx.commit().await
}

/// The user with this e-mail address and the hash of the key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_user(db: &Db, email: &str, key_hash: &str) -> Result<Option<User>, StoreError> {
    let sql = "SELECT id, email FROM users WHERE email = $1 AND key_hash = $2";
    let Some(mut row) = db.query_opt(sql, &[email.into(), key_hash.into()]).await? else {
        return Ok(None);
    };
    Ok(Some(User {
        id: row.text()?,
        email: row.text()?,
    }))
}

/// Whether the user is a member of the account.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_member(db: &Db, user_id: &str, account: AccountId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM members WHERE user_id = $1 AND account_id = $2";
    let row = db
        .query_opt(sql, &[user_id.into(), account.to_string().into()])
        .await?;
    Ok(row.is_some())
}
