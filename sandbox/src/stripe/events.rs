//! Events: what happened, as it stood when it happened.

use serde_json::{Value, json};

use super::API_VERSION;
use super::list::{self, page};
use super::params::{EXPAND, Kind, LIST, param, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, text};

pub(crate) const ROUTES: &[Route] = &[
    route(
        "GET",
        "/v1/events",
        &[
            LIST,
            &[
                EXPAND,
                text_param("type"),
                param("types", Kind::Texts),
                param("delivery_success", Kind::Boolean),
            ],
        ],
        list_events,
    ),
    route("GET", "/v1/events/{id}", &[&[EXPAND]], |state, call| {
        state.need("event", &call.id, "id")
    }),
];

impl State {
    /// Records an event about an object as it is now, to be delivered when the request is done.
    pub(crate) fn event(&mut self, call: &Call, kind: &str, key: &str) {
        self.event_after(call, kind, key, Value::Null);
    }

    /// The same, with what some of the object's fields were before.
    pub(crate) fn event_after(&mut self, call: &Call, kind: &str, key: &str, before: Value) {
        let mut data = json!({ "object": self.object(key) });
        if !before.is_null() {
            data["previous_attributes"] = before;
        }
        let event = json!({
            "id": self.ids.fresh("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "data": data,
            "pending_webhooks": self.endpoints,
            "request": { "id": call.request_id, "idempotency_key": call.idempotency_key },
            "type": kind,
        });
        let event = self.stamped(call, event);
        self.outbox.push(text(&event, "id").to_owned());
        self.insert(event);
    }

    /// One endpoint has taken the event.
    pub(crate) fn delivered(&mut self, event: &str) {
        let pending = self.object(event)["pending_webhooks"].as_u64().unwrap_or(0);
        self.edit(
            event,
            json!({ "pending_webhooks": pending.saturating_sub(1) }),
        );
    }
}

fn list_events(state: &mut State, call: &Call) -> Answer {
    let types = call.params.texts("types");
    let one = call.params.text("type");
    let delivered = call.params.flag("delivery_success");
    let matches = |event: &Value| {
        let kind = text(event, "type");
        (types.is_empty() || types.contains(&kind))
            && one.is_none_or(|one| covers(one, kind))
            && delivered.is_none_or(|wanted| wanted == (event["pending_webhooks"] == 0))
    };
    page(
        state.all("event").filter(|event| matches(event)),
        call,
        "/v1/events",
        list::Within::Time,
    )
}

/// `invoice.*` covers every event of an invoice.
fn covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == pattern,
    }
}
