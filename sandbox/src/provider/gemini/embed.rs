//! Embedding content, one or many.

use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{Ask, needed_list, text_of, weigh};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::Content;
use crate::provider::embedding;
use crate::provider::error::Refusal;
use crate::provider::route::Api;
use crate::provider::turn::Turn;

use super::field;

/// Of the vectors, where the request doesn't say.
const DIMENSIONS: u64 = 3072;

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let items = items(request)?;
    let missing = items.iter().any(|item| !item["content"].is_object());
    if missing {
        return Err(Refusal::invalid(
            "content",
            "content: expected an object with 'parts'.",
        ));
    }
    Ok(Ask {
        model: request.route.model.clone().unwrap_or_default(),
        input: items.iter().map(|item| weigh(&item["content"])).sum(),
        last: items
            .last()
            .map(|item| text_of(&item["content"]["parts"]))
            .unwrap_or_default(),
        ..Ask::default()
    })
}

fn items<'a>(request: &'a Request<'_>) -> Result<&'a [Value], Refusal> {
    match request.route.api {
        Api::BatchEmbed => needed_list(&request.body, "requests"),
        _ => Ok(std::slice::from_ref(&request.body)),
    }
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let values = |item: &Value| {
        let dimensions = [item, field(item, "embedContentConfig")]
            .iter()
            .find_map(|place| field(place, "outputDimensionality").as_u64());
        let dimensions = dimensions.unwrap_or(DIMENSIONS).min(1 << 16);
        let dimensions = usize::try_from(dimensions).unwrap_or(0);
        json!({ "values": embedding::numbers(&text_of(&item["content"]["parts"]), dimensions) })
    };
    let all: Vec<Value> = items(request)
        .unwrap_or_default()
        .iter()
        .map(values)
        .collect();
    let mut answer = match request.route.api {
        Api::BatchEmbed => json!({ "embeddings": all }),
        _ => json!({ "embedding": all.first() }),
    };
    let input = Turn::of(ask, behaviour).tokens.input;
    let usage = json!({ "promptTokenCount": input, "totalTokenCount": input });
    if let Some(usage) = behaviour.report(usage) {
        answer["usageMetadata"] = usage;
    }
    Content::json(&answer)
}
