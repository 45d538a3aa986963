//! The top-up's state machine: what to do about a top-up, given what Stripe says of its invoice.
//!
//! A pure function over facts that have been read from Stripe afresh. It decides; it never credits,
//! never calls Stripe and never remembers. Stripe's events come late, twice and out of order, so
//! the webhook's job, the status call and the reconciler all ask it the same question instead, in
//! any order and any number of times.
//!
//! What is credited is our own row's amount, never what Stripe says was paid: tax, discounts and a
//! customer's balance at Stripe change that. An invoice that an operator marks as paid outside
//! Stripe counts as paid, because the operator's word is that the money has arrived.

use std::fmt;

use crate::names::named;

named! {
    /// How far a top-up has come.
    pub enum State {
        /// Recorded here; Stripe may not know of it yet.
        Started = "started",
        /// Stripe has an invoice for it.
        Pending = "pending",
        /// Credited. Nothing follows.
        Completed = "completed",
        /// Given up. Only money that arrives all the same brings it back.
        Closed = "closed",
        /// Paid, but not as we asked for it; an operator has to look.
        Review = "review",
    }
}

named! {
    /// Why a top-up was given up.
    pub enum CloseReason {
        /// The card was declined.
        Declined = "declined",
        /// The invoice was voided.
        Voided = "voided",
        /// The invoice was written off.
        Uncollectible = "uncollectible",
        /// Nobody paid, and the payment was canceled.
        Abandoned = "abandoned",
    }
}

named! {
    /// What is being waited for.
    pub enum Waiting {
        /// Stripe has yet to move; look again later.
        ForStripe = "for_stripe",
        /// The customer has to pass 3-D Secure or to give a card.
        ForCustomer = "for_customer",
        /// The payment is on its way, as bank debits are for days.
        Processing = "processing",
    }
}

named! {
    /// In what an invoice differs from the top-up that it should pay.
    pub enum Mismatch {
        /// The total without tax is not amount + fee, or the recorded amount is another.
        Amount = "amount",
        /// Another currency.
        Currency = "currency",
        /// Another account, or none.
        Account = "account",
        /// Another top-up, or none.
        TopUp = "topup",
        /// Test money for live credits, or the other way round.
        Livemode = "livemode",
    }
}

impl Mismatch {
    /// What an operator should know.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Amount => "The paid invoice's total without tax is not the amount and the fee.",
            Self::Currency => "The paid invoice is in another currency than the ledger.",
            Self::Account => "The paid invoice names another account, or none.",
            Self::TopUp => "The paid invoice names another top-up, or none.",
            Self::Livemode => "The paid invoice and this server differ in test and live mode.",
        }
    }
}

/// What the top-up's own row says must be paid.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Expected<'a> {
    /// The top-up's id, as it stands in the invoice's metadata.
    pub topup_id: &'a str,
    /// The account's id in hexadecimal, as it stands in the invoice's metadata.
    pub account_id: &'a str,
    /// The credits, in cents.
    pub amount_cents: i64,
    /// The fee on top, in cents.
    pub fee_cents: i64,
    /// ISO 4217, in either case.
    pub currency: &'a str,
    /// Whether this server charges real money.
    pub livemode: bool,
}

/// What an invoice at Stripe says, read just now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The invoice's status.
    pub invoice_status: InvoiceStatus,
    /// The invoice's currency.
    pub currency: String,
    /// After discounts and before tax, in cents. Stripe may leave the field null; its reader then
    /// takes the total less the taxes.
    pub total_excluding_tax_cents: i64,
    /// Whether real money is meant.
    pub livemode: bool,
    /// The top-up's id in the metadata.
    pub topup_id: Option<String>,
    /// The account's id in the metadata.
    pub account_id: Option<String>,
    /// The credits in the metadata, in cents. Where it is there it must be ours.
    pub amount_credit_cents: Option<i64>,
    /// The status of the invoice's payment, where it has one.
    pub payment: Option<PaymentStatus>,
    /// The card network's reason for the last decline, where there was one.
    pub decline_code: Option<String>,
}

/// An invoice's status. Open, because Stripe adds values within a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InvoiceStatus {
    /// Not final yet.
    Draft,
    /// To be paid.
    Open,
    /// Paid.
    Paid,
    /// Taken back. Final.
    Void,
    /// Written off, though it can still be paid.
    Uncollectible,
    /// One that we do not know.
    Other(String),
}

impl InvoiceStatus {
    /// Stripe's name for it, taken as it is where it is unknown.
    pub fn parse(name: &str) -> Self {
        match name {
            "draft" => Self::Draft,
            "open" => Self::Open,
            "paid" => Self::Paid,
            "void" => Self::Void,
            "uncollectible" => Self::Uncollectible,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Void => "void",
            Self::Uncollectible => "uncollectible",
            Self::Other(name) => name,
        })
    }
}

/// A PaymentIntent's status. Open, because Stripe adds values within a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaymentStatus {
    /// No card yet, or the last one failed.
    RequiresPaymentMethod,
    /// A card, and nobody has said to charge it.
    RequiresConfirmation,
    /// 3-D Secure.
    RequiresAction,
    /// On its way.
    Processing,
    /// Paid; the invoice follows.
    Succeeded,
    /// Given up.
    Canceled,
    /// One that we do not know, or never cause.
    Other(String),
}

