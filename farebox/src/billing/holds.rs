//! Holds for any application: what the gateway does for its calls, by the API.
//!
//! Money moves by the ledger's own operations and nothing else. A transfer's id derives from the account
//! and its idempotency key, so that the ledger itself makes a repeat happen once, for as long as there
//! are books; whether it is the same request is for this module to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::Cents;
use ledger::{Account, AccountId, Amount, Code, HoldState, Operation, Timestamp, TransferId};

use crate::app::App;
use crate::billing::spending_limit::explain_limit;
use crate::billing::{BillingError, HoldRefusal};
use crate::ids;
use crate::store::committer::{Attached, CommitError, Entry};
use crate::store::hold_requests::{self, NewCapture, NewHold, RequestedCapture, RequestedHold};
use crate::store::{StoreError, holds};

/// What a caller wants held.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    /// Whose credit.
    pub account: AccountId,
    /// How much; above zero.
    pub amount: Amount,
    /// For how long, in seconds.
    pub expires_in: i64,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// The caller's idempotency key.
    pub key: Option<String>,
}

/// What a caller wants to take out of a hold.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// Whose credit.
    pub account: AccountId,
    /// The hold.
    pub hold: TransferId,
    /// How much; zero only where it is the last.
    pub amount: Amount,
    /// What was paid for.
    pub description: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Whether the rest is released.
    pub last: bool,
    /// The caller's idempotency key.
    pub key: Option<String>,
}

/// A page of a list: what is on it, and how many there are on all pages.
#[derive(Clone, Debug)]
pub struct HoldPage {
    /// Newest first.
    pub holds: Vec<api::Hold>,
    /// On all pages together.
    pub total: i64,
}

/// Holds credit.
///
/// # Errors
/// [`BillingError::Hold`] where the credit isn't there; [`BillingError::KeyMismatch`].
pub async fn create_hold(app: &Arc<App>, request: HoldRequest) -> Result<api::Hold, BillingError> {
    let id = id_for("hold", request.account, request.key.as_deref());
    if request.key.is_some()
        && let Some(found) = hold_requests::find(&app.store.db, request.account, id).await?
    {
        return repeated(app, found, &request).await;
    }
    let millis = request.expires_in.saturating_mul(1000);
    let expires_at = Timestamp::from_millis(app.now().millis().saturating_add(millis));
    let operation = Operation::Hold {
        id,
        account: request.account,
        credit: Account::Revenue,
        amount: request.amount,
        code: Code::Usage,
        reference: String::new(),
        expires_at,
    };
    let attached = Attached::Hold(NewHold {
        id,
        account: request.account,
        expires_in: request.expires_in,
        metadata: written(&request.metadata)?,
    });
    match commit(app, operation, Some(attached)).await {
        Ok(_) => show_hold(app, request.account, id).await,
        // Two calls with one key at once: the other one has just made it, a moment earlier or later.
        Err(refusal) if is_repeat(&refusal) => {
            let found = hold_requests::find(&app.store.db, request.account, id).await?;
            let found = found.ok_or(BillingError::KeyMismatch)?;
            repeated(app, found, &request).await
        }
        Err(refusal) => Err(explain(app, request.account, request.amount, None, refusal).await?),
    }
}

/// Answers a repeat with the hold as it stands now, where it is the same request.
async fn repeated(
    app: &Arc<App>,
    found: RequestedHold,
    request: &HoldRequest,
) -> Result<api::Hold, BillingError> {
    let same = found.hold.amount == request.amount
        && found.expires_in == request.expires_in
        && found.metadata == written(&request.metadata)?;
    if !same {
        return Err(BillingError::KeyMismatch);
    }
    with_captures(app, found).await
}

