//! A call is paid for: what it cost is posted, the rest of its hold released and its log written, all in one
//! transaction. The last byte of an answer leaves after it.
//!
//! Whatever happens to the client, this happens once: the transfer's id derives from the call's. Nothing is ever
//! settled in a destructor; what dies before this point leaves a hold that expires.

use std::sync::Arc;
use std::time::Duration;

use ledger::{Account, Amount, Basis, Code, Operation, TransferId};

use crate::app::App;
use crate::billing::explanation;
use crate::catalog::Priced;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::reserve::Held;
use crate::proxy::route::Bound;
use crate::store::buckets::Ended;
use crate::store::charges::{self, NewCharge};
use crate::store::committer::{Attached, CommitError, Entry};
use crate::store::holds;
use crate::store::logs::{NewCall, NewLog};

/// How long a settlement waits for a store that fails.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// What a call that was paid for in advance has come to.
#[derive(Clone, Copy, Debug)]
pub struct Paid<'a> {
    /// What was held.
    pub held: Held,
    /// How its cost was bounded.
    pub bound: &'a Bound,
    /// What it cost; nothing where its provider answered with an error, or not at all.
    pub priced: Option<&'a Priced>,
}

/// What a call has come to, durably.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// What was taken.
    pub charged: Amount,
    /// What its account has available right after; nothing where nothing was held.
    pub available: Option<Amount>,
}

/// Settles a call, and writes its log. Without anything held there is only the log. `counted` is what it has come
/// to under its gateway's spend rules, where it has reserved something there.
///
/// # Errors
/// [`ProxyError`] where the store failed; the same again is harmless.
pub async fn settle(
    app: &Arc<App>,
    call: &Call,
    paid: Option<Paid<'_>>,
    counted: Option<Ended>,
    log: Option<NewLog>,
) -> Result<Settled, ProxyError> {
    let part = paid.as_ref().and_then(|paid| paid.held.part);
    let settled = settle_held(app, call, paid, counted, log).await;
    let Some(part) = part else {
        return settled;
    };
    let leases = app.store.committer.leases();
    let mut settled = settled.inspect_err(|_| leases.lose(part))?;
    if settled.available.is_none() {
        // It is settled: that a store fails which is asked for the balance alone is no reason to fail the call.
        let balances = holds::balances(&app.store.db, call.account).await;
        settled.available = balances.ok().map(|found| found.available());
    }
    // What is idle in a lease is there for whoever needs it.
    let idle = leases.idle(call.account);
    settled.available = settled.available.and_then(|there| there.checked_add(idle));
    Ok(settled)
}

async fn settle_held(
    app: &Arc<App>,
    call: &Call,
    paid: Option<Paid<'_>>,
    counted: Option<Ended>,
    log: Option<NewLog>,
) -> Result<Settled, ProxyError> {
    let mut operations = Vec::new();
    let mut charge = None;
    if let Some(paid) = &paid {
        operations = postings(call, paid);
        charge = paid.priced.map(|priced| explained(call, paid, priced));
    }
    let charged = paid.as_ref().map_or(Amount::ZERO, Paid::charged);
    if let Some(overrun) = paid
        .as_ref()
        .map(Paid::overrun)
        .filter(|over| over.is_positive())
    {
        tracing::error!(
            call = %call.id, account = %call.account, %charged, %overrun,
            "a call cost more than was held for it: its bound was wrong, and the rest is written off"
        );
    }
    let part = paid.as_ref().and_then(|paid| paid.held.part);
    if log.is_none() && operations.is_empty() && counted.is_none() && charge.is_none() {
        part.into_iter()
            .for_each(|part| app.store.committer.leases().end(part));
        return Ok(Settled {
            charged,
            available: None,
        });
    }
    let new = Arc::new(NewCall {
        id: call.id,
        account: call.account,
        gateway: call.gateway.seq,
        charge,
        log,
    });
    let attached = match (counted, part) {
        (Some(ended), _) => Attached::CountedCall(new, ended),
        (None, Some(part)) => Attached::LeasedCall(Some(new), part),
        (None, None) => Attached::Call(new),
    };
    let available = write(app, call, &operations, &attached).await?;
    Ok(Settled { charged, available })
}

