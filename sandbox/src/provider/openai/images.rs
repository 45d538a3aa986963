//! Images: the same dot for every prompt, whose tokens go by the quality that was asked for.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{Ask, answers, needed, words};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::{Content, named_event};
use crate::provider::error::Refusal;
use crate::provider::turn::{Tokens, Turn};

/// A PNG of one dot.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let prompt = needed(body, "prompt")?;
    let model = request.route.model.as_deref().or(body["model"].as_str());
    Ok(Ask {
        model: model.unwrap_or("dall-e-2").to_owned(),
        input: words(prompt),
        last: prompt.to_owned(),
        answers: answers("n", &body["n"])?,
        stream: body["stream"] == true,
        ..Ask::default()
    })
}

/// Output tokens of one image.
fn tokens_of(quality: &str) -> u64 {
    match quality {
        "low" => 272,
        "high" => 4160,
        _ => 1056,
    }
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let quality = request.body["quality"].as_str().unwrap_or("medium");
    let made = ask.answers * tokens_of(quality);
    let tokens = Tokens {
        output: behaviour.output_tokens.unwrap_or(made),
        ..Turn::of(ask, behaviour).tokens
    };
    // The older models make images without tokens, and a stream of none.
    let is_old = ask.model.starts_with("dall-e");
    let usage = behaviour.report(usage(&tokens)).filter(|_| !is_old);
    if ask.stream && !is_old {
        return stream(request, quality, usage);
    }
    let shows_address = is_old && request.body["response_format"] != "b64_json";
    let image = match shows_address {
        true => json!({ "url": format!("data:image/png;base64,{DOT}") }),
        false => json!({ "b64_json": DOT }),
    };
    let mut answer = json!({ "created": request.now, "data": (0..ask.answers).map(|_| &image).collect::<Vec<_>>() });
    if let Some(usage) = usage {
        answer["usage"] = usage;
        answer["quality"] = json!(quality);
        answer["size"] = json!("1024x1024");
        answer["output_format"] = json!("png");
        answer["background"] = json!("opaque");
    }
    Content::json(&answer)
}

fn stream(request: &Request<'_>, quality: &str, usage: Option<Value>) -> Content {
    let step = |kind: &str| {
        json!({
            "type": format!("image_generation.{kind}"), "b64_json": DOT, "background": "opaque",
            "created_at": request.now, "output_format": "png", "quality": quality,
            "size": "1024x1024",
        })
    };
    let partial = |index: u64| {
        let mut event = step("partial_image");
        event["partial_image_index"] = json!(index);
        named_event(&event)
    };
    let count = request.body["partial_images"].as_u64().unwrap_or(0).min(3);
    let events: Vec<Bytes> = (0..count).map(partial).collect();
    let mut end = step("completed");
    if let Some(usage) = usage {
        end["usage"] = usage;
    }
    Content::sse(events, vec![named_event(&end)])
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": { "text_tokens": tokens.input, "image_tokens": 0 },
        "output_tokens": tokens.output,
        "output_tokens_details": { "text_tokens": 0, "image_tokens": tokens.output },
        "total_tokens": tokens.input + tokens.output,
    })
}
