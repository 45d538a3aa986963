//! The answers that are kept under a caller's idempotency key, sealed, because one may carry a secret.

use std::sync::Arc;

use ledger::AccountId;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::billing::topup::Driven;
use crate::billing::{BillingError, Refusal};
use crate::keyring::context;
use crate::store::idempotency;

/// An answer that won't change.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kept {
    Started(api::Topup),
    Refused(Refusal),
}

/// Keeps the answer under the key, if it is one that won't change.
///
/// # Errors
/// [`BillingError::Store`], or [`BillingError::Internal`] where it can't be sealed.
pub(super) async fn keep(
    app: &Arc<App>,
    account: AccountId,
    key: &str,
    driven: &Result<Driven, BillingError>,
) -> Result<(), BillingError> {
    let kept = match driven {
        Ok(Driven::Read(started)) => Kept::Started(started.clone()),
        Err(BillingError::Refused(refusal)) => Kept::Refused(refusal.clone()),
        Ok(Driven::Unread(_)) | Err(_) => return Ok(()),
    };
    let internal = |cause: String| BillingError::Internal(cause);
    let text = serde_json::to_string(&kept).map_err(|error| internal(error.to_string()))?;
    let sealed = app
        .keyring
        .seal_answer(&context::answer(account, key), &text);
    let sealed = sealed.map_err(|error| internal(error.to_string()))?;
    idempotency::keep_answer(&app.store.db, account, key, &sealed).await?;
    Ok(())
}

/// Opens what [`keep`] has sealed.
///
/// # Errors
/// [`BillingError::Internal`] where it can't be opened.
pub(super) fn open(
    app: &App,
    account: AccountId,
    key: &str,
    sealed: &str,
) -> Result<Kept, BillingError> {
    let text = app
        .keyring
        .open_answer(&context::answer(account, key), sealed);
    let text = text.map_err(|error| BillingError::Internal(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| BillingError::Internal(error.to_string()))
}
