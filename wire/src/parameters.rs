//! Parameters of a request that its API doesn't define.
//!
//! Servers that operators run read many of their own. Most are harmless, some raise what a call costs, and the
//! operator decides what becomes of them.

use crate::asked::Unreadable;
use crate::endpoint::{Api, Endpoint};
use crate::reading;

/// The names of the body's parameters that the API doesn't define (OpenAI's and Anthropic's API references of
/// November 2026). None for APIs whose parameters are not listed here.
///
/// # Errors
/// As [`crate::ask`].
pub fn unknown_parameters(endpoint: &Endpoint, body: &str) -> Result<Vec<String>, Unreadable> {
    let known = match endpoint.api {
        Api::Chat => CHAT,
        Api::Responses => RESPONSES,
        Api::Embeddings => EMBEDDINGS,
        Api::Messages => MESSAGES,
        _ => return Ok(Vec::new()),
    };
    let (_, members) = reading::body(body)?;
    let names = members.members().map(|(name, _)| name);
    let unknown = names.filter(|name| !known.contains(name));
    Ok(unknown.map(str::to_owned).collect())
}

const CHAT: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

const RESPONSES: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

const EMBEDDINGS: &[&str] = &["dimensions", "encoding_format", "input", "model", "user"];

const MESSAGES: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
