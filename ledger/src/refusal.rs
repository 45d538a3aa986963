//! Every reason for which the book says no: a closed list with stable numbers and names.

use std::fmt;

/// Declares the refusals in one place. A number is never reused; groups leave room to grow.
macro_rules! refusals {
    ($( $number:literal $variant:ident $name:literal $sentence:literal; )+) => {
        /// Why an operation was refused.
        ///
        /// Where several apply, the one with the smallest number is given.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum Refusal { $( #[doc = $sentence] $variant = $number, )+ }

        impl Refusal {
            /// Every refusal, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// The stable number, never reused.
            pub const fn number(self) -> u16 {
                match self { $( Self::$variant => $number, )+ }
            }

            /// The stable name, in snake case.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            const fn sentence(self) -> &'static str {
                match self { $( Self::$variant => $sentence, )+ }
            }
        }
    };
}

refusals! {
    // The id has been used, with other content.
    1 ExistsWithDifferentPhase "exists_with_different_phase"
        "The id belongs to a transfer of another kind; use a new id.";
    2 ExistsWithDifferentDebit "exists_with_different_debit"
        "The id belongs to a transfer that debits another account; use a new id.";
    3 ExistsWithDifferentAccount "exists_with_different_account"
        "The id belongs to a transfer of another customer; use a new id.";
    4 ExistsWithDifferentCredit "exists_with_different_credit"
        "The id belongs to a transfer that credits another account; use a new id.";
    5 ExistsWithDifferentHold "exists_with_different_hold"
        "The id belongs to a transfer that resolves another hold; use a new id.";
    6 ExistsWithDifferentAmount "exists_with_different_amount"
        "The id belongs to a transfer of another amount; use a new id.";
    7 ExistsWithDifferentLast "exists_with_different_last"
        "The id belongs to a post that differs in whether it is the last; use a new id.";
    8 ExistsWithDifferentCode "exists_with_different_code"
        "The id belongs to a transfer with another code; use a new id.";
    9 ExistsWithDifferentReference "exists_with_different_reference"
        "The id belongs to a transfer with another reference; use a new id.";
    10 ExistsWithDifferentExpiry "exists_with_different_expiry"
        "The id belongs to a hold with another expiry; use a new id.";
    // The operation could never be accepted by any book.
    30 AmountMustBePositive "amount_must_be_positive"
        "The amount must be above zero.";
    31 AmountMustNotBeNegative "amount_must_not_be_negative"
        "The amount must be zero or above.";
    32 AccountsMustDiffer "accounts_must_differ"
        "Debit and credit are the same account; name two.";
    33 HoldMustCreditSystemAccount "hold_must_credit_system_account"
        "A hold can only credit a system account; pay a customer by a single transfer.";
    34 ReferenceTooLong "reference_too_long"
        "The reference is longer than 255 bytes; shorten it.";
    35 ExpiryMustBeInTheFuture "expiry_must_be_in_the_future"
        "The hold would be over before it began; choose a later expiry.";
    36 LeastExceedsMost "least_exceeds_most"
        "The least to be held is more than the most; swap them.";
    // Something that the operation names is not there.
    50 AccountNotFound "account_not_found"
        "There is no such customer; create the account first.";
    51 HoldNotFound "hold_not_found"
        "The customer has no such hold; check both ids.";
    // The hold is not in the state that the operation needs.
    60 HoldAlreadyPosted "hold_already_posted"
        "The hold has been posted in full or closed by a last post; nothing is left of it.";
    61 HoldAlreadyVoided "hold_already_voided"
        "The hold has been voided; make a new one.";
    62 HoldExpired "hold_expired"
        "The hold's time is over; make a new one.";
    63 HoldNotYetExpired "hold_not_yet_expired"
        "The hold's time is not over; wait, or void it.";
    64 PostExceedsHold "post_exceeds_hold"
        "The amount is more than is left of the hold; post less.";
    // The customer's totals do not allow it.
    80 InsufficientCredit "insufficient_credit"
        "The customer has less credit available than that; top up, or wait for holds to end.";
    81 Overflow "overflow"
        "A running total would leave its range; an operator must look at the account.";
    82 SpendingLimitExceeded "spending_limit_exceeded"
        "The customer's spending limit would be passed; wait until its window has moved on, or raise it.";
    83 AccountFrozen "account_frozen"
        "The customer's spending is frozen while a payment is disputed; wait until the dispute is over.";
}

impl Refusal {
    /// Whether the very same operation may be accepted later, when the books have changed or time
    /// has passed. A final refusal stays: ask for something else, under a new id.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::ExistsWithDifferentPhase
            | Self::ExistsWithDifferentDebit
            | Self::ExistsWithDifferentAccount
            | Self::ExistsWithDifferentCredit
            | Self::ExistsWithDifferentHold
            | Self::ExistsWithDifferentAmount
            | Self::ExistsWithDifferentLast
            | Self::ExistsWithDifferentCode
            | Self::ExistsWithDifferentReference
            | Self::ExistsWithDifferentExpiry => false,
            Self::AmountMustBePositive
            | Self::AmountMustNotBeNegative
            | Self::AccountsMustDiffer
            | Self::HoldMustCreditSystemAccount
            | Self::ReferenceTooLong
            | Self::ExpiryMustBeInTheFuture
            | Self::LeastExceedsMost => false,
            Self::AccountNotFound | Self::HoldNotFound => true,
            Self::HoldAlreadyPosted | Self::HoldAlreadyVoided | Self::HoldExpired => false,
            Self::HoldNotYetExpired => true,
            // What is left of a hold only ever shrinks.
            Self::PostExceedsHold => false,
            Self::InsufficientCredit => true,
            // The posted totals only ever grow.
            Self::Overflow => false,
            Self::SpendingLimitExceeded | Self::AccountFrozen => true,
        }
    }

    /// Whether the operation's id belongs to something else.
    pub const fn is_conflict(self) -> bool {
        self.number() < Self::AmountMustBePositive.number()
    }

    /// The refusal of that number, or `None` where there is none.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|refusal| refusal.number() == number)
    }
}

/// A sentence that says what is wrong and what to do.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for Refusal {}

/// A group was refused as a whole because of one of its operations.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The first operation that was refused, counted from zero.
    pub index: usize,
    /// Why.
    pub refusal: Refusal,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "operation {}: {} ({})",
            self.index,
            self.refusal,
            self.refusal.name()
        )
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.refusal)
    }
}
