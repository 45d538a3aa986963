//! What the headers of every answer say of its call (contract: section 4.3): its ids, and where it went.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::ids::LogId;
use crate::proxy::call::Call;

/// The id of the client's request, which all of its steps share.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("cf-aig-request-id");
const LOG_ID: HeaderName = HeaderName::from_static("cf-aig-log-id");
const EVENT_ID: HeaderName = HeaderName::from_static("cf-aig-event-id");
const STEP: HeaderName = HeaderName::from_static("cf-aig-step");
const PROVIDER: HeaderName = HeaderName::from_static("cf-aig-provider");
const MODEL: HeaderName = HeaderName::from_static("cf-aig-model");

/// The longest name of a model that a header carries, in bytes. A longer one is no model's.
const MODEL_MAX: usize = 256;

/// The ids of a call, and its provider and model.
#[derive(Clone, Debug)]
pub struct Identity {
    log: LogId,
    request: LogId,
    event: Option<String>,
    step: u16,
    provider: String,
    model: Option<String>,
}

impl Identity {
    /// Of this call; `model` is `None` if the request doesn't say.
    pub fn of(call: &Call, model: Option<&str>) -> Self {
        let model = model.filter(|model| model.len() <= MODEL_MAX);
        Self {
            log: call.id,
            request: call.request,
            event: call.wishes.event_id.clone(),
            step: call.step,
            provider: call.target.slug.clone(),
            model: model.map(str::to_owned),
        }
    }

    /// Adds it to an answer's headers. Without an event id of the client's own, the request is the event.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let request = self.request.to_string();
        let event = self.event.as_deref().unwrap_or(&request);
        let texts = [
            (LOG_ID, Some(self.log.to_string().as_str())),
            (REQUEST_ID, Some(request.as_str())),
            (EVENT_ID, Some(event)),
            (PROVIDER, Some(self.provider.as_str())),
            (MODEL, self.model.as_deref()),
        ]
        .map(|(name, text)| (name, text.map(HeaderValue::from_str)));
        for (name, value) in texts {
            if let Some(Ok(value)) = value {
                headers.insert(name, value);
            }
        }
        headers.insert(STEP, HeaderValue::from(self.step));
    }
}
