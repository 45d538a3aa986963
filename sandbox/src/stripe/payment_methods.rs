//! Cards as payment methods: made from test numbers and tokens, attached to customers.
//!
//! `pm_card_visa` and its like are templates: each use of one makes a payment method of its own,
//! as at Stripe. Beside that a test id can be *seeded* for a customer (`State::seed_card`). The
//! customer then has a payment method whose id is literally `pm_card_visa`, kept under the key
//! `pm_card_visa@cus_…`, so that several customers may have one each. Where a customer is known,
//! that customer's copy is meant; where none is, the copy that was seeded last.

use serde_json::{Value, json};

use super::cards::{self, Card};
use super::customers;
use super::error::Refusal;
use super::list::{Within, page};
use super::params::{EXPAND, Kind, METADATA, Param, Params, param, required, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, metadata, text};

const PAGE: &[Param] = &[
    EXPAND,
    param("limit", Kind::Integer),
    text_param("starting_after"),
    text_param("ending_before"),
    param("type", Kind::OneOf(&["card"])),
];

pub(crate) const CARD: Param = param(
    "card",
    Kind::Nested(&[
        text_param("token"),
        text_param("number"),
        param("exp_month", Kind::Integer),
        param("exp_year", Kind::Integer),
        text_param("cvc"),
    ]),
);

const CREATE: &[Param] = &[
    EXPAND,
    METADATA,
    CARD,
    required("type", Kind::OneOf(&["card"])),
    param("billing_details", Kind::Anything),
];

pub(crate) const ROUTES: &[Route] = &[
    route("POST", "/v1/payment_methods", &[CREATE], create).publishable(),
    route(
        "GET",
        "/v1/payment_methods",
        &[PAGE, &[text_param("customer")]],
        |state, call| {
            customers::named(state, &call.params)?;
            list(
                state,
                call,
                call.params.text("customer").unwrap_or(""),
                "/v1/payment_methods",
            )
        },
    ),
    route(
        "GET",
        "/v1/payment_methods/{id}",
        &[&[EXPAND]],
        |state, call| {
            let key = state.resolve(call, &call.id, "", "id")?;
            Ok(state.object(&key).clone())
        },
    ),
    route(
        "POST",
        "/v1/payment_methods/{id}",
        &[&[EXPAND, METADATA]],
        |state, call| {
            let key = state.resolve(call, &call.id, "", "id")?;
            state.edit_metadata(&key, &call.params);
            state.event(call, "payment_method.updated", &key);
            Ok(state.object(&key).clone())
        },
    ),
    route(
        "POST",
        "/v1/payment_methods/{id}/attach",
        &[&[EXPAND, required("customer", Kind::Text)]],
        |state, call| {
            customers::named(state, &call.params)?;
            let customer = call.params.text("customer").unwrap_or("");
            let key = state.attach(call, &call.id, customer, "id")?;
            Ok(state.object(&key).clone())
        },
    ),
    route(
        "POST",
        "/v1/payment_methods/{id}/detach",
        &[&[EXPAND]],
        detach,
    ),
    route(
        "GET",
        "/v1/customers/{id}/payment_methods",
        &[PAGE],
        |state, call| {
            state.need("customer", &call.id, "id")?;
            let url = format!("/v1/customers/{}/payment_methods", call.id);
            list(state, call, &call.id, &url)
        },
    ),
    route(
        "GET",
        "/v1/customers/{id}/payment_methods/{sub}",
        &[&[EXPAND]],
        |state, call| {
            state.need("customer", &call.id, "id")?;
            match state.owned(&call.id, &call.sub) {
                Some(key) => Ok(state.object(&key).clone()),
                None => Err(Refusal::missing("payment_method", &call.sub, "id")),
            }
        },
    ),
];

fn create(state: &mut State, call: &Call) -> Answer {
    let key = state.method_from(call, &call.params)?;
    Ok(state.object(&key).clone())
}

fn list(state: &mut State, call: &Call, customer: &str, url: &str) -> Answer {
    let methods = state.all("payment_method");
    let owned =
        methods.filter(|method| !customer.is_empty() && text(method, "customer") == customer);
    page(owned, call, url, Within::Any)
}

fn detach(state: &mut State, call: &Call) -> Answer {
    let key = state.resolve(call, &call.id, "", "id")?;
    let customer = text(state.object(&key), "customer").to_owned();
    if customer.is_empty() {
        let message = "The payment method you provided is not attached to a customer so \
                       detachment is impossible.";
        return Err(Refusal::invalid(message));
    }
    state.edit(&key, json!({ "customer": null }));
    let before = json!({ "customer": customer });
    state.event_after(call, "payment_method.detached", &key, before);
    if customers::default_method(state, &customer) == call.id {
        customers::forget_default(state, call, &customer);
    }
    Ok(state.object(&key).clone())
}

fn seeded_key(id: &str, customer: &str) -> String {
    format!("{id}@{customer}")
}

impl State {
    /// The key of the payment method that this id means to this customer, if it is the customer's.
    pub(crate) fn owned(&self, customer: &str, id: &str) -> Option<String> {
        let seeded = seeded_key(id, customer);
        [seeded, id.to_owned()].into_iter().find(|key| {
            let method = self.object(key);
            text(method, "object") == "payment_method" && text(method, "customer") == customer
        })
    }

    pub(crate) fn owns(&self, customer: &str, id: &str) -> bool {
        self.owned(customer, id).is_some()
    }

