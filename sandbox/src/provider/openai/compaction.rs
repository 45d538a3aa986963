//! A conversation of Responses that is made shorter: what the user said stays, all the rest becomes one item that only
//! the provider can read.

use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::Ask;
use crate::provider::behaviour::Behaviour;
use crate::provider::content::Content;
use crate::provider::turn::{SIGNATURE, Turn};

use super::responses::usage;

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let tokens = Turn::of(ask, behaviour).tokens;
    let items = request.body["input"].as_array().into_iter().flatten();
    let mut output: Vec<Value> = items
        .filter(|item| item["role"] == "user")
        .cloned()
        .collect();
    output.push(json!({
        "type": "compaction", "id": request.id("cmp_"), "encrypted_content": SIGNATURE,
    }));
    let mut body = json!({
        "id": request.id("resp_"), "object": "response.compaction", "created_at": request.now,
        "output": output,
    });
    if let Some(usage) = behaviour.report(usage(&tokens)) {
        body["usage"] = usage;
    }
    Content::json(&body).using(tokens.usage())
}
