//! OpenAI's API, and those that are compatible with it.

pub(crate) mod audio;
pub(crate) mod chat;
pub(crate) mod compaction;
pub(crate) mod embeddings;
mod flavour;
pub(crate) mod images;
pub(crate) mod moderations;
pub(crate) mod responses;
mod responses_items;

use serde_json::Value;

/// The tier that served a request, by which it is paid: the one that was asked for.
fn service_tier(body: &Value) -> &str {
    match body["service_tier"].as_str() {
        None | Some("auto") => "default",
        Some(tier) => tier,
    }
}
