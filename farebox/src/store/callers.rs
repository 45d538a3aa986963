//! What has to be known before a call is let in, read at once: to begin and to end a read costs more than the read.
//! First who calls, through which gateway; and once its body is here, on what terms.

use ledger::AccountId;

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::db::Db;
use crate::store::gateways::{self, Gateway};
use crate::store::leases;
use crate::store::markups::{self, Markup};
use crate::store::tokens::{self, Token};

/// Who calls, through which gateway.
#[derive(Debug)]
pub struct Caller {
    /// The account's gateway of that id.
    pub gateway: Option<Gateway>,
    /// Whether keys of providers are stored on it.
    pub has_keys: bool,
    /// The token with this keyed hash, whosever it is, revoked and expired ones included; the caller looks.
    pub token: Option<Token>,
}

/// The account's gateway of that id, and the token with this keyed hash, if the call shows one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    db: &Db,
    account: AccountId,
    gateway_id: &str,
    token_hash: Option<&str>,
) -> Result<Caller, StoreError> {
    let gateway = gateways::for_call(account, gateway_id);
    let [gateway, token] = match token_hash {
        Some(hash) => {
            let queries = [gateway, tokens::by_hash(hash)];
            db.query_together(queries).await?
        }
        None => {
            let [gateway] = db.query_together([gateway]).await?;
            [gateway, Vec::new()]
        }
    };
    let (gateway, has_keys) = gateways::first_for_call(gateway)?.unzip();
    Ok(Caller {
        gateway,
        has_keys: has_keys.unwrap_or_default(),
        token: tokens::first(token)?,
    })
}

/// On what terms an account calls a model.
#[derive(Debug)]
pub struct Terms {
    /// What is added to its price; nothing where nothing is set.
    pub markup: Option<Markup>,
    /// Whether the account may take parts of a lease now ([`leases::may_take`]); nothing where that was not asked.
    pub may_take: Option<bool>,
}

/// On what terms the account calls the model; with whether it may take parts of a lease, where it has one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn terms(
    db: &Db,
    account: AccountId,
    (provider, model): (&str, &str),
    is_leased: bool,
) -> Result<Terms, StoreError> {
    let markup = markups::for_call(account, provider, model);
    if !is_leased {
        let Query { sql, params } = markup;
        let found = db.query_for_call(sql, &params).await?;
        return Ok(Terms {
            markup: markups::nearest(found)?,
            may_take: None,
        });
    }
    let [markup, standing] = db
        .query_together([markup, leases::standing(account)])
        .await?;
    Ok(Terms {
        markup: markups::nearest(markup)?,
        may_take: Some(!standing.is_empty()),
    })
}
