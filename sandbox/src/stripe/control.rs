//! What a test can do to a running sandbox that a client of Stripe cannot. `control_http` has the
//! same for those outside this process.

use serde::Deserialize;
use serde_json::{Value, json};

use super::deliver::{Deliveries, Webhook};
use super::error::Refusal;
use super::faults::Fault;
use super::journal::Recorded;
use super::server::{Shared, Stripe};
use super::state::{Answer, Call, State};
use super::{attempt, checkout, sequels, setup_intents};
use crate::clock;
use crate::faults::FaultId;

/// What the customer does when the card's issuer asks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Authenticates.
    Succeed,
    /// Gives up, or gets it wrong.
    Fail,
}

impl Stripe {
    /// Sets where events are sent; `None` sends those that follow nowhere.
    pub fn set_webhook(&self, webhook: Option<Webhook>) {
        self.shared.set_webhook(webhook);
    }

    /// Sets how events that follow are delivered.
    pub fn set_deliveries(&self, deliveries: Deliveries) {
        self.shared.deliverer.settings.send_replace(deliveries);
    }

    /// Waits until the endpoint has taken every event so far. Under `drop` there is none to wait
    /// for; with an endpoint that never takes them it waits for ever.
    pub async fn deliveries_settled(&self) {
        self.shared.deliverer.settled().await;
    }

    /// Delivers an event once more. False where there is no such event.
    pub fn resend(&self, event: &str) -> bool {
        self.shared.resend(event)
    }

    /// Makes requests go wrong.
    pub fn add_fault(&self, fault: Fault) -> FaultId {
        self.shared.faults.add(fault)
    }

    /// Removes all faults and adds this one. No request comes in between.
    pub fn replace_faults(&self, fault: Fault) -> FaultId {
        self.shared.faults.replace(fault)
    }

    /// Removes all faults and lets go of every request that hangs.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Waits until a request hangs at this fault. Comes back at once if the fault is gone.
    pub async fn hanging(&self, fault: FaultId) {
        self.shared.faults.hanging(fault).await;
    }

    /// Lets go of the requests that hang at this fault, now and later. False for an unknown one.
    pub fn release(&self, fault: FaultId) -> bool {
        self.shared.faults.release(fault)
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.state().journal.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.state().journal.clear();
    }

    /// Every object, by kind and newest first, as Stripe would answer it.
    pub fn state(&self) -> Value {
        self.shared.state().dump()
    }

    /// One object by id, or null.
    pub fn object(&self, id: &str) -> Value {
        self.shared.state().object(id).clone()
    }

    /// Answers the issuer's question about a payment intent or a setup intent, as the customer
    /// would on the page that `next_action` leads to. Gives back the intent.
    ///
    /// # Errors
    ///
    /// Stripe's refusal, where there is no such intent or it asks nothing.
    pub fn authenticate(&self, intent: &str, outcome: Outcome) -> Result<Value, Refusal> {
        self.shared.authenticate(intent, outcome)
    }

    /// Saves a test card, such as `pm_card_visa`, on the page of a checkout session, by a customer
    /// who authenticates where the card's issuer asks. Gives back the session.
    ///
    /// # Errors
    ///
    /// Stripe's refusal, where there is no such session, it is not open, or the card is declined.
    pub fn complete_checkout(&self, session: &str, test_id: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| checkout::complete(state, call, session, test_id))
    }

    /// Gives a customer a card under a literal test id such as `pm_card_visa`, so that this very
    /// id names the customer's own card from then on, and not a template. Makes it the customer's
    /// default if asked to. Gives back the payment method.
    ///
    /// # Errors
    ///
    /// Stripe's refusal of an unknown customer or test id.
    pub fn seed_customer_card(
        &self,
        customer: &str,
        test_id: &str,
        default: bool,
    ) -> Result<Value, Refusal> {
        self.shared.seed_customer_card(customer, test_id, default)
    }
}

impl Shared {
    pub(crate) fn set_webhook(&self, webhook: Option<Webhook>) {
        self.state().endpoints = usize::from(webhook.is_some());
        self.deliverer.webhook.send_replace(webhook);
    }

    pub(crate) fn resend(&self, event: &str) -> bool {
        let known = self.state().need("event", event, "id").is_ok();
        if known {
            self.deliverer.send(event.to_owned());
        }
        known
    }

    /// Changes the state by a call of nobody's, which has the time and no request, and sends the
    /// events that come of it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State, &Call) -> Answer) -> Answer {
        let call = Call {
            now: clock::now(),
            ..Call::default()
        };
        let mut state = self.state();
        let outcome = change(&mut state, &call);
        sequels::play(&mut state, call.now);
        let events = std::mem::take(&mut state.outbox);
        drop(state);
        for event in events {
            self.deliverer.send(event);
        }
        outcome
    }

    pub(crate) fn authenticate(&self, intent: &str, outcome: Outcome) -> Result<Value, Refusal> {
        let succeeded = outcome == Outcome::Succeed;
        self.change(|state, call| match intent.starts_with("seti_") {
            true => setup_intents::authenticate(state, call, intent, succeeded),
            false => attempt::authenticate(state, call, intent, succeeded),
        })
    }

    pub(crate) fn seed_customer_card(
        &self,
        customer: &str,
        test_id: &str,
        default: bool,
    ) -> Result<Value, Refusal> {
        self.change(|state, call| {
            let method = state.seed_card(call, customer, test_id)?;
            if default {
                let mut settings = state.object(customer)["invoice_settings"].clone();
                settings["default_payment_method"] = json!(test_id);
                state.edit(customer, json!({ "invoice_settings": settings }));
                state.event(call, "customer.updated", customer);
            }
            Ok(method)
        })
    }
}
