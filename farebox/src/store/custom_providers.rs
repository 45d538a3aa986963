//! Providers of accounts' own.

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::pattern::containing;
use crate::store::value::{Row, Value};

/// Between the names of headers in their column: no name has it.
const SEPARATOR: char = ',';

/// A provider.
#[derive(Clone, Debug)]
pub struct CustomProvider {
    /// A UUID.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// Unique in its account; calls name the provider by `custom-` and this.
    pub slug: String,
    /// For people.
    pub name: String,
    /// What paths are appended to; checked when it was set, and to be checked again at each connection.
    pub base_url: String,
    /// Whether it can be called.
    pub enable: bool,
    /// For people.
    pub beta: bool,
    /// For people.
    pub description: Option<String>,
    /// For people.
    pub link: Option<String>,
    /// For people.
    pub curl_example: Option<String>,
    /// For people.
    pub js_example: Option<String>,
    /// Where it stands in lists that people order.
    pub position: Option<i64>,
    /// The names of the headers that are sent along.
    pub header_names: Vec<String>,
    /// The headers, a JSON object, sealed for [`crate::keyring::context::provider_headers`].
    pub sealed_headers: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

/// By what a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The name.
    Name,
    /// The slug.
    Slug,
    /// When it was made.
    CreatedAt,
    /// When it was changed last.
    ModifiedAt,
    /// Where it stands in lists that people order.
    Position,
}

/// Which of an account's providers are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Those that can be called, or those that can't.
    pub enable: Option<bool>,
    /// Those in beta, or those that aren't.
    pub beta: Option<bool>,
    /// Those whose id, name or slug contains this; all where it is empty.
    pub search: String,
    /// In this order, and by their slugs where that is the same.
    pub order: Order,
    /// The largest first.
    pub descending: bool,
}

const COLUMNS: &str = "id, account_id, slug, name, base_url, enable, beta, description, link, \
     curl_example, js_example, position, header_names, sealed_headers, created_at, modified_at";

const WANTED: &str = "account_id = $1 AND (enable = $2 OR $2 < 0) AND (beta = $3 OR $3 < 0) \
     AND ($4 = '' OR LOWER(id) LIKE LOWER($5) ESCAPE '\\' OR LOWER(name) LIKE LOWER($5) ESCAPE '\\' \
     OR LOWER(slug) LIKE LOWER($5) ESCAPE '\\')";

/// Makes a provider.
///
/// # Errors
/// [`StoreError::Duplicate`] where the account has one of that slug; [`StoreError::Database`].
pub async fn create(db: &Db, new: &CustomProvider) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO custom_providers ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
         $11, $12, $13, $14, $15, $16)"
    );
    db.execute(&sql, &values(new)).await?;
    Ok(())
}

/// Changes everything of a provider but its id, its account and its slug; false where it is gone.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(db: &Db, new: &CustomProvider) -> Result<bool, StoreError> {
    let sql = "UPDATE custom_providers SET name = $4, base_url = $5, enable = $6, beta = $7, \
         description = $8, link = $9, curl_example = $10, js_example = $11, position = $12, \
         header_names = $13, sealed_headers = $14, created_at = $15, modified_at = $16 \
         WHERE id = $1 AND account_id = $2 AND slug = $3";
    Ok(db.execute(sql, &values(new)).await? == 1)
}

/// The account's provider of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    db: &Db,
    account: AccountId,
    id: &str,
) -> Result<Option<CustomProvider>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM custom_providers WHERE account_id = $1 AND id = $2");
    let params = [account.to_string().into(), id.into()];
    let found = db.query_opt(&sql, &params).await?;
    found.map(provider).transpose()
}

/// The account's provider of that slug, whether it can be called or not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_by_slug(
    db: &Db,
    account: AccountId,
    slug: &str,
) -> Result<Option<CustomProvider>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM custom_providers WHERE account_id = $1 AND slug = $2");
    let params = [account.to_string().into(), slug.into()];
    let found = db.query_for_call(&sql, &params).await?;
    found.into_iter().next().map(provider).transpose()
}

/// `limit` of the account's providers after the first `offset`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    db: &Db,
    account: AccountId,
    wanted: &Wanted,
    limit: i64,
    offset: i64,
) -> Result<Vec<CustomProvider>, StoreError> {
    let column = match wanted.order {
        Order::Name => "name",
        Order::Slug => "slug",
        Order::CreatedAt => "created_at",
        Order::ModifiedAt => "modified_at",
        Order::Position => "position",
    };
    let way = match wanted.descending {
        true => "DESC NULLS LAST",
        false => "ASC NULLS FIRST",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM custom_providers WHERE {WANTED} ORDER BY {column} {way}, slug \
         LIMIT $6 OFFSET $7"
    );
    let mut params = params(account, wanted).to_vec();
    params.extend([limit.into(), offset.into()]);
    let found = db.query(&sql, &params).await?;
    found.into_iter().map(provider).collect()
}

/// How many there are on all pages of [`list`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db, account: AccountId, wanted: &Wanted) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM custom_providers WHERE {WANTED}");
    let row = db.query_opt(&sql, &params(account, wanted)).await?;
    row.map_or(Ok(0), |mut row| row.int())
}

/// Removes a provider of the account's; false where it has none of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(db: &Db, account: AccountId, id: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM custom_providers WHERE account_id = $1 AND id = $2";
    let params = [account.to_string().into(), id.into()];
    Ok(db.execute(sql, &params).await? == 1)
}

fn params(account: AccountId, wanted: &Wanted) -> [Value; 5] {
    let flag = |flag: Option<bool>| Value::from(flag.map_or(-1, i64::from));
    [
        account.to_string().into(),
        flag(wanted.enable),
        flag(wanted.beta),
        wanted.search.as_str().into(),
        containing(&wanted.search),
    ]
}

fn values(new: &CustomProvider) -> [Value; 16] {
    let names = new.header_names.join(&SEPARATOR.to_string());
    [
        (&new.id).into(),
        new.account.to_string().into(),
        (&new.slug).into(),
        (&new.name).into(),
        (&new.base_url).into(),
        new.enable.into(),
        new.beta.into(),
        new.description.as_deref().into(),
        new.link.as_deref().into(),
        new.curl_example.as_deref().into(),
        new.js_example.as_deref().into(),
        new.position.into(),
        names.into(),
        new.sealed_headers.as_deref().into(),
        new.created_at.millis().into(),
        new.modified_at.millis().into(),
    ]
}

fn provider(mut row: Row) -> Result<CustomProvider, StoreError> {
    Ok(CustomProvider {
        id: row.text()?,
        account: row.parse()?,
        slug: row.text()?,
        name: row.text()?,
        base_url: row.text()?,
        enable: row.flag()?,
        beta: row.flag()?,
        description: row.opt_text()?,
        link: row.opt_text()?,
        curl_example: row.opt_text()?,
        js_example: row.opt_text()?,
        position: row.opt_int()?,
        header_names: names(&row.text()?),
        sealed_headers: row.opt_text()?,
        created_at: Timestamp::from_millis(row.int()?),
        modified_at: Timestamp::from_millis(row.int()?),
    })
}

fn names(text: &str) -> Vec<String> {
    let names = text.split(SEPARATOR).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
