//! Reading events from Stripe, for those whose webhook never arrived.

use super::{
    Event, Pages, Stripe, StripeError,
    call::{Call, segment},
};

impl Stripe {
    /// Reads an event (`GET /v1/events/{id}`). Stripe keeps events for 30 days.
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn event(&self, id: &str) -> Result<Event, StripeError> {
        self.send(Call::get(format!("/v1/events/{}", segment(id)?)))
            .await
    }

    /// Lists the events of these types since a time in Unix seconds, newest first
    /// (`GET /v1/events`). Stripe takes at most 20 types; none means all.
    pub fn events(&self, types: &[&str], created_gte: i64) -> Pages<Event> {
        Pages::new(self, list(types, created_gte))
    }
}

fn list(types: &[&str], created_gte: i64) -> Call {
    let call = Call::get("/v1/events").with("created[gte]", created_gte);
    types
        .iter()
        .fold(call, |call, kind| call.with("types[]", kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_types_are_asked_for_at_once() {
        let call = list(&["invoice.paid", "refund.created"], 1_700_000_000);
        let pairs: Vec<_> = call.pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            pairs,
            [
                "created[gte]=1700000000",
                "types[]=invoice.paid",
                "types[]=refund.created"
            ]
        );
    }
}
