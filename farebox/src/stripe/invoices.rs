//! The calls that take an invoice from draft to paid or void.
//!
//! `auto_advance=false` on every step: with true, Stripe finalises drafts by itself and puts a
//! failed invoice through its retries, so a customer could be charged days later for a top-up
//! that was reported as failed.

use super::{
    Invoice, InvoiceStatus, Listed, Pages, Stripe, StripeError,
    call::{Call, segment},
};

/// Both are four levels deep or less, which is Stripe's limit.
const EXPANDED: [&str; 2] = [
    "payments.data.payment.payment_intent",
    "confirmation_secret",
];

/// What a new invoice is created with.
#[derive(Debug, Clone)]
pub struct CreateInvoice<'a> {
    /// `cus_…`.
    pub customer: &'a str,
    /// Three letters, lower case.
    pub currency: &'a str,
    /// Printed on the invoice.
    pub description: Option<&'a str>,
    /// Whether Stripe computes tax; the customer then needs an address.
    pub automatic_tax: bool,
    /// At most 50 entries, keys to 40 characters, values to 500 (Stripe's limits).
    pub metadata: &'a [(&'a str, &'a str)],
}

/// How an invoice is to be paid.
#[derive(Debug, Clone, Copy)]
pub struct PayInvoice<'a> {
    /// `pm_…`; `None` charges the customer's default. It must belong to the invoice's customer.
    pub payment_method: Option<&'a str>,
    /// False when the card's owner is there and can authenticate. Stripe's default is true, so
    /// it is always sent.
    pub off_session: bool,
}

/// Which invoices to list.
#[derive(Debug, Clone, Default)]
pub struct InvoiceFilter<'a> {
    /// Those of one customer.
    pub customer: Option<&'a str>,
    /// Those of one status.
    pub status: Option<InvoiceStatus>,
    /// Those created at this time or later, in Unix seconds.
    pub created_gte: Option<i64>,
    /// Those created before this time, in Unix seconds.
    pub created_lt: Option<i64>,
}

