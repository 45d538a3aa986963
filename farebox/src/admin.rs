//! What an operator does to accounts, users, tokens, keys and markups, as values: the command line makes them, and
//! they are carried out on the store, here or in the process that has it (`control`).

use std::time::Duration;

use ledger::rates::Markup;
use ledger::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids;
use crate::keyring::{self, Keyring, RotateError};
use crate::store::StoreError;
use crate::store::accounts::{self, User};
use crate::store::db::Db;
use crate::store::markups;
use crate::store::tokens::{self, Token};

/// The permissions that a token may carry: Cloudflare's (contract: section 2), and Farebox's own for what
/// only its operator may do.
pub const PERMISSIONS: [&str; 4] = [
    "AI Gateway Read",
    "AI Gateway Write",
    "AI Gateway Run",
    "Farebox Operator",
];

/// Something to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A new account.
    CreateAccount {
        /// For people.
        name: String,
        /// 32 hex characters; drawn if not given.
        id: Option<String>,
    },
    /// All accounts.
    ListAccounts,
    /// A new user with a global key.
    CreateUser {
        /// The `X-Auth-Email`.
        email: String,
        /// The accounts that the user is a member of.
        accounts: Vec<String>,
    },
    /// A new token.
    CreateToken {
        /// Whose it is.
        account: String,
        /// For people.
        name: String,
        /// From [`PERMISSIONS`].
        permissions: Vec<String>,
        /// After how many seconds it expires, if ever.
        expires_in_seconds: Option<u64>,
    },
    /// An account's tokens.
    ListTokens {
        /// Whose they are.
        account: String,
    },
    /// Every secret is sealed with the current key.
    RotateKeys,
    /// A token is refused from now on.
    RevokeToken {
        /// Its id, not the token.
        id: String,
    },
    /// Something is added to the providers' prices from now on.
    SetMarkup {
        /// Whose calls; everybody's, if not given.
        account: Option<String>,
        /// `provider/model` as the catalogue names it, `provider`, or empty for all.
        scope: String,
        /// Such as `20` or `-2.5`.
        percent: String,
    },
    /// All markups.
    ListMarkups,
    /// A markup counts no longer.
    RemoveMarkup {
        /// Whose calls; everybody's, if not given.
        account: Option<String>,
        /// As it was set.
        scope: String,
    },
}

/// Why a command wasn't carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// What was asked for can't be.
    #[error("{0}")]
    Refused(String),
    /// Not every secret could be sealed anew.
    #[error(transparent)]
    Rotate(#[from] RotateError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused<T>(why: impl Into<String>) -> Result<T, AdminError> {
    Err(AdminError::Refused(why.into()))
}

/// Carries a command out. What it answers is what `--json` prints; a token or key is in it once.
///
/// # Errors
/// [`AdminError`].
pub async fn run(
    db: &Db,
    keyring: &Keyring,
    command: Command,
    now: Timestamp,
) -> Result<Value, AdminError> {
    match command {
        Command::CreateAccount { name, id } => create_account(db, name, id, now).await,
        Command::ListAccounts => list_accounts(db).await,
        Command::CreateUser { email, accounts } => {
            create_user(db, keyring, email, accounts, now).await
        }
        Command::CreateToken {
            account,
            name,
            permissions,
            expires_in_seconds,
        } => {
            let token = Token {
                id: ids::opaque(),
                account: known_account(db, &account).await?,
                name,
                permissions: known_permissions(permissions)?,
                created_at: now,
                expires_at: expiry(now, expires_in_seconds.map(Duration::from_secs))?,
                revoked_at: None,
            };
            create_token(db, keyring, token).await
        }
        Command::ListTokens { account } => {
            let account = known_account(db, &account).await?;
            let tokens = tokens::list(db, account).await?;
            Ok(tokens.iter().map(token_json).collect())
        }
        Command::RotateKeys => {
            let resealed = keyring::rotate(keyring, db).await?;
            Ok(json!({ "resealed": resealed }))
        }
        Command::RevokeToken { id } => {
            if !tokens::revoke(db, &id, now).await? {
                return refused(format!("there is no token {id} that could be revoked"));
            }
            Ok(json!({ "id": id, "status": "revoked" }))
        }
        Command::SetMarkup {
            account,
            scope,
            percent,
        } => set_markup(db, account, scope, &percent, now).await,
        Command::ListMarkups => {
            let markups = markups::list(db).await?;
            Ok(markups.iter().map(markup_json).collect())
        }
        Command::RemoveMarkup { account, scope } => remove_markup(db, account, &scope).await,
    }
}

async fn create_account(
    db: &Db,
    name: String,
    id: Option<String>,
    now: Timestamp,
) -> Result<Value, AdminError> {
    let id = match id {
        Some(text) => parse_account(&text)?,
        None => ids::account(),
    };
    match accounts::create(db, id, &name, now).await {
        Err(StoreError::Duplicate(_)) => refused(format!("account {id} exists already")),
        other => Ok(other.map(|()| json!({ "id": id.to_string(), "name": name }))?),
    }
}