    /// The key of the payment method that is meant by an id, made afresh from a template.
    /// An empty `customer` says that the request is about none.
    ///
    /// # Errors
    ///
    /// `resource_missing`.
    pub(crate) fn resolve(
        &mut self,
        call: &Call,
        id: &str,
        customer: &str,
        param: &str,
    ) -> Result<String, Refusal> {
        if let Some(key) = self.owned(customer, id) {
            return Ok(key);
        }
        if customer.is_empty()
            && let Some(key) = self.seeded.get(id)
        {
            return Ok(key.clone());
        }
        if cards::by_test_method(id).is_some() {
            return self.method_of_test_card(call, id, param);
        }
        self.need("payment_method", id, param)?;
        Ok(id.to_owned())
    }

    /// A new payment method from the template that a test id names, whoever has one by that id.
    ///
    /// # Errors
    ///
    /// `resource_missing`.
    pub(crate) fn method_of_test_card(
        &mut self,
        call: &Call,
        id: &str,
        param: &str,
    ) -> Result<String, Refusal> {
        let card = cards::by_test_method(id)
            .ok_or_else(|| Refusal::missing("payment_method", id, param))?;
        let fresh = self.ids.fresh("pm");
        Ok(self.add_method(call, fresh.clone(), fresh, card, &Params::default()))
    }

    /// Attaches what an id means to a customer, who exists, and gives back its key.
    ///
    /// # Errors
    ///
    /// `resource_missing`; the card's decline, since Stripe asks the issuer when it attaches; a
    /// card that another customer has.
    pub(crate) fn attach(
        &mut self,
        call: &Call,
        id: &str,
        customer: &str,
        param: &str,
    ) -> Result<String, Refusal> {
        if let Some(key) = self.owned(customer, id) {
            return Ok(key);
        }
        // A seeded copy belongs to its customer; anyone else who names the id means the template.
        let context = if self.seeded.contains_key(id) {
            customer
        } else {
            ""
        };
        let key = self.resolve(call, id, context, param)?;
        if !text(self.object(&key), "customer").is_empty() {
            let message =
                "The payment method you provided has already been attached to a customer.";
            return Err(Refusal::invalid(message));
        }
        if let Some(card) = self.cards.get(&key)
            && let Some(decline) = card.decline
            && !card.attachable
        {
            return Err(decline.refusal());
        }
        self.edit(&key, json!({ "customer": customer }));
        self.event(call, "payment_method.attached", &key);
        Ok(key)
    }

    /// A new payment method from `card[token]` or `card[number]`.
    ///
    /// # Errors
    ///
    /// `parameter_missing`, an unknown token, a number that is no test card's.
    pub(crate) fn method_from(&mut self, call: &Call, params: &Params) -> Result<String, Refusal> {
        let given = params.nested("card");
        let card = match (given.text("token"), given.text("number")) {
            (Some(token), _) => cards::by_token(token)
                .ok_or_else(|| Refusal::missing("token", token, "card[token]"))?,
            (None, Some(number)) => cards::by_number(&number.replace(' ', ""))?,
            (None, None) => {
                let message = "Missing required param: card.";
                return Err(Refusal::unfit("parameter_missing", "card", message));
            }
        };
        let id = self.ids.fresh("pm");
        Ok(self.add_method(call, id.clone(), id, card, params))
    }

    /// Gives a customer, who exists, a card under the literal test id. It may be a card that
    /// would be declined on attaching: a seeded card is one that has gone bad since.
    pub(crate) fn seed_card(&mut self, call: &Call, customer: &str, id: &str) -> Answer {
        self.need("customer", customer, "customer")?;
        let card = cards::by_test_method(id)
            .ok_or_else(|| Refusal::missing("payment_method", id, "payment_method"))?;
        let key = seeded_key(id, customer);
        if self.object(&key).is_null() {
            self.add_method(call, key.clone(), id.to_owned(), card, &Params::default());
        }
        self.seeded.insert(id.to_owned(), key.clone());
        self.edit(&key, json!({ "customer": customer }));
        self.event(call, "payment_method.attached", &key);
        Ok(self.object(&key).clone())
    }

    fn add_method(
        &mut self,
        call: &Call,
        key: String,
        id: String,
        card: Card,
        params: &Params,
    ) -> String {
        let given = params.nested("card");
        // A token brings its own date; a card far enough ahead that it never expires in a test.
        let month = given.integer("exp_month").unwrap_or(12);
        let year = given.integer("exp_year").unwrap_or(2040);
        let method = json!({
            "id": id, "object": "payment_method", "allow_redisplay": "unspecified",
            "billing_details": billing_details(params), "card": card.describe(month, year),
            "customer": null, "customer_account": null, "metadata": metadata(params),
            "type": "card",
        });
        self.cards.insert(key.clone(), card);
        self.insert_as(key.clone(), self.stamped(call, method));
        key
    }
}

/// The details that were given, in the whole form in which Stripe answers them.
fn billing_details(params: &Params) -> Value {
    let given = params.nested("billing_details");
    let address = given.nested("address");
    let line = |name: &str| address.or_null(name);
    json!({
        "address": {
            "city": line("city"), "country": line("country"), "line1": line("line1"),
            "line2": line("line2"), "postal_code": line("postal_code"), "state": line("state"),
        },
        "email": given.or_null("email"), "name": given.or_null("name"),
        "phone": given.or_null("phone"), "tax_id": given.or_null("tax_id"),
    })
}
