//! Stripe's test cards and what each of them does.
//!
//! From Stripe's testing page (docs.stripe.com/testing): the numbers, the payment methods
//! `pm_card_…` and the tokens `tok_…` that stand for them.

use serde_json::{Value, json};

use super::disputes::{self, Claim};
use super::error::Refusal;

/// A refusal by the card's issuer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) decline_code: &'static str,
    pub(crate) message: &'static str,
}

/// When the issuer asks the customer to authenticate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Authentication {
    Never,
    /// Always, until a setup intent has succeeded with the card; then as `OnSession`.
    UntilSetUp,
    /// Whenever the customer is there to be asked.
    OnSession,
    Always,
}

/// What comes of a payment with a card, after it has succeeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aftermath {
    Nothing,
    Disputed(Claim),
    /// A refund is pending at first and succeeds later.
    RefundPends,
    /// A refund succeeds at first and fails later.
    RefundFails,
}

/// A card and its behaviour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Card {
    pub(crate) number: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) authentication: Authentication,
    pub(crate) decline: Option<Decline>,
    /// Most declining cards are declined when they are attached to a customer, too. Stripe has
    /// one that attaches and then declines, for the tests of exactly that.
    pub(crate) attachable: bool,
    pub(crate) aftermath: Aftermath,
}

struct TestCard {
    card: Card,
    names: &'static [&'static str],
}

const fn good(number: &'static str, brand: &'static str) -> Card {
    Card {
        number,
        brand,
        authentication: Authentication::Never,
        decline: None,
        attachable: true,
        aftermath: Aftermath::Nothing,
    }
}

const fn followed(number: &'static str, aftermath: Aftermath) -> Card {
    Card {
        aftermath,
        ..good(number, "visa")
    }
}

const fn declined(number: &'static str, decline: Decline) -> Card {
    Card {
        decline: Some(decline),
        attachable: false,
        ..good(number, "visa")
    }
}

const fn decline(code: &'static str, decline_code: &'static str, message: &'static str) -> Decline {
    Decline {
        code,
        decline_code,
        message,
    }
}

const GENERIC: Decline = decline(
    "card_declined",
    "generic_decline",
    "Your card was declined.",
);
const FUNDS: Decline = decline(
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
);
const LOST: Decline = decline("card_declined", "lost_card", "Your card was declined.");
const STOLEN: Decline = decline("card_declined", "stolen_card", "Your card was declined.");
const EXPIRED: Decline = decline("expired_card", "expired_card", "Your card has expired.");
const CVC: Decline = decline(
    "incorrect_cvc",
    "incorrect_cvc",
    "Your card's security code is incorrect.",
);
const PROCESSING: Decline = decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
);
/// What Stripe answers in test mode to a number that is not one of its own.
const LIVE_CARD: Decline = decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card.",
);

/// The refusal of a payment that needs the customer while the customer is away.
pub(crate) const AUTHENTICATION_REQUIRED: Decline = decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
);

