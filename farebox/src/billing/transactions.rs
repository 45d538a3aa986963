//! What moved an account's credit, transfer by transfer.

use std::sync::Arc;

use api::{Cents, Transaction, TransactionList};
use ledger::{Account, Phase, Transfer, TransferId};

use crate::app::App;
use crate::billing::BillingError;
use crate::store::transactions::{self, Filter};

/// A way through an account's transfers, page by page. What is written meanwhile moves no page.
#[derive(Debug)]
pub struct Transactions {
    app: Arc<App>,
    filter: Filter,
    after: Option<i64>,
}

impl Transactions {
    /// Begins where the filter does, or after the transfer that `cursor` names: the last one of the
    /// page before. Its id says nothing about other accounts, which its number would.
    ///
    /// # Errors
    /// [`BillingError::NoSuchCursor`] where it is none of this account's; [`BillingError::Store`].
    pub async fn begin(
        app: Arc<App>,
        filter: Filter,
        cursor: Option<TransferId>,
    ) -> Result<Self, BillingError> {
        let after = match cursor {
            Some(id) => {
                let found = transactions::number(&app.store.db, filter.account, id).await?;
                Some(found.ok_or(BillingError::NoSuchCursor)?)
            }
            None => None,
        };
        Ok(Self { app, filter, after })
    }

    /// The next ones, at most `limit`; none at the end.
    ///
    /// # Errors
    /// [`BillingError::Store`].
    pub async fn next(&mut self, limit: i64) -> Result<Vec<Transaction>, BillingError> {
        let found = transactions::page(&self.app.store.db, &self.filter, self.after, limit).await?;
        self.after = found.last().map(|(number, _)| *number).or(self.after);
        let customer = Account::Customer(self.filter.account);
        found
            .into_iter()
            .map(|(_, transfer)| seen_by(customer, transfer))
            .collect()
    }

    /// One page, with the cursor of the one after it.
    ///
    /// # Errors
    /// [`BillingError::Store`].
    pub async fn page(mut self, per_page: i64) -> Result<TransactionList, BillingError> {
        let mut transactions = self.next(per_page.saturating_add(1)).await?;
        let wanted = usize::try_from(per_page).unwrap_or(usize::MAX);
        let has_more = transactions.len() > wanted;
        transactions.truncate(wanted);
        let last = transactions.last().filter(|_| has_more);
        Ok(TransactionList {
            next_cursor: last.map(|last| last.id.clone()),
            transactions,
        })
    }
}

/// A transfer as the customer on one side of it sees it.
fn seen_by(customer: Account, transfer: Transfer) -> Result<Transaction, BillingError> {
    let is_credit = transfer.credit == customer;
    let change = match transfer.phase {
        Phase::Pending { .. } | Phase::Void { .. } | Phase::Expire { .. } => Some(Cents::ZERO),
        Phase::Single | Phase::Post { .. } if is_credit => Some(cents(transfer.amount)),
        Phase::Single | Phase::Post { .. } => transfer.amount.checked_neg().map(cents),
    };
    let change = change
        .ok_or_else(|| BillingError::Internal("a transfer's amount has no opposite".to_owned()))?;
    let expires_at = match transfer.phase {
        Phase::Pending { expires_at } => Some(expires_at.millis()),
        _ => None,
    };
    let other = if is_credit {
        transfer.debit
    } else {
        transfer.credit
    };
    Ok(Transaction {
        id: transfer.id.to_string(),
        at: transfer.at.millis(),
        code: transfer.code.name().to_owned(),
        phase: transfer.phase.name().to_owned(),
        amount: cents(transfer.amount),
        change,
        counterparty: other.to_string(),
        hold: transfer.phase.hold().map(|hold| hold.to_string()),
        expires_at,
        reference: transfer.reference,
    })
}

fn cents(amount: ledger::Amount) -> Cents {
    Cents::from_nanos(amount.nanos())
}
