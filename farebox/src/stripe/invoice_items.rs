//! Invoice items: the lines of a top-up's invoice (the credits, and the fee).

use serde::Deserialize;

use super::{Stripe, StripeError, call::Call};

/// What a new line is created with.
#[derive(Debug, Clone)]
pub struct CreateInvoiceItem<'a> {
    /// `cus_…`, the invoice's customer.
    pub customer: &'a str,
    /// `in_…`, a draft.
    pub invoice: &'a str,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// Three letters, lower case; the invoice's.
    pub currency: &'a str,
    /// Printed on the invoice.
    pub description: &'a str,
    /// A tax code (`txcd_…`) for automatic tax.
    pub tax_code: Option<&'a str>,
    /// At most 50 entries, keys to 40 characters, values to 500 (Stripe's limits).
    pub metadata: &'a [(&'a str, &'a str)],
}

/// A line, as far as Farebox uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct InvoiceItem {
    /// `ii_…`.
    pub id: String,
    /// In the currency's smallest unit.
    pub amount: i64,
}

impl Stripe {
    /// Adds a line to a draft (`POST /v1/invoiceitems`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Invalid`] where the invoice is not a draft any more.
    pub async fn create_invoice_item(
        &self,
        new: &CreateInvoiceItem<'_>,
        idempotency_key: &str,
    ) -> Result<InvoiceItem, StripeError> {
        self.send(create(new, idempotency_key)).await
    }
}

fn create(new: &CreateInvoiceItem<'_>, idempotency_key: &str) -> Call {
    Call::post("/v1/invoiceitems", idempotency_key)
        .with("customer", new.customer)
        // Always named: an item without an invoice floats until any invoice sweeps it up.
        .with("invoice", new.invoice)
        .with("amount", new.amount)
        .with("currency", new.currency)
        .with("description", new.description)
        .with("discountable", false)
        .with("tax_behavior", "exclusive")
        .with_some("tax_code", new.tax_code)
        .metadata(new.metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_invoice_and_takes_no_discount() {
        let new = CreateInvoiceItem {
            customer: "cus_1",
            invoice: "in_1",
            amount: 1000,
            currency: "usd",
            description: "Credits",
            tax_code: None,
            metadata: &[("topup_id", "t1")],
        };
        let call = create(&new, "topup:t1:item");
        let lines: Vec<_> = call.pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let expected = [
            "customer=cus_1",
            "invoice=in_1",
            "amount=1000",
            "currency=usd",
            "description=Credits",
            "discountable=false",
            "tax_behavior=exclusive",
            "metadata[topup_id]=t1",
        ];
        assert_eq!(lines, expected);
    }
}
