//! Ledger accounts, and the running totals that a customer's account carries.

use std::fmt;
use std::str::FromStr;

use crate::amount::Amount;
use crate::id::AccountId;

/// One side of a transfer.
///
/// Only customers carry running totals. The others are sums over the transfers, because one row
/// that every request writes would make all requests wait for one another.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Account {
    /// A customer's credits.
    Customer(AccountId),
    /// Money that has arrived through the payment provider.
    Clearing,
    /// What customers have spent on usage.
    Revenue,
    /// Fees charged on top of purchases.
    Fees,
    /// Credits given away.
    Promotions,
    /// Costs that nobody paid.
    WriteOffs,
    /// Corrections by an operator.
    Adjustments,
}

const CUSTOMER_PREFIX: &str = "customer:";

impl Account {
    /// The customer, or `None` for a system account.
    pub const fn customer(self) -> Option<AccountId> {
        match self {
            Self::Customer(id) => Some(id),
            _ => None,
        }
    }
}

/// `customer:` and the id, or the name of the system account in snake case.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Customer(id) => return write!(f, "{CUSTOMER_PREFIX}{id}"),
            Self::Clearing => "clearing",
            Self::Revenue => "revenue",
            Self::Fees => "fees",
            Self::Promotions => "promotions",
            Self::WriteOffs => "write_offs",
            Self::Adjustments => "adjustments",
        })
    }
}

impl FromStr for Account {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        if let Some(id) = text.strip_prefix(CUSTOMER_PREFIX) {
            return id.parse().map(Self::Customer).map_err(|_| UnknownAccount);
        }
        match text {
            "clearing" => Ok(Self::Clearing),
            "revenue" => Ok(Self::Revenue),
            "fees" => Ok(Self::Fees),
            "promotions" => Ok(Self::Promotions),
            "write_offs" => Ok(Self::WriteOffs),
            "adjustments" => Ok(Self::Adjustments),
            _ => Err(UnknownAccount),
        }
    }
}

/// The text names no ledger account.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct UnknownAccount;

impl fmt::Display for UnknownAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a ledger account: write customer:<32 hex digits> or a system account")
    }
}

impl std::error::Error for UnknownAccount {}

/// A customer's four running totals, none of them below zero.
///
/// The book keeps both sums, debits posted + debits pending and credits posted + credits pending,
/// within an `i64`, so that none of the differences below can overflow.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Balances {
    /// Held and not yet posted or released.
    pub debits_pending: Amount,
    /// Taken from the customer for good.
    pub debits_posted: Amount,
    /// On its way to the customer. Zero for as long as holds credit system accounts only.
    pub credits_pending: Amount,
    /// Given to the customer for good.
    pub credits_posted: Amount,
}

impl Balances {
    /// What may still be spent or held: credits posted − debits posted − debits pending. Below
    /// zero after a reversal of credits that were already spent.
    pub fn available(&self) -> Amount {
        difference(
            self.credits_posted,
            [self.debits_posted, self.debits_pending],
        )
    }

    /// The balance with open holds left aside: credits posted − debits posted.
    pub fn posted(&self) -> Amount {
        difference(self.credits_posted, [self.debits_posted, Amount::ZERO])
    }

    /// What open holds keep back.
    pub fn held(&self) -> Amount {
        self.debits_pending
    }

    /// The totals after a posted credit; `None` where one would leave its range.
    pub(crate) fn with_credit(self, amount: Amount) -> Option<Self> {
        let credits_posted = self.credits_posted.checked_add(amount)?;
        Self {
            credits_posted,
            ..self
        }
        .in_range()
    }

    /// The totals after a posted debit; `None` where one would leave its range.
    pub(crate) fn with_debit(self, amount: Amount) -> Option<Self> {
        let debits_posted = self.debits_posted.checked_add(amount)?;
        Self {
            debits_posted,
            ..self
        }
        .in_range()
    }

    /// The totals after a hold; `None` where one would leave its range.
    pub(crate) fn with_hold(self, amount: Amount) -> Option<Self> {
        let debits_pending = self.debits_pending.checked_add(amount)?;
        Self {
            debits_pending,
            ..self
        }
        .in_range()
    }

    /// The totals after `posted` of a hold has been taken and `released` given back; `None` where
    /// one would leave its range.
    pub(crate) fn with_resolution(self, posted: Amount, released: Amount) -> Option<Self> {
        let debits_pending = self
            .debits_pending
            .checked_sub(posted)?
            .checked_sub(released)?;
        let debits_posted = self.debits_posted.checked_add(posted)?;
        Self {
            debits_pending,
            debits_posted,
            ..self
        }
        .in_range()
    }

    fn in_range(self) -> Option<Self> {
        let totals = [
            self.debits_pending,
            self.debits_posted,
            self.credits_pending,
            self.credits_posted,
        ];
        if totals.iter().any(|total| total.is_negative()) {
            return None;
        }
        self.debits_posted.checked_add(self.debits_pending)?;
        self.credits_posted.checked_add(self.credits_pending)?;
        Some(self)
    }
}

/// Exact for totals that the book has made. Rows that somebody has changed by hand could be out of
/// range; for these the result stops at the smallest amount, with which nothing can be spent.
fn difference(credits: Amount, debits: [Amount; 2]) -> Amount {
    let [first, second] = debits;
    credits
        .checked_sub(first)
        .and_then(|rest| rest.checked_sub(second))
        .unwrap_or(Amount::from_nanos(i64::MIN))
}
