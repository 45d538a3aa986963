//! The lists of models. Any other name is a model too; these are the ones that do something of
//! their own.

use serde_json::{Value, json};

use super::apis::Request;
use super::behaviour::MODELS;
use super::route::Dialect;

/// One model, where the path names one, or all.
pub(crate) fn content(request: &Request<'_>) -> Value {
    let dialect = request.route.dialect;
    if let Some(id) = &request.route.model {
        return model(dialect, id);
    }
    let ids: Vec<String> = MODELS
        .iter()
        .map(|name| format!("sandbox-{name}"))
        .collect();
    let models: Vec<Value> = ids.iter().map(|id| model(dialect, id)).collect();
    match dialect {
        Dialect::OpenAi => json!({ "object": "list", "data": models }),
        Dialect::Anthropic => json!({
            "data": models, "has_more": false, "first_id": ids.first(), "last_id": ids.last(),
        }),
        Dialect::Gemini => json!({ "models": models }),
    }
}

fn model(dialect: Dialect, id: &str) -> Value {
    match dialect {
        Dialect::OpenAi => json!({
            "id": id, "object": "model", "created": 1_700_000_000, "owned_by": "sandbox",
        }),
        Dialect::Anthropic => json!({
            "id": id, "type": "model", "display_name": id, "created_at": "2025-01-01T00:00:00Z",
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{id}"), "version": "1", "displayName": id,
            "inputTokenLimit": 1_000_000, "outputTokenLimit": 64_000,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }),
    }
}
