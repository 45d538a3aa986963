//! What has to be known before a call is let in, read at once: to begin and to end a read costs more than the read.
//! First who calls, through which gateway; and once its body is here, on what terms.

use ledger::AccountId;

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::db::Db;
use crate::store::gateways::{self, Gateway};
use crate::store::leases;
use crate::store::markups::{self, Markup};
use crate::store::provider_configs;
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
    let gateway = gateways::by_id(account, gateway_id);
    let any_key = provider_configs::any_of(account, gateway_id);
    let [gateway, any_key, token] = match token_hash {
        Some(hash) => {
            let queries = [gateway, any_key, tokens::by_hash(hash)];
            db.query_together(queries).await?
        }
        None => {
            let [gateway, any_key] = db.query_together([gateway, any_key]).await?;
            [gateway, any_key, Vec::new()]
        }
    };
    Ok(Caller {
        gateway: gateways::first(gateway)?,
        has_keys: !any_key.is_empty(),
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
        let found = db.query(sql, &params).await?;
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
