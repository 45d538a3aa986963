//! A call is paid for: what it cost is posted, the rest of its hold released and its log written, all in one
//! transaction. The last byte of an answer leaves after it.
//!
//! Whatever happens to the client, this happens once: the transfer's id derives from the call's. Nothing is ever
//! settled in a destructor; what dies before this point leaves a hold that expires.

mod write;

use std::sync::Arc;

use ledger::{Account, Amount, Basis, Code, Operation, TransferId};

use crate::app::App;
use crate::billing::explanation;
use crate::catalog::Priced;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::lease;
use crate::proxy::reserve::Held;
use crate::proxy::route::Bound;
use crate::store::buckets::Ended;
use crate::store::charges::{self, NewCharge};
use crate::store::committer::Attached;
use crate::store::logs::{NewCall, NewLog};
use write::Posting;

/// What a call that was paid for in advance has come to.
#[derive(Clone, Copy, Debug)]
pub struct Paid<'a> {
    /// What was held.
    pub held: Held,
    /// How its cost was bounded.
    pub bound: &'a Bound,
    /// What it cost; nothing if its provider answered with an error, or not at all.
    pub priced: Option<&'a Priced>,
    /// Whether the client has received what came of the answer.
    pub is_passed_on: bool,
}

/// What a call has come to, durably.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// What was taken.
    pub charged: Amount,
    /// What its account has available right after; nothing where nothing was held.
    pub available: Option<Amount>,
}

/// Settles a call, and writes its log. If nothing is held there is only the log. `counted` is what it has come
/// to under its gateway's spend rules, if it has reserved something there.
///
/// # Errors
/// [`ProxyError`] if the store failed for `[gateway] settlement_wait_seconds`; a tracked task goes on then.
pub async fn settle(
    app: &Arc<App>,
    call: &Call,
    paid: Option<Paid<'_>>,
    counted: Option<Ended>,
    log: Option<NewLog>,
) -> Result<Settled, ProxyError> {
    let part = paid.as_ref().and_then(|paid| paid.held.part);
    let charged = paid.as_ref().map_or(Amount::ZERO, Paid::charged);
    if let Some(overrun) = paid.as_ref().and_then(|paid| paid.warn(call)) {
        app.metrics.overrun(overrun);
    }
    let available = match posting(call, paid, counted, log) {
        Some(posting) => write::write(app, posting).await?,
        None => {
            part.into_iter()
                .for_each(|part| app.store.committer.leases().end(part));
            None
        }
    };
    let available = match part {
        Some(_) if available.is_none() => lease::available(app, call.account).await,
        _ => available,
    };
    Ok(Settled { charged, available })
}

/// What is written; nothing if there is nothing to write.
fn posting(
    call: &Call,
    paid: Option<Paid<'_>>,
    counted: Option<Ended>,
    log: Option<NewLog>,
) -> Option<Posting> {
    let paid = paid.as_ref();
    let operations = paid.map_or_else(Vec::new, |paid| postings(call, paid));
    let charge = paid.and_then(|paid| Some(explained(call, paid, paid.priced?)));
    // A hold of which nobody knows has to be released, too.
    let is_known = paid.is_none_or(|paid| paid.held.or.is_none());
    let is_nothing =
        log.is_none() && operations.is_empty() && counted.is_none() && charge.is_none();
    if is_nothing && is_known {
        return None;
    }
    let new = Arc::new(NewCall {
        id: call.id,
        account: call.account,
        gateway: call.gateway.seq,
        charge,
        log,
    });
    let attached = match (counted, paid.and_then(|paid| paid.held.part)) {
        (Some(ended), _) => Attached::CountedCall(new, ended),
        (None, Some(part)) => Attached::LeasedCall(Some(new), part),
        (None, None) => Attached::Call(new),
    };
    let unanswered = paid.filter(|paid| !paid.is_passed_on);
    Some(Posting {
        call: call.id,
        account: call.account,
        operations,
        attached,
        or: paid.and_then(|paid| paid.held.or),
        unanswered: unanswered.map_or(Amount::ZERO, Paid::charged),
    })
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

    /// What is written off, if anything is.
    fn warn(&self, call: &Call) -> Option<Amount> {
        let (charged, overrun) = (self.charged(), self.overrun());
        if !overrun.is_positive() {
            return None;
        }
        if self.cost() > self.bound.most {
            tracing::error!(
                call = %call.id, account = %call.account, %charged, %overrun,
                "a call cost more than its bound, which is wrong: the rest is written off"
            );
        } else {
            tracing::warn!(
                call = %call.id, account = %call.account, %charged, %overrun,
                "a call cost more than there was credit for: the rest is written off"
            );
        }
        Some(overrun)
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