impl Listed for Invoice {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    /// Creates a draft without lines (`POST /v1/invoices`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn create_invoice(
        &self,
        new: &CreateInvoice<'_>,
        idempotency_key: &str,
    ) -> Result<Invoice, StripeError> {
        self.send(create(new, idempotency_key)).await
    }

    /// Reads an invoice with its payment and its client secret (`GET /v1/invoices/{id}`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn invoice(&self, id: &str) -> Result<Invoice, StripeError> {
        self.send(Call::get(path(id, "")?).expand(&EXPANDED)).await
    }

    /// Makes a draft final, which creates its payment intent (`POST …/finalize`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Invalid`] where it is not a draft any more.
    pub async fn finalize_invoice(
        &self,
        id: &str,
        idempotency_key: &str,
    ) -> Result<Invoice, StripeError> {
        self.send(finalize(id, idempotency_key)?).await
    }

    /// Charges an open invoice (`POST …/pay`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Card`] for a decline, of which
    /// [`StripeError::requires_authentication`] tells the one that the card's owner can lift.
    pub async fn pay_invoice(
        &self,
        id: &str,
        how: &PayInvoice<'_>,
        idempotency_key: &str,
    ) -> Result<Invoice, StripeError> {
        self.send(pay(id, how, idempotency_key)?).await
    }

    /// Withdraws an open invoice for good (`POST …/void`). Its payment intent cannot be
    /// cancelled by itself.
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Invalid`] where a payment was faster: read the
    /// invoice again then.
    pub async fn void_invoice(
        &self,
        id: &str,
        idempotency_key: &str,
    ) -> Result<Invoice, StripeError> {
        self.send(Call::post(path(id, "/void")?, idempotency_key).expand(&EXPANDED))
            .await
    }

    /// Lists invoices, newest first (`GET /v1/invoices`). Of their payments only the ids are
    /// read: what an invoice expands to is one level too deep in a list.
    pub fn invoices(&self, filter: &InvoiceFilter<'_>) -> Pages<Invoice> {
        Pages::new(self, list(filter))
    }
}

fn create(new: &CreateInvoice<'_>, idempotency_key: &str) -> Call {
    let call = Call::post("/v1/invoices", idempotency_key)
        .with("customer", new.customer)
        .with("currency", new.currency)
        .with("auto_advance", false)
        .with("collection_method", "charge_automatically")
        // An item that another system left pending must not be charged with a top-up.
        .with("pending_invoice_items_behavior", "exclude")
        // Empty means none: left out, the customer's own discounts would lower the price.
        .with("discounts", "")
        .with_some("description", new.description)
        .metadata(new.metadata);
    if new.automatic_tax {
        call.with("automatic_tax[enabled]", true)
    } else {
        call
    }
}

fn finalize(id: &str, idempotency_key: &str) -> Result<Call, StripeError> {
    let call = Call::post(path(id, "/finalize")?, idempotency_key);
    Ok(call.with("auto_advance", false).expand(&EXPANDED))
}

fn pay(id: &str, how: &PayInvoice<'_>, idempotency_key: &str) -> Result<Call, StripeError> {
    Ok(Call::post(path(id, "/pay")?, idempotency_key)
        .with_some("payment_method", how.payment_method)
        .with("off_session", how.off_session)
        .expand(&EXPANDED))
}

fn list(filter: &InvoiceFilter<'_>) -> Call {
    Call::get("/v1/invoices")
        .with_some("customer", filter.customer)
        .with_some("status", filter.status.as_ref().map(InvoiceStatus::as_str))
        .with_some("created[gte]", filter.created_gte)
        .with_some("created[lt]", filter.created_lt)
        .expand(&["data.payments"])
}

fn path(id: &str, action: &str) -> Result<String, StripeError> {
    Ok(format!("/v1/invoices/{}{action}", segment(id)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(call: &Call) -> Vec<String> {
        call.pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    const EXPAND: [&str; 2] = [
        "expand[]=payments.data.payment.payment_intent",
        "expand[]=confirmation_secret",
    ];

    #[test]
    fn a_new_invoice_inherits_nothing() {
        let new = CreateInvoice {
            customer: "cus_1",
            currency: "usd",
            description: Some("Credits"),
            automatic_tax: false,
            metadata: &[("topup_id", "t1"), ("kind", "manual")],
        };
        let call = create(&new, "topup:t1:inv");
        assert_eq!(
            (call.path.as_str(), call.idempotency_key.as_deref()),
            ("/v1/invoices", Some("topup:t1:inv"))
        );
        let expected = [
            "customer=cus_1",
            "currency=usd",
            "auto_advance=false",
            "collection_method=charge_automatically",
            "pending_invoice_items_behavior=exclude",
            "discounts=",
            "description=Credits",
            "metadata[topup_id]=t1",
            "metadata[kind]=manual",
        ];
        assert_eq!(lines(&call), expected);
        let taxed = create(
            &CreateInvoice {
                automatic_tax: true,
                ..new
            },
            "k",
        );
        assert_eq!(lines(&taxed).last().unwrap(), "automatic_tax[enabled]=true");
    }

    #[test]
    fn finalising_does_not_hand_the_invoice_to_stripes_retries() {
        let call = finalize("in_1", "k").unwrap();
        assert_eq!(call.path, "/v1/invoices/in_1/finalize");
        assert_eq!(
            lines(&call),
            [&["auto_advance=false"][..], &EXPAND].concat()
        );
    }

    #[test]
    fn paying_always_says_whether_the_owner_is_there() {
        let manual = PayInvoice {
            payment_method: Some("pm_1"),
            off_session: false,
        };
        let call = pay("in_1", &manual, "topup:t1:pay:1").unwrap();
        assert_eq!(call.path, "/v1/invoices/in_1/pay");
        let expected = [&["payment_method=pm_1", "off_session=false"][..], &EXPAND].concat();
        assert_eq!(lines(&call), expected);
        let auto = pay(
            "in_1",
            &PayInvoice {
                payment_method: None,
                off_session: true,
            },
            "k",
        )
        .unwrap();
        assert_eq!(lines(&auto)[0], "off_session=true");
    }

    #[test]
    fn a_list_is_narrowed_by_what_is_given() {
        let filter = InvoiceFilter {
            customer: Some("cus_1"),
            status: Some(InvoiceStatus::Paid),
            created_gte: Some(1_700_000_000),
            created_lt: None,
        };
        let expected = [
            "customer=cus_1",
            "status=paid",
            "created[gte]=1700000000",
            "expand[]=data.payments",
        ];
        assert_eq!(lines(&list(&filter)), expected);
        assert_eq!(
            lines(&list(&InvoiceFilter::default())),
            ["expand[]=data.payments"]
        );
    }
}
