//! What was billed: `GET …/billing/invoice-history`.

use serde::{Deserialize, Serialize};

use crate::{Cents, ResultInfo};

/// The answer to `GET …/billing/invoice-history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvoiceHistory {
    /// Newest first.
    pub invoices: Vec<BilledInvoice>,
    /// Where this page stands.
    pub pagination: ResultInfo,
}

/// The invoice of a top-up. The contract makes most fields optional; Farebox writes them all, and one
/// that an answer doesn't have is empty, zero or `false` when it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct BilledInvoice {
    /// Stripe's invoice id, which `topup` calls `payment_intent_id`.
    #[cfg_attr(feature = "openapi", schema(required, example = "in_1abc"))]
    pub id: String,
    /// The number that is printed on it; `null` before it is final. Farebox's own.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub number: Option<String>,
    /// `draft`, `open`, `paid`, `void` or `uncollectible`, as Stripe last said.
    #[cfg_attr(feature = "openapi", schema(required, example = "paid"))]
    pub status: String,
    /// What it is for, with fee and tax, in cents.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub amount_due: Cents,
    /// What was paid, in cents.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub amount_paid: Cents,
    /// What was not, in cents. A void invoice is not owed any more, whatever it says here.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub amount_remaining: Cents,
    /// ISO 4217, lower case.
    #[cfg_attr(feature = "openapi", schema(required, example = "usd"))]
    pub currency: String,
    /// How often a payment was tried.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub attempt_count: i64,
    /// Whether a payment was ever tried.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub attempted: bool,
    /// Whether Stripe goes on with it by itself.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub auto_advance: bool,
    /// Unix seconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub created: i64,
    /// Who asked for the top-up: `token:` or `user:` and an id.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub created_by: String,
    /// What it is for, in words.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub description: String,
    /// `manual`, or `auto` for an automatic top-up.
    #[cfg_attr(feature = "openapi", schema(required, example = "manual"))]
    pub invoice_origin: String,
    /// Where the PDF is; whoever has the address can open it. `null` before the invoice is final.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub invoice_pdf: Option<String>,
}

/// The answer to `GET …/billing/invoice-preview`: what has been used since the month began, as an invoice
/// would show it. It is paid from credit already, so that nothing remains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvoicePreview {
    /// The same all month. It is no invoice of Stripe's.
    #[cfg_attr(feature = "openapi", schema(example = "preview_2026_11"))]
    pub id: String,
    /// What was used, in cents.
    pub amount_due: Cents,
    /// What of that was paid, from credit, in cents.
    pub amount_paid: Cents,
    /// What is still to be paid, in cents.
    pub amount_remaining: Cents,
    /// ISO 4217, lower case.
    #[cfg_attr(feature = "openapi", schema(example = "usd"))]
    pub currency: String,
    /// When the month began (UTC), in Unix seconds.
    pub period_start: i64,
    /// When it ends, in Unix seconds.
    pub period_end: i64,
    /// `draft`: the month is not over.
    #[cfg_attr(feature = "openapi", schema(example = "draft"))]
    pub status: String,
    /// The most expensive first.
    pub invoice_lines: Vec<InvoiceLine>,
}

/// What was used of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvoiceLine {
    /// What it cost, in cents.
    pub amount: Cents,
    /// ISO 4217, lower case.
    #[cfg_attr(feature = "openapi", schema(example = "usd"))]
    pub currency: String,
    /// What it was, such as a model; `null` where nobody said.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub description: Option<String>,
    /// When it was used.
    pub period: InvoicePeriod,
    /// What one of it costs.
    pub pricing: InvoicePricing,
    /// How many times it was charged for.
    pub quantity: i64,
}

/// From when until when, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvoicePeriod {
    /// Inclusive.
    pub start: i64,
    /// Exclusive.
    pub end: i64,
}

/// What one costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvoicePricing {
    /// A decimal in cents; `null`, since calls of one model cost differently.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub unit_amount_decimal: Option<String>,
}
