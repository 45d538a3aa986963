//! The use cases of billing: start a top-up, find out what became of it, tell the balance
//! and what it came from, keep the cards that are charged.
//!
//! It puts the store, Stripe and the ledger's rules together, and knows no HTTP. Whether money is
//! there is decided by `ledger::topup::decide` over what Stripe says, and nowhere else.

mod apply;
mod auto_topup;
mod balance;
mod compare;
mod customer;
mod disputes;
mod events;
pub mod explanation;
mod holds;
mod invoices;
mod kept;
mod offers;
mod payment_methods;
mod preview;
mod reconcile;
mod refunds;
mod refusal;
mod rerate;
mod reversals;
mod setups;
mod spending_limit;
mod status;
mod terms;
mod topup;
mod transactions;
mod turn;
mod usage;

pub use apply::{apply_invoice_event, apply_payment};
pub use auto_topup::{AutoTopups, remove_topup_config, set_topup_config, topup_config};
pub use balance::credit_balance;
pub use compare::{Comparison, Difference, compare};
pub use customer::{ensure as ensure_customer, refresh_card};
pub use disputes::{DisputePage, list_disputes};
pub use events::{Noted, events_since_cursor, note_event, perform};
pub use holds::{
    CaptureRequest, HoldPage, HoldRequest, capture_hold, create_hold, list_holds, show_hold,
    void_hold,
};
pub use invoices::{InvoicePage, invoice_history};
pub use offers::{Above, Offer, UnitPrice, offers};
pub use payment_methods::{
    Removed, payment_methods, remove_payment_method, set_default_payment_method,
};
pub use preview::invoice_preview;
pub use reconcile::{expire_holds, unsettled_topups};
pub use refunds::{RefundRequest, refund_topup, refunds_of, unanswered_refunds};
pub use refusal::{BillingError, HoldRefusal, RefundRefusal, Refusal};
pub use rerate::{Rerated, Sum, rerate};
pub use reversals::apply_reversals;
pub use setups::{SetupRequest, set_up_payment_method};
pub use spending_limit::{remove_spending_limit, set_spending_limit, spending_limit};
pub use status::{Status, topup_status};
pub use terms::{Terms, terms};
pub use topup::{Idempotency, TopupRequest, start_topup};
pub use transactions::Transactions;
pub use usage::{Grouping, SpanFault, WINDOWS_MAX, Windows, usage_history};