// Each payment method `pm_card_x` has a token `tok_x` beside it, so only the last part is listed.
const TEST_CARDS: &[TestCard] = &[
    TestCard {
        card: good("4242424242424242", "visa"),
        names: &["visa"],
    },
    TestCard {
        card: good("4000056655665556", "visa"),
        names: &["visa_debit"],
    },
    TestCard {
        card: good("5555555555554444", "mastercard"),
        names: &["mastercard"],
    },
    TestCard {
        card: good("378282246310005", "amex"),
        names: &["amex"],
    },
    TestCard {
        card: declined("4000000000000002", GENERIC),
        names: &["chargeDeclined", "visa_chargeDeclined"],
    },
    TestCard {
        card: declined("4000000000009995", FUNDS),
        names: &[
            "chargeDeclinedInsufficientFunds",
            "visa_chargeDeclinedInsufficientFunds",
        ],
    },
    TestCard {
        card: declined("4000000000009987", LOST),
        names: &["visa_chargeDeclinedLostCard"],
    },
    TestCard {
        card: declined("4000000000009979", STOLEN),
        names: &["visa_chargeDeclinedStolenCard"],
    },
    TestCard {
        card: declined("4000000000000069", EXPIRED),
        names: &["chargeDeclinedExpiredCard"],
    },
    TestCard {
        card: declined("4000000000000127", CVC),
        names: &["chargeDeclinedIncorrectCvc"],
    },
    TestCard {
        card: declined("4000000000000119", PROCESSING),
        names: &["chargeDeclinedProcessingError"],
    },
    TestCard {
        card: Card {
            attachable: true,
            ..declined("4000000000000341", GENERIC)
        },
        names: &["chargeCustomerFail"],
    },
    TestCard {
        card: Card {
            authentication: Authentication::UntilSetUp,
            ..good("4000002500003155", "visa")
        },
        names: &["authenticationRequiredOnSetup"],
    },
    TestCard {
        card: Card {
            authentication: Authentication::Always,
            ..good("4000002760003184", "visa")
        },
        names: &["authenticationRequired"],
    },
    TestCard {
        card: Card {
            authentication: Authentication::Always,
            decline: Some(FUNDS),
            ..good("4000008260003178", "visa")
        },
        names: &["authenticationRequiredChargeDeclinedInsufficientFunds"],
    },
    TestCard {
        card: followed(
            "4000000000000259",
            Aftermath::Disputed(disputes::FRAUDULENT),
        ),
        names: &["createDispute"],
    },
    TestCard {
        card: followed(
            "4000000000002685",
            Aftermath::Disputed(disputes::NOT_RECEIVED),
        ),
        names: &["createDisputeProductNotReceived"],
    },
    TestCard {
        card: followed("4000000000001976", Aftermath::Disputed(disputes::INQUIRY)),
        names: &["createDisputeInquiry"],
    },
    TestCard {
        card: followed("4000000000007726", Aftermath::RefundPends),
        names: &["pendingRefund"],
    },
    TestCard {
        card: followed("4000000000005126", Aftermath::RefundFails),
        names: &["refundFail"],
    },
];

/// The card that a test payment method, `pm_card_visa` and the like, stands for.
pub(crate) fn by_test_method(id: &str) -> Option<Card> {
    by_name(id.strip_prefix("pm_card_")?)
}

/// The card that a test token, `tok_visa` and the like, stands for.
pub(crate) fn by_token(token: &str) -> Option<Card> {
    by_name(token.strip_prefix("tok_")?)
}

fn by_name(name: &str) -> Option<Card> {
    let found = TEST_CARDS.iter().find(|test| test.names.contains(&name));
    found.map(|test| test.card)
}

/// # Errors
///
/// The decline that Stripe's test mode answers to a number that is not a test card's.
pub(crate) fn by_number(number: &str) -> Result<Card, Refusal> {
    let found = TEST_CARDS.iter().find(|test| test.card.number == number);
    found
        .map(|test| test.card)
        .ok_or_else(|| LIVE_CARD.refusal())
}

impl Decline {
    /// The 402 for this decline, without what belongs to one payment.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::card(self.code, self.message).with("decline_code", json!(self.decline_code))
    }
}

impl Card {
    /// Whether the issuer wants the customer to authenticate this payment.
    pub(crate) fn asks(&self, off_session: bool) -> bool {
        match self.authentication {
            Authentication::Never => false,
            Authentication::OnSession => !off_session,
            Authentication::UntilSetUp | Authentication::Always => true,
        }
    }

    /// The same card after a setup intent has succeeded with it.
    pub(crate) fn set_up(mut self) -> Card {
        if self.authentication == Authentication::UntilSetUp {
            self.authentication = Authentication::OnSession;
        }
        self
    }

    pub(crate) fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    /// `card` of a payment method. The number itself leaves the sandbox nowhere.
    pub(crate) fn describe(&self, month: i64, year: i64) -> Value {
        let checks = json!({
            "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "unchecked",
        });
        json!({
            "brand": self.brand, "checks": checks, "country": "US", "display_brand": self.brand,
            "exp_month": month, "exp_year": year, "fingerprint": format!("Sandbox{}", self.last4()),
            "funding": "credit", "generated_from": null, "last4": self.last4(),
            "networks": { "available": [self.brand], "preferred": null },
            "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true }, "wallet": null,
        })
    }
}
