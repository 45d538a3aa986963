//! What has to be known before a call is let in, read at once: the gateway that it goes through, and the
//! token that it came with.

use ledger::AccountId;

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::gateways::{self, Gateway};
use crate::store::tokens::{self, Token};

/// The account's gateway of that id, and the token with this keyed hash, if the call shows one: whosever it
/// is, revoked and expired ones included; the caller looks.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    db: &Db,
    account: AccountId,
    gateway_id: &str,
    token_hash: Option<&str>,
) -> Result<(Option<Gateway>, Option<Token>), StoreError> {
    let Some(hash) = token_hash else {
        return Ok((gateways::find(db, account, gateway_id).await?, None));
    };
    let queries = [gateways::by_id(account, gateway_id), tokens::by_hash(hash)];
    let [gateway, token] = db.query_together(queries).await?;
    Ok((gateways::first(gateway)?, tokens::first(token)?))
}
