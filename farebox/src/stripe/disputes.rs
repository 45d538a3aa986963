//! Disputes: a customer's bank takes a payment back, or asks about it. Farebox reads them; answering one is
//! the operator's, in Stripe's dashboard.

use serde::Deserialize;

use super::{
    Listed, Pages, Stripe,
    call::Call,
    open::{nullable, open_enum, optional_id},
};

open_enum! {
    /// Where a dispute stands.
    DisputeStatus {
        /// An inquiry that waits for an answer. It moves no money, as the other two of its kind.
        WarningNeedsResponse = "warning_needs_response",
        /// An inquiry that is being looked at.
        WarningUnderReview = "warning_under_review",
        /// An inquiry that came to nothing.
        WarningClosed = "warning_closed",
        /// It waits for an answer.
        NeedsResponse = "needs_response",
        /// The bank looks at the answer.
        UnderReview = "under_review",
        /// An appeal waits for an answer.
        AppealNeedsResponse = "appeal_needs_response",
        /// The bank looks at the appeal.
        AppealUnderReview = "appeal_under_review",
        /// The money came back.
        Won = "won",
        /// The money is gone.
        Lost = "lost",
        /// It was settled before it became one.
        Prevented = "prevented",
    }
}

impl DisputeStatus {
    /// Whether nothing more will come of it. One that we do not know may go on.
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::WarningClosed | Self::Won | Self::Lost | Self::Prevented
        )
    }

    /// Whether it ended without the customer's having taken the money back.
    pub fn is_harmless(&self) -> bool {
        self.is_over() && *self != Self::Lost
    }
}

/// A dispute, as far as Farebox uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispute {
    /// `dp_…` (or `du_…`).
    pub id: String,
    /// The disputed amount, in the currency's smallest unit.
    pub amount: i64,
    /// Three letters, lower case.
    pub currency: String,
    /// Where it stands.
    pub status: DisputeStatus,
    /// Why, in Stripe's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The payment intent (`pi_…`) that is disputed.
    #[serde(default, deserialize_with = "optional_id")]
    pub payment_intent: Option<String>,
    /// The funds that were withdrawn and reinstated, if any.
    #[serde(default, deserialize_with = "nullable")]
    pub balance_transactions: Vec<Movement>,
    /// Unix seconds.
    pub created: i64,
}

/// Money that a dispute has moved: below zero where it was withdrawn. Stripe's own fee is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Movement {
    /// In the smallest unit of its own currency.
    pub amount: i64,
    /// Three letters, lower case; the operator's currency, which need not be the payment's.
    pub currency: String,
}

/// Which disputes to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct DisputeFilter<'a> {
    /// Those of one payment intent.
    pub payment_intent: Option<&'a str>,
    /// Those created at this time or later, in Unix seconds.
    pub created_gte: Option<i64>,
}

impl Listed for Dispute {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    /// Lists disputes, newest first (`GET /v1/disputes`).
    pub fn disputes(&self, filter: &DisputeFilter<'_>) -> Pages<Dispute> {
        let call = Call::get("/v1/disputes")
            .with_some("payment_intent", filter.payment_intent)
            .with_some("created[gte]", filter.created_gte);
        Pages::new(self, call)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dispute_tells_what_it_has_moved() {
        let dispute: Dispute = serde_json::from_value(json!({
            "id": "du_1", "object": "dispute", "amount": 5000, "currency": "usd", "charge": "ch_1",
            "payment_intent": "pi_1", "status": "under_review", "reason": "fraudulent", "created": 1,
            "is_charge_refundable": false, "livemode": false, "metadata": {}, "evidence": {},
            "balance_transactions": [
                {"id": "txn_1", "object": "balance_transaction", "amount": -5000, "fee": 1500,
                 "currency": "usd", "net": -6500, "type": "adjustment"},
            ],
        }))
        .unwrap();
        assert_eq!(dispute.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(dispute.balance_transactions[0].amount, -5000);
        assert!(!dispute.status.is_over());
    }

    #[test]
    fn only_what_is_decided_is_over() {
        let told = |name: &str| {
            let status = DisputeStatus::from(name.to_owned());
            (status.is_over(), status.is_harmless())
        };
        for name in ["won", "prevented", "warning_closed"] {
            assert_eq!(told(name), (true, true), "{name}");
        }
        assert_eq!(told("lost"), (true, false));
        for name in [
            "needs_response",
            "warning_under_review",
            "appeal_under_review",
            "new",
        ] {
            assert_eq!(told(name), (false, false), "{name}");
        }
    }
}