impl PaymentStatus {
    /// Stripe's name for it, taken as it is where it is unknown.
    pub fn parse(name: &str) -> Self {
        match name {
            "requires_payment_method" => Self::RequiresPaymentMethod,
            "requires_confirmation" => Self::RequiresConfirmation,
            "requires_action" => Self::RequiresAction,
            "processing" => Self::Processing,
            "succeeded" => Self::Succeeded,
            "canceled" => Self::Canceled,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
            Self::Other(name) => name,
        })
    }
}

/// What to do about a top-up now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The money has arrived: credit the row's amount and complete the top-up.
    Credit,
    /// Leave it as it is and look again.
    Wait(Waiting),
    /// Give it up. An invoice that is still open must be voided, or it could be paid later.
    Close(CloseReason),
    /// Set it aside for an operator, and credit nothing. Says the same again on every look.
    Review(Mismatch),
    /// It is as it should be.
    Nothing,
}

/// What to do about a top-up in `state`, of which our row says `expected` and Stripe `facts`.
///
/// Money that has arrived and matches is always credited, once: also when the top-up was closed
/// (a void can lose the race against a payment) or set aside. Nothing else brings these back.
pub fn decide(state: State, expected: &Expected<'_>, facts: &Facts) -> Decision {
    let paid = facts.invoice_status == InvoiceStatus::Paid;
    match (state, paid) {
        (State::Completed, _) => Decision::Nothing,
        (_, true) => match mismatch(expected, facts) {
            None => Decision::Credit,
            Some(mismatch) => Decision::Review(mismatch),
        },
        (State::Closed | State::Review, false) => Decision::Nothing,
        (State::Started | State::Pending, false) => decide_unpaid(expected, facts),
    }
}

/// The same for a payment that nobody attends to any more, as an automatic top-up's once its card was
/// tried: what would wait for the customer is given up, so that it can't be paid by surprise.
pub fn decide_unattended(state: State, expected: &Expected<'_>, facts: &Facts) -> Decision {
    match (decide(state, expected, facts), &facts.payment) {
        // The issuer asks for the cardholder, which is a no to whoever comes without.
        (Decision::Wait(Waiting::ForCustomer), Some(PaymentStatus::RequiresAction)) => {
            Decision::Close(CloseReason::Declined)
        }
        (Decision::Wait(Waiting::ForCustomer), _) => Decision::Close(CloseReason::Abandoned),
        (decision, _) => decision,
    }
}

fn decide_unpaid(expected: &Expected<'_>, facts: &Facts) -> Decision {
    match facts.invoice_status {
        InvoiceStatus::Void => Decision::Close(CloseReason::Voided),
        InvoiceStatus::Uncollectible => Decision::Close(CloseReason::Uncollectible),
        // What happens to the payment of an invoice that is not the one we asked for says nothing
        // about ours. No money has moved, so waiting costs nothing; if it is paid, it is reviewed.
        InvoiceStatus::Open if mismatch(expected, facts).is_none() => decide_open(facts),
        _ => Decision::Wait(Waiting::ForStripe),
    }
}

fn decide_open(facts: &Facts) -> Decision {
    match facts.payment {
        // A declined top-up is closed and its invoice voided, because an invoice left open could
        // be charged later for a top-up that we have reported as failed. With no
        // decline, there was no card or 3-D Secure failed: the customer may try again.
        Some(PaymentStatus::RequiresPaymentMethod) if facts.decline_code.is_some() => {
            Decision::Close(CloseReason::Declined)
        }
        Some(
            PaymentStatus::RequiresPaymentMethod
            | PaymentStatus::RequiresConfirmation
            | PaymentStatus::RequiresAction,
        ) => Decision::Wait(Waiting::ForCustomer),
        Some(PaymentStatus::Processing) => Decision::Wait(Waiting::Processing),
        Some(PaymentStatus::Canceled) => Decision::Close(CloseReason::Abandoned),
        // The payment has succeeded and the invoice not followed yet, or there is none yet.
        Some(PaymentStatus::Succeeded | PaymentStatus::Other(_)) | None => {
            Decision::Wait(Waiting::ForStripe)
        }
    }
}

/// The first difference that matters, the most fundamental first.
fn mismatch(expected: &Expected<'_>, facts: &Facts) -> Option<Mismatch> {
    if facts.livemode != expected.livemode {
        return Some(Mismatch::Livemode);
    }
    if facts.topup_id.as_deref() != Some(expected.topup_id) {
        return Some(Mismatch::TopUp);
    }
    if facts.account_id.as_deref() != Some(expected.account_id) {
        return Some(Mismatch::Account);
    }
    if !facts.currency.eq_ignore_ascii_case(expected.currency) {
        return Some(Mismatch::Currency);
    }
    let charged = expected.amount_cents.checked_add(expected.fee_cents);
    let recorded = facts.amount_credit_cents.unwrap_or(expected.amount_cents);
    if charged != Some(facts.total_excluding_tax_cents) || recorded != expected.amount_cents {
        return Some(Mismatch::Amount);
    }
    None
}