/// Writes it, again after a while where the store fails: the provider has been paid, and the same transfers
/// happen once. Answers what the account has available.
async fn write(
    app: &App,
    call: &Call,
    operations: &[Operation],
    attached: &Attached,
) -> Result<Option<Amount>, ProxyError> {
    let mut pauses = PAUSES.iter();
    loop {
        let (committer, operations) = (&app.store.committer, operations.to_vec());
        let written = match attached.clone() {
            Attached::LeasedCall(call, part) => committer.commit_part(part, operations, call).await,
            attached => {
                let attached = Some(attached);
                let entry = Entry {
                    operations,
                    attached,
                };
                let outcomes = committer.commit(entry).await;
                outcomes.map(|all| all.first().and_then(|outcome| outcome.available))
            }
        };
        match (written, pauses.next()) {
            (Err(CommitError::Store(error)), Some(pause)) => {
                tracing::warn!(call = %call.id, %error, "a call is not settled yet");
                tokio::time::sleep(*pause).await;
            }
            (written, _) => return written.map_err(ProxyError::from),
        }
    }
}

impl Paid<'_> {
    /// What it counts under its gateway's spend rules: what is taken for it.
    pub fn counted(&self) -> Option<Ended> {
        self.held.is_counted.then(|| Ended {
            id: self.held.hold,
            cost: self.charged(),
        })
    }

    /// A hold of the call's own is always posted, which releases the rest of it; of a lease only what is taken is.
    fn is_posted(&self) -> bool {
        self.held.part.is_none() || self.charged().is_positive()
    }

    /// The model that it is charged as: the one that answered.
    fn model(&self) -> &str {
        let answered = self.priced.and_then(|priced| priced.model.as_deref());
        answered.unwrap_or(&self.bound.model.id)
    }

    fn cost(&self) -> Amount {
        self.priced.map_or(Amount::ZERO, Priced::amount)
    }

    /// What is taken: never more than was held, so that no call takes a customer below zero.
    fn charged(&self) -> Amount {
        self.cost().min(self.held.amount)
    }

    /// What it cost beyond that: the operator's loss.
    fn overrun(&self) -> Amount {
        self.cost()
            .checked_sub(self.charged())
            .unwrap_or(Amount::ZERO)
    }
}

fn settlement_of(call: &Call) -> TransferId {
    ids::transfer_of_call("call settled", call.id)
}

fn postings(call: &Call, paid: &Paid<'_>) -> Vec<Operation> {
    let mut operations = Vec::new();
    if paid.is_posted() {
        operations.push(Operation::Post {
            id: settlement_of(call),
            account: call.account,
            hold: paid.held.hold,
            amount: paid.charged(),
            last: paid.held.part.is_none(),
            // What an invoice has a line for.
            reference: format!("{}/{}", call.target.provider.slug, paid.model()),
        });
    }
    if paid.overrun().is_positive() {
        operations.push(Operation::Transfer {
            id: ids::transfer_of_call("call overrun", call.id),
            debit: Account::WriteOffs,
            credit: Account::Revenue,
            amount: paid.overrun(),
            code: Code::WriteOff,
            reference: call.id.to_string(),
        });
    }
    operations
}

fn explained(call: &Call, paid: &Paid<'_>, priced: &Priced) -> NewCharge {
    let used = priced.used();
    let terms = priced.usage.terms.iter();
    NewCharge {
        provider: call.target.provider.slug.to_owned(),
        model: paid.model().to_owned(),
        units: used
            .iter()
            .map(|(unit, quantity)| (unit.name().to_owned(), quantity))
            .collect(),
        terms: terms
            .map(|(term, value)| (term.name().to_owned(), value.clone()))
            .collect(),
        basis: match priced.usage.basis {
            Basis::Reported => charges::Basis::Reported,
            Basis::Estimated => charges::Basis::Estimated,
        },
        cost: Some(priced.amount()),
        charged: paid.charged(),
        overrun: paid.overrun(),
        rate: Some(priced.version.clone()),
        explanation: Some(explanation::encode(priced)),
        hold: Some(paid.held.hold),
        transfer: paid.is_posted().then(|| settlement_of(call)),
    }
}
