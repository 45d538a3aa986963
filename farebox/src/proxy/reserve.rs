//! Credit is held before the provider hears of a call: as much as the call can cost or, where the gateway lets
//! calls be cut to what there is, as much as there is. It is one step of the ledger, whatever else goes on.

use std::sync::Arc;

use ledger::{Account, Amount, Code, Operation, Refusal, TransferId};

use crate::app::App;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::route::Bound;
use crate::store::committer::{CommitError, Entry};
use crate::store::holds;

/// For how long a call's credit is held beyond the longest that a call may take. Who finds it held longer finds
/// a process that is gone.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Credit that is held for a call.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The hold.
    pub hold: TransferId,
    /// How much.
    pub amount: Amount,
}

/// Holds what the call can cost.
///
/// # Errors
/// Where not even the least that the call can be asked for is there; nothing is held then.
pub async fn reserve(app: &Arc<App>, call: &Call, bound: &Bound) -> Result<Held, ProxyError> {
    let hold = hold_of(call);
    let least = match call.gateway.settings.clamp_max_tokens {
        true => bound.least,
        false => bound.most,
    };
    let lasts = app.config.gateway.call_max + MARGIN;
    let operation = Operation::HoldUpTo {
        id: hold,
        account: call.account,
        credit: Account::Revenue,
        most: bound.most,
        least,
        code: Code::Usage,
        reference: call.id.to_string(),
        expires_at: app.now_plus(lasts),
    };
    let entry = Entry {
        operations: vec![operation],
        attached: None,
    };
    match app.store.committer.commit(entry).await {
        Ok(outcomes) => {
            let held = outcomes.first().map(|outcome| outcome.transfer.amount);
            let amount = held.ok_or_else(|| ProxyError::internal("a hold has no outcome"))?;
            Ok(Held { hold, amount })
        }
        Err(CommitError::Refused(refused)) => {
            Err(explain(app, call, least, refused.refusal).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// The hold of a call: always the same one, so that whoever settles needs to be told nothing else.
pub fn hold_of(call: &Call) -> TransferId {
    ids::transfer_for("call", &call.id.to_string())
}

async fn explain(
    app: &Arc<App>,
    call: &Call,
    needs: Amount,
    refusal: Refusal,
) -> Result<ProxyError, ProxyError> {
    use http::StatusCode;
    Ok(match refusal {
        Refusal::InsufficientCredit => {
            let available = holds::balances(&app.store.db, call.account)
                .await?
                .available();
            let message = format!(
                "Insufficient credit: the call needs {needs} cents at least and {available} are available. \
                 Top up, ask for fewer tokens, or wait for running calls to end"
            );
            ProxyError::new(StatusCode::PAYMENT_REQUIRED, codes::NO_CREDIT, message)
        }
        Refusal::SpendingLimitExceeded => {
            let message = format!(
                "The account's spending limit has less left than the {needs} cents that the call needs at \
                 least: GET billing/spending-limit tells it. Wait for its window, or raise it"
            );
            ProxyError::new(StatusCode::TOO_MANY_REQUESTS, codes::ACCOUNT_LIMIT, message)
        }
        Refusal::AccountFrozen => ProxyError::new(
            StatusCode::FORBIDDEN,
            codes::FROZEN,
            "Spending is frozen while a payment of this account is disputed. Ask whoever runs the gateway",
        ),
        other => ProxyError::internal(other),
    })
}