/// Takes a part of a hold, or the last one.
///
/// # Errors
/// [`BillingError::Hold`] where there is no such hold, it is over, or less is left of it;
/// [`BillingError::KeyMismatch`].
pub async fn capture_hold(
    app: &Arc<App>,
    request: CaptureRequest,
) -> Result<api::Hold, BillingError> {
    let (account, hold) = (request.account, request.hold);
    let found = find(app, account, hold).await?;
    let id = id_for("capture", account, request.key.as_deref());
    let metadata = written(&request.metadata)?;
    let reference = request.description.clone();
    let operation = Operation::Post {
        id,
        account,
        hold,
        amount: request.amount,
        last: request.last,
        reference: reference.unwrap_or_else(|| hold.to_string()),
    };
    let attached = Attached::Capture(NewCapture {
        id,
        account,
        hold,
        description: request.description,
        metadata: metadata.clone(),
    });
    match commit(app, operation, Some(attached)).await {
        Ok(is_new) => {
            let shown = show_hold(app, account, hold).await?;
            if !is_new {
                refuse_other_notes(app, account, hold, id, &metadata).await?;
            }
            Ok(shown)
        }
        Err(refusal) if is_repeat(&refusal) => Err(BillingError::KeyMismatch),
        Err(refusal) => Err(explain(app, account, request.amount, Some(found), refusal).await?),
    }
}

/// The ledger has compared everything that it knows; the notes are ours to compare.
async fn refuse_other_notes(
    app: &Arc<App>,
    account: AccountId,
    hold: TransferId,
    capture: TransferId,
    metadata: &str,
) -> Result<(), BillingError> {
    let captures = hold_requests::captures(&app.store.db, account, hold).await?;
    let same = captures
        .iter()
        .any(|known| known.id == capture && known.metadata == metadata);
    if same {
        Ok(())
    } else {
        Err(BillingError::KeyMismatch)
    }
}

/// Releases what is left of a hold. Its transfer's id derives from the hold alone, so that a repeat is
/// one with or without a key.
///
/// # Errors
/// [`BillingError::Hold`] where there is no such hold, or it has ended otherwise.
pub async fn void_hold(
    app: &Arc<App>,
    account: AccountId,
    hold: TransferId,
) -> Result<api::Hold, BillingError> {
    let found = find(app, account, hold).await?;
    let operation = Operation::Void {
        id: ids::transfer_for("void", &hold.to_string()),
        account,
        hold,
    };
    match commit(app, operation, None).await {
        Ok(_) => show_hold(app, account, hold).await,
        Err(refusal) => Err(explain(app, account, Amount::ZERO, Some(found), refusal).await?),
    }
}

/// One hold of the account, with its captures.
///
/// # Errors
/// [`BillingError::Hold`] where there is none.
pub async fn show_hold(
    app: &Arc<App>,
    account: AccountId,
    hold: TransferId,
) -> Result<api::Hold, BillingError> {
    let found = find(app, account, hold).await?;
    with_captures(app, found).await
}

/// A page of the account's holds, newest first; `page` counts from 1.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn list_holds(
    app: &Arc<App>,
    account: AccountId,
    state: Option<HoldState>,
    page: i64,
    per_page: i64,
) -> Result<HoldPage, BillingError> {
    let db = &app.store.db;
    let offset = page.saturating_sub(1).saturating_mul(per_page);
    let found = hold_requests::list(db, account, state, per_page, offset).await?;
    let holds: Result<_, _> = found.iter().map(|one| render(app, one)).collect();
    Ok(HoldPage {
        holds: holds?,
        total: hold_requests::count(db, account, state).await?,
    })
}

async fn find(
    app: &Arc<App>,
    account: AccountId,
    hold: TransferId,
) -> Result<RequestedHold, BillingError> {
    let found = hold_requests::find(&app.store.db, account, hold).await?;
    found.ok_or(BillingError::Hold(HoldRefusal::NotFound))
}

/// Asks the committer; answers whether it was new.
async fn commit(
    app: &Arc<App>,
    operation: Operation,
    attached: Option<Attached>,
) -> Result<bool, CommitError> {
    let operations = vec![operation];
    let entry = Entry {
        operations,
        attached,
    };
    let outcomes = app.store.committer.commit(entry).await?;
    Ok(outcomes.iter().any(ledger::Outcome::is_new))
}

/// The id of what the key names, or a new one.
fn id_for(purpose: &str, account: AccountId, key: Option<&str>) -> TransferId {
    match key {
        Some(key) => ids::transfer_for(purpose, &format!("{account}:{key}")),
        None => ids::transfer_for(purpose, &ids::opaque()),
    }
}

/// Whether the ledger knows the id, with other content.
fn is_repeat(error: &CommitError) -> bool {
    matches!(error, CommitError::Refused(refused) if refused.refusal.is_conflict())
}

