//! What those that are compatible with OpenAI do otherwise about usage: which is where whoever
//! counts it goes wrong. A part of the path names them: `/grok/v1/chat/completions`.

use serde_json::{Value, json};

use crate::provider::turn::Tokens;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flavour {
    OpenAi,
    /// Puts a chunk about its content filters first.
    Azure,
    /// Has names of its own for what was read from the cache and what was not.
    DeepSeek,
    /// Tells the usage of a stream without being asked, in a place of its own.
    Groq,
    /// Tells the usage of a stream without being asked, with the last word of it.
    Mistral,
    /// Tells the usage of a stream with every chunk.
    Perplexity,
    /// Counts reasoning beside the completion and not inside it.
    XAi,
}

impl Flavour {
    pub(crate) fn of(path: &str) -> Flavour {
        let flavour = |part| {
            Some(match part {
                "deployments" => Flavour::Azure,
                "deepseek" => Flavour::DeepSeek,
                "groq" => Flavour::Groq,
                "mistral" => Flavour::Mistral,
                "perplexity" | "perplexity-ai" => Flavour::Perplexity,
                "grok" | "xai" => Flavour::XAi,
                _ => return None,
            })
        };
        path.split('/').find_map(flavour).unwrap_or(Flavour::OpenAi)
    }

    /// Cached and audio tokens are inside the prompt's, and reasoning inside the completion's,
    /// unless this says otherwise.
    pub(crate) fn usage(self, tokens: &Tokens) -> Value {
        let completion = match self {
            Flavour::XAi => tokens.said(),
            _ => tokens.output,
        };
        let mut usage = json!({
            "prompt_tokens": tokens.input,
            "completion_tokens": completion,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": { "cached_tokens": tokens.cached, "audio_tokens": tokens.audio },
            "completion_tokens_details": {
                "reasoning_tokens": tokens.reasoning, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        });
        if tokens.written() > 0 {
            usage["prompt_tokens_details"]["cache_write_tokens"] = json!(tokens.written());
        }
        match self {
            Flavour::DeepSeek => {
                usage["prompt_cache_hit_tokens"] = json!(tokens.cached);
                usage["prompt_cache_miss_tokens"] = json!(tokens.input - tokens.cached);
            }
            Flavour::Perplexity => {
                usage["search_context_size"] = json!("low");
                usage["num_search_queries"] = json!(tokens.searches);
            }
            Flavour::XAi => usage["num_sources_used"] = json!(tokens.searches),
            _ => {}
        }
        usage
    }

    /// Adds to a chunk of a stream what this tells unasked.
    pub(crate) fn dress(self, chunk: &mut Value, is_last: bool, usage: Option<&Value>) {
        let Some(usage) = usage else {
            return;
        };
        match self {
            Flavour::Groq if is_last => {
                chunk["x_groq"] = json!({ "id": "req_sandbox", "usage": usage });
            }
            Flavour::Mistral if is_last => chunk["usage"] = usage.clone(),
            Flavour::Perplexity => chunk["usage"] = usage.clone(),
            _ => {}
        }
    }
}
