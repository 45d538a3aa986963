//! What goes wrong between Stripe and us, and what must come of it all the same: a payment is credited
//! once, and nothing is left that could still be paid by surprise.

mod auto_topup;
mod healing;
mod interruptions;
mod logs;
mod mismatch;
mod steps;
pub mod truth;
pub mod webhooks;
