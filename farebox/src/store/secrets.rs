//! Every sealed text in the database, whatever it is of: so that one key can take another's place. A
//! column that is sealed belongs on this list.

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::value::Row;

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers under idempotency keys.
    Answer,
    /// Addresses of invoices.
    Invoice,
    /// Keys for providers.
    ProviderKey,
    /// Headers of accounts' own providers.
    ProviderHeaders,
}

/// A sealed text and where it stands.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What it is of.
    pub kind: Kind,
    /// Whose it is.
    pub account: String,
    /// Which row of that account's.
    pub key: String,
    /// As it is sealed; it begins with the name of the key and a dot.
    pub text: String,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Answer,
        Self::Invoice,
        Self::ProviderKey,
        Self::ProviderHeaders,
    ];

    /// The table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Answer => "idempotency_keys",
            Self::Invoice => "invoices",
            Self::ProviderKey => "provider_configs",
            Self::ProviderHeaders => "custom_providers",
        }
    }

    /// The account, the key and the text of each row, as `sealed`.
    const fn select(self) -> &'static str {
        match self {
            Self::Answer => "SELECT account_id, key, answer AS sealed FROM idempotency_keys",
            Self::Invoice => {
                "SELECT t.account_id, i.topup_id AS key, i.sealed_pdf AS sealed \
                 FROM invoices i JOIN topups t ON t.id = i.topup_id"
            }
            Self::ProviderKey => "SELECT account_id, id AS key, sealed FROM provider_configs",
            Self::ProviderHeaders => {
                "SELECT account_id, id AS key, sealed_headers AS sealed FROM custom_providers"
            }
        }
    }

    const fn update(self) -> &'static str {
        match self {
            Self::Answer => {
                "UPDATE idempotency_keys SET answer = $4 \
                 WHERE account_id = $1 AND key = $2 AND answer = $3"
            }
            Self::Invoice => {
                "UPDATE invoices SET sealed_pdf = $4 WHERE topup_id = $2 AND sealed_pdf = $3 \
                 AND EXISTS (SELECT 1 FROM topups WHERE id = $2 AND account_id = $1)"
            }
            Self::ProviderKey => {
                "UPDATE provider_configs SET sealed = $4 \
                 WHERE account_id = $1 AND id = $2 AND sealed = $3"
            }
            Self::ProviderHeaders => {
                "UPDATE custom_providers SET sealed_headers = $4 \
                 WHERE account_id = $1 AND id = $2 AND sealed_headers = $3"
            }
        }
    }
}

/// What a text that was sealed with another key than this looks like.
const OTHERWISE: &str = "sealed IS NOT NULL AND sealed NOT LIKE $1";

/// At most `limit` texts of this kind that were sealed with another key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sealed_otherwise(
    db: &Db,
    kind: Kind,
    key_id: &str,
    limit: i64,
) -> Result<Vec<Sealed>, StoreError> {
    let sql = format!(
        "SELECT account_id, key, sealed FROM ({}) AS one WHERE {OTHERWISE} LIMIT $2",
        kind.select()
    );
    let found = db
        .query(&sql, &[pattern(key_id).into(), limit.into()])
        .await?;
    found.into_iter().map(|row| sealed(kind, row)).collect()
}

/// How many texts of all kinds were sealed with another key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_sealed_otherwise(db: &Db, key_id: &str) -> Result<i64, StoreError> {
    let mut count: i64 = 0;
    for kind in Kind::ALL {
        let sql = format!(
            "SELECT COUNT(*) FROM ({}) AS one WHERE {OTHERWISE}",
            kind.select()
        );
        let row = db.query_opt(&sql, &[pattern(key_id).into()]).await?;
        count = count.saturating_add(row.map_or(Ok(0), |mut row| row.int())?);
    }
    Ok(count)
}

/// Puts a text in the place of one that has not changed since; returns how many there were, 0 or 1.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn replace(db: &Db, old: &Sealed, new: &str) -> Result<u64, StoreError> {
    let params = [
        old.account.as_str().into(),
        old.key.as_str().into(),
        old.text.as_str().into(),
        new.into(),
    ];
    db.execute(old.kind.update(), &params).await
}

fn pattern(key_id: &str) -> String {
    format!("{key_id}.%")
}

fn sealed(kind: Kind, mut row: Row) -> Result<Sealed, StoreError> {
    Ok(Sealed {
        kind,
        account: row.text()?,
        key: row.text()?,
        text: row.text()?,
    })
}
