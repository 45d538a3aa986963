//! What a unit of usage costs, and what a call therefore does.
//!
//! A rate is a whole number of pico-units of the ledger's currency (10⁻¹² of its main unit), which every
//! published price is: $0.0125 per million tokens is 12,500 pico-dollars each. Nothing is rounded but a
//! charge as a whole, once, up, to a nano-unit. Prices themselves are data and come from elsewhere.

mod bound;
mod charge;
mod rate;
mod tariff;

pub use bound::{affordable, dearest};
pub use charge::{Charge, ChargeError, Line, Markup, charge};
pub use rate::{Card, Per, Rate, Tier, picos};
pub use tariff::{Price, Tariff, TariffError, Window};
