//! Web searches that the provider runs by itself, in the blocks of its answer.

use serde_json::{Value, json};

use super::messages::{Block, Message};
use crate::provider::turn::SIGNATURE;

/// A call and its result for each search, if the request offers the tool.
pub(super) fn blocks(message: &Message<'_>) -> Vec<Block> {
    let tools = message.request.body["tools"].as_array();
    let mut kinds = tools
        .into_iter()
        .flatten()
        .map(|tool| tool["type"].as_str());
    let offered = kinds.any(|kind| kind.is_some_and(|kind| kind.starts_with("web_search_")));
    let searches = if offered {
        message.turn.tokens.searches
    } else {
        0
    };
    (1..=searches)
        .flat_map(|number| [call(message, number), result(message, number)])
        .collect()
}

fn id(message: &Message<'_>, number: u64) -> String {
    message.request.id(&format!("srvtoolu_{number}_"))
}

fn call(message: &Message<'_>, number: u64) -> Block {
    let id = id(message, number);
    let empty = json!({ "type": "server_tool_use", "id": id, "name": "web_search", "input": {} });
    let mut whole = empty.clone();
    whole["input"] = json!({ "query": format!("query {number}") });
    let input = whole["input"].to_string();
    Block {
        deltas: vec![json!({ "type": "input_json_delta", "partial_json": input })],
        whole,
        empty,
    }
}

/// A result comes whole, with the start of its block.
fn result(message: &Message<'_>, number: u64) -> Block {
    let page: Value = json!({
        "type": "web_search_result", "title": format!("Page {number}"),
        "url": format!("https://example.com/{number}"), "encrypted_content": SIGNATURE,
        "page_age": null,
    });
    let whole = json!({
        "type": "web_search_tool_result", "tool_use_id": id(message, number), "content": [page],
    });
    Block {
        empty: whole.clone(),
        whole,
        deltas: Vec::new(),
    }
}