/// Says a refusal of the ledger's with what the caller can do about it.
async fn explain(
    app: &Arc<App>,
    account: AccountId,
    amount: Amount,
    hold: Option<RequestedHold>,
    error: CommitError,
) -> Result<BillingError, BillingError> {
    let CommitError::Refused(refused) = &error else {
        return Ok(error.into());
    };
    let hold = match hold {
        // As it stands now: what it was refused for may have happened since it was read.
        Some(known) => Some(find(app, account, known.hold.id).await?.hold),
        None => None,
    };
    let refusal = match (refused.refusal, hold) {
        (ledger::Refusal::InsufficientCredit, _) => HoldRefusal::InsufficientCredit {
            asked: amount,
            available: holds::balances(&app.store.db, account).await?.available(),
        },
        (ledger::Refusal::AccountFrozen, _) => HoldRefusal::Frozen,
        (ledger::Refusal::SpendingLimitExceeded, _) => explain_limit(app, account, amount).await?,
        (ledger::Refusal::HoldExpired, Some(hold)) => HoldRefusal::Expired {
            at: rfc_3339(hold.expires_at)?,
        },
        (ledger::Refusal::HoldAlreadyPosted | ledger::Refusal::HoldAlreadyVoided, Some(hold)) => {
            HoldRefusal::Over {
                state: state(hold.state),
            }
        }
        (ledger::Refusal::PostExceedsHold, Some(hold)) => HoldRefusal::BeyondHold {
            asked: amount,
            left: hold.remainder(),
        },
        _ => return Ok(error.into()),
    };
    Ok(BillingError::Hold(refusal))
}

async fn with_captures(
    app: &Arc<App>,
    requested: RequestedHold,
) -> Result<api::Hold, BillingError> {
    let hold = &requested.hold;
    let found = hold_requests::captures(&app.store.db, hold.account, hold.id).await?;
    let captures: Result<Vec<_>, _> = found.into_iter().map(render_capture).collect();
    Ok(api::Hold {
        captures: Some(captures?),
        ..render(app, &requested)?
    })
}

fn render(app: &App, requested: &RequestedHold) -> Result<api::Hold, BillingError> {
    let hold = &requested.hold;
    Ok(api::Hold {
        id: hold.id.to_string(),
        amount: cents(hold.amount),
        captured: cents(hold.posted),
        remaining: cents(hold.remainder()),
        currency: app.config.topup.currency.clone(),
        state: state(hold.state),
        expires_at: rfc_3339(hold.expires_at)?,
        created_at: rfc_3339(requested.created_at)?,
        metadata: read(&requested.metadata)?,
        captures: None,
    })
}

fn render_capture(capture: RequestedCapture) -> Result<api::Capture, BillingError> {
    Ok(api::Capture {
        id: capture.id.to_string(),
        amount: cents(capture.amount),
        description: capture.description,
        metadata: read(&capture.metadata)?,
        last: capture.last,
        created_at: rfc_3339(capture.created_at)?,
    })
}

fn state(state: HoldState) -> api::HoldState {
    match state {
        HoldState::Open => api::HoldState::Open,
        HoldState::Posted => api::HoldState::Captured,
        HoldState::Voided => api::HoldState::Voided,
        HoldState::Expired => api::HoldState::Expired,
    }
}

fn cents(amount: Amount) -> Cents {
    Cents::from_nanos(amount.nanos())
}

/// As Cloudflare's API writes times, with milliseconds, in UTC.
pub(super) fn rfc_3339(time: Timestamp) -> Result<String, BillingError> {
    let time = jiff::Timestamp::from_millisecond(time.millis());
    let time = time.map_err(|error| BillingError::Internal(error.to_string()))?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// JSON with the keys in their order, so that the same notes are the same text.
fn written(metadata: &BTreeMap<String, String>) -> Result<String, BillingError> {
    serde_json::to_string(metadata).map_err(|error| BillingError::Internal(error.to_string()))
}

fn read(metadata: &str) -> Result<BTreeMap<String, String>, BillingError> {
    serde_json::from_str(metadata)
        .map_err(|error| StoreError::corrupt(format!("metadata: {error}")).into())
}
