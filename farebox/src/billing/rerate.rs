//! What charges would have been by the prices of now: a question, never a change. A charge is what was agreed on
//! when its call began, and stays.
//!
//! Each is priced anew from what was used, under the terms that it had and with the markup that it had, so that
//! the prices alone make the difference. The prices are dated: unless somebody says otherwise those count that
//! by today's lists were right when the call began.

use std::collections::BTreeMap;

use ledger::{Amount, Timestamp};

use crate::billing::explanation;
use crate::catalog::{Catalog, Priced};
use crate::store::StoreError;
use crate::store::charges::{self, Charge, Span};
use crate::store::db::Db;

/// What was charged for some calls, and what they would cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many of them could be priced anew.
    pub calls: u64,
    /// What they cost.
    pub cost: Amount,
    /// What they would cost.
    pub anew: Amount,
    /// How many could not: their model has no price now for what they used.
    pub unpriced: u64,
    /// What those cost.
    pub unpriced_cost: Amount,
}

/// The sums of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rerated {
    /// By provider and model.
    pub models: BTreeMap<(String, String), Sum>,
    /// Of all of them.
    pub total: Sum,
}

/// Prices the charges of a span anew, as if their calls had begun `at`, or when they did.
///
/// # Errors
/// [`StoreError`].
pub async fn rerate(
    db: &Db,
    catalog: &Catalog,
    of: Span,
    at: Option<Timestamp>,
) -> Result<Rerated, StoreError> {
    let mut rerated = Rerated::default();
    charges::each(db, of, |charge| {
        let anew = anew(catalog, &charge, at.unwrap_or(charge.id.at()));
        let cost = charge.charge.cost.unwrap_or(charge.charge.charged);
        let model = (charge.charge.provider, charge.charge.model);
        let counted = rerated.models.entry(model).or_default().count(cost, anew);
        counted
            .and_then(|()| rerated.total.count(cost, anew))
            .ok_or_else(|| StoreError::corrupt("the charges' sum is out of range"))
    })
    .await?;
    Ok(rerated)
}

/// What a charge would be; nothing where there is no price, or nobody knows any more what was used.
fn anew(catalog: &Catalog, charge: &Charge, at: Timestamp) -> Option<Amount> {
    let charge = &charge.charge;
    let was = explanation::decode(charge.explanation.as_deref()?).ok()?;
    let price = |model: &str, was: &Priced| {
        let model = catalog.of_id(&charge.provider, model)?;
        let priced = model.charge(at, &was.usage, was.charge.markup).ok()?;
        Some(priced.charge.amount)
    };
    let also = was.also.iter();
    let also = also.map(|part| price(&part.model, &part.priced));
    also.fold(price(&charge.model, &was), |sum, part| {
        sum?.checked_add(part?)
    })
}

impl Sum {
    /// By how much the calls that could be priced anew would cost more, or less.
    pub fn difference(&self) -> Amount {
        // Neither is below zero.
        self.anew.checked_sub(self.cost).unwrap_or(Amount::ZERO)
    }

    /// Nothing where the sum is out of range.
    fn count(&mut self, cost: Amount, anew: Option<Amount>) -> Option<()> {
        match anew {
            Some(anew) => {
                self.calls = self.calls.saturating_add(1);
                self.cost = self.cost.checked_add(cost)?;
                self.anew = self.anew.checked_add(anew)?;
            }
            None => {
                self.unpriced = self.unpriced.saturating_add(1);
                self.unpriced_cost = self.unpriced_cost.checked_add(cost)?;
            }
        }
        Some(())
    }
}