async fn list_accounts(db: &Db) -> Result<Value, AdminError> {
    let accounts = accounts::list(db).await?;
    let rows = accounts.iter().map(|account| {
        json!({
            "id": account.id.to_string(),
            "name": account.name,
            "created_at": time(account.created_at),
        })
    });
    Ok(rows.collect())
}

async fn create_user(
    db: &Db,
    keyring: &Keyring,
    email: String,
    accounts: Vec<String>,
    now: Timestamp,
) -> Result<Value, AdminError> {
    let email = email.trim().to_lowercase();
    if !email.contains('@') || email.len() > 254 {
        return refused(format!("{email:?} is no e-mail address"));
    }
    let mut member_of = Vec::with_capacity(accounts.len());
    for account in &accounts {
        member_of.push(known_account(db, account).await?);
    }
    let (user, key) = (
        User {
            id: ids::opaque(),
            email,
        },
        ids::global_key(),
    );
    let hash = keyring.hash_global_key(&key);
    match accounts::create_user(db, &user, &hash, &member_of, now).await {
        Err(StoreError::Duplicate(_)) => refused(format!("there is a user {} already", user.email)),
        other => {
            other?;
            Ok(json!({ "id": user.id, "email": user.email, "accounts": accounts, "key": key }))
        }
    }
}

async fn create_token(db: &Db, keyring: &Keyring, token: Token) -> Result<Value, AdminError> {
    let secret = ids::token();
    tokens::create(db, &token, &keyring.hash_token(&secret)).await?;
    let mut answer = token_json(&token);
    answer["token"] = secret.into();
    Ok(answer)
}

fn token_json(token: &Token) -> Value {
    json!({
        "id": token.id,
        "account_id": token.account.to_string(),
        "name": token.name,
        "permissions": token.permissions,
        "created_at": time(token.created_at),
        "expires_at": token.expires_at.map(time),
        "revoked_at": token.revoked_at.map(time),
    })
}

async fn set_markup(
    db: &Db,
    account: Option<String>,
    scope: String,
    percent: &str,
    now: Timestamp,
) -> Result<Value, AdminError> {
    let parsed = Markup::parse(percent).map_err(|error| {
        AdminError::Refused(format!(
            "{percent:?} is no percentage from -100 to 10000 with at most four decimal places: {error}"
        ))
    })?;
    let markup = markups::Markup {
        account: known_or_none(db, account).await?,
        scope,
        percent: parsed.to_string(),
        updated_at: now,
    };
    markups::set(db, &markup).await?;
    Ok(markup_json(&markup))
}

async fn remove_markup(db: &Db, account: Option<String>, scope: &str) -> Result<Value, AdminError> {
    let account = known_or_none(db, account).await?;
    if !markups::remove(db, account, scope).await? {
        return refused("there is no such markup: `farebox markup list` shows them");
    }
    Ok(json!({ "scope": told_scope(scope), "status": "removed" }))
}

fn markup_json(markup: &markups::Markup) -> Value {
    json!({
        "account_id": markup.account.map(|account| account.to_string()),
        "scope": told_scope(&markup.scope),
        "percent": markup.percent,
        "updated_at": time(markup.updated_at),
    })
}

fn told_scope(scope: &str) -> &str {
    if scope.is_empty() { "all" } else { scope }
}

async fn known_or_none(db: &Db, account: Option<String>) -> Result<Option<AccountId>, AdminError> {
    match account {
        Some(text) => known_account(db, &text).await.map(Some),
        None => Ok(None),
    }
}

fn time(at: Timestamp) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn parse_account(text: &str) -> Result<AccountId, AdminError> {
    let malformed = || AdminError::Refused(format!("{text:?} is no account id: 32 hex characters"));
    text.parse().map_err(|_| malformed())
}

async fn known_account(db: &Db, text: &str) -> Result<AccountId, AdminError> {
    let id = parse_account(text)?;
    match accounts::find(db, id).await? {
        Some(_) => Ok(id),
        None => refused(format!("there is no account {id}")),
    }
}

fn known_permissions(names: Vec<String>) -> Result<Vec<String>, AdminError> {
    if names.is_empty() {
        return refused(format!(
            "a token needs a permission: {}",
            PERMISSIONS.join(", ")
        ));
    }
    match names
        .iter()
        .find(|name| !PERMISSIONS.contains(&name.as_str()))
    {
        Some(name) => refused(format!(
            "there is no permission {name:?}: {}",
            PERMISSIONS.join(", ")
        )),
        None => Ok(names),
    }
}

fn expiry(now: Timestamp, after: Option<Duration>) -> Result<Option<Timestamp>, AdminError> {
    let Some(after) = after else { return Ok(None) };
    let millis = i64::try_from(after.as_millis())
        .ok()
        .filter(|millis| *millis > 0);
    let expiry = millis.and_then(|millis| now.checked_add_millis(millis));
    match expiry {
        Some(expiry) => Ok(Some(expiry)),
        None => refused("the time until the expiry must be a positive number of seconds"),
    }
}
