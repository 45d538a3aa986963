//! The table: for each API its classes of use, in an answer that comes whole, streamed, cut or failed.

mod broken;
mod media;

use serde_json::{Value, json};

use super::upstream::Said;

/// A request's body.
pub enum Body {
    Json(Value),
    /// Fields of a form, the file last.
    Form(Vec<(&'static str, String)>, Vec<u8>),
}

impl Body {
    pub fn recording(model: &str, format: &str, file: Vec<u8>) -> Self {
        let fields = vec![
            ("model", model.to_owned()),
            ("response_format", format.to_owned()),
        ];
        Self::Form(fields, file)
    }

    /// Its content type, and its bytes.
    pub fn encoded(&self) -> (&'static str, Vec<u8>) {
        let (fields, file) = match self {
            Self::Json(value) => return ("application/json", value.to_string().into_bytes()),
            Self::Form(fields, file) => (fields, file),
        };
        let mut body = String::new();
        for (name, value) in fields {
            body.push_str(&format!(
                "--b0\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str(
            "--b0\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n",
        );
        let body = [body.as_bytes(), file, b"\r\n--b0--\r\n"].concat();
        ("multipart/form-data; boundary=b0", body)
    }
}

/// A call, its answer, and what it costs.
pub struct Bill {
    pub what: &'static str,
    pub path: &'static str,
    pub body: Body,
    pub said: Said,
    pub dollars: &'static str,
}

pub fn sse(events: &[Value]) -> Said {
    let mut body = String::new();
    for event in events {
        body.push_str(&format!("data: {event}\n\n"));
    }
    said("text/event-stream", body)
}

fn said(kind: &'static str, body: impl Into<Vec<u8>>) -> Said {
    Said {
        status: 200,
        headers: vec![("content-type", kind)],
        body: body.into(),
        is_cut: false,
    }
}

fn whole(answer: Value) -> Said {
    said("application/json", answer.to_string())
}

fn cut(said: Said) -> Said {
    Said {
        is_cut: true,
        ..said
    }
}

fn failed() -> Said {
    Said {
        status: 500,
        ..whole(json!({"error": {"message": "No.", "type": "server_error"}}))
    }
}

/// 16-bit sound of one channel, 16,000 times a second.
fn wav(seconds: u32) -> Vec<u8> {
    let length = seconds * 32_000;
    let mut file =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"
            .to_vec();
    file.extend(length.to_le_bytes());
    file.resize(file.len() + usize::try_from(length).unwrap(), 0);
    file
}

fn bill(
    what: &'static str,
    path: &'static str,
    body: Value,
    said: Said,
    dollars: &'static str,
) -> Bill {
    let body = Body::Json(body);
    Bill {
        what,
        path,
        body,
        said,
        dollars,
    }
}

pub fn all() -> Vec<Bill> {
    let parts = [
        chat(),
        completions(),
        responses(),
        messages(),
        gemini(),
        others(),
        media::images(),
        media::speech(),
        media::transcription(),
        media::compressed(),
        broken::pieces(),
        broken::edits(),
        broken::transcripts(),
    ];
    parts.into_iter().flatten().collect()
}

const CHAT: &str = "openai/v1/chat/completions";

fn talk(more: Value) -> Value {
    let mut body = json!({"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "Count."}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn told(model: &str, usage: Value) -> Value {
    json!({"id": "c", "object": "chat.completion", "model": model, "usage": usage,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "one two three"}, "finish_reason": "stop"}]})
}

fn piece(text: &str) -> Value {
    json!({"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

fn chat() -> Vec<Bill> {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110});
    let end = json!({"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let last = json!({"id": "c", "model": "gpt-4o", "choices": [], "usage": usage});
    let streamed = sse(&[piece("one two "), piece("three"), end, last]);
    let error = json!({"error": {"message": "No.", "type": "server_error"}});
    let or = |usage: Value| whole(told("openai/gpt-4o", usage));
    let web = json!({"model": "openai/gpt-4o", "plugins": [{"id": "web"}], "max_tokens": 100,
        "messages": [{"role": "user", "content": "Count."}]});
    let several = json!({"model": "anthropic/claude-sonnet-4.5", "models": ["openai/gpt-4o"], "max_tokens": 100,
        "messages": [{"role": "user", "content": "Count."}]});
    let audio = json!({"model": "gpt-audio", "stream": true, "modalities": ["text", "audio"], "max_tokens": 1000,
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": [{"type": "input_audio",
            "input_audio": {"format": "wav", "data": base64(&wav(10))}}]}]});
    let spoken = json!({"id": "c", "model": "gpt-audio", "choices": [{"index": 0,
        "delta": {"audio": {"transcript": "one two three"}}, "finish_reason": null}]});
    let pdf = talk(
        json!({"stream": true, "messages": [{"role": "user", "content": [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": base64(&vec![b'%'; 60_000])}}]}]}),
    );
    vec![
        bill(
            "chat",
            CHAT,
            talk(json!({})),
            whole(told("gpt-4o", usage.clone())),
            "0.00035",
        ),
        bill(
            "chat, streamed",
            CHAT,
            talk(json!({"stream": true})),
            streamed.clone(),
            "0.00035",
        ),
        // 2 + 4 tokens read, and 5 written: 13 bytes by three.
        bill(
            "chat, cut",
            CHAT,
            talk(json!({"stream": true})),
            cut(sse(&[piece("one two three")])),
            "0.000065",
        ),
        bill("chat, failed", CHAT, talk(json!({})), failed(), "0"),
        bill(
            "chat, an error in a 200",
            CHAT,
            talk(json!({})),
            whole(error.clone()),
            "0",
        ),
        bill(
            "chat, stream of an error alone",
            CHAT,
            talk(json!({"stream": true})),
            sse(std::slice::from_ref(&error)),
            "0",
        ),
        bill(
            "chat, an error after text",
            CHAT,
            talk(json!({"stream": true})),
            cut(sse(&[piece("one two three"), error])),
            "0.000065",
        ),
        // Plugins are in OpenRouter's own figure: 0.02 for the search.
        bill(
            "chat, OpenRouter's own cost",
            "openrouter/v1/chat/completions",
            web,
            or(
                json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "cost": 0.02035}),
            ),
            "0.02035",
        ),
        bill(
            "chat, another model answers",
            "openrouter/v1/chat/completions",
            several,
            or(json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110})),
            "0.00035",
        ),
        bill(
            "chat, xAI's own cost",
            "grok/v1/chat/completions",
            talk(json!({"model": "grok-4.5"})),
            whole(told(
                "grok-4.5",
                json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
                "cost_in_usd_ticks": 3_775_600}),
            )),
            "0.00037756",
        ),
        // 10 s of sound are 100 tokens at $32 and 8 around them at $2.50; 18 spoken at $64 with 5 of their text at $10.
        bill(
            "chat, spoken and cut",
            CHAT,
            audio,
            cut(sse(&[spoken])),
            "0.004422",
        ),
        // 60,000 bytes are 2,000 tokens, with 8 around them, at $2.50; 5 written at $10.
        bill(
            "chat, a document and cut",
            CHAT,
            pdf,
            cut(sse(&[piece("one two three")])),
            "0.00507",
        ),
    ]
}

fn completions() -> Vec<Bill> {
    const PATH: &str = "openai/v1/completions";
    let ask = |stream: bool| json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Count.".repeat(20), "max_tokens": 50, "stream": stream});
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110});
    let text = |text: &str, end: Value| {
        json!({"model": "gpt-3.5-turbo-instruct",
        "choices": [{"index": 0, "text": text, "finish_reason": end}]})
    };
    let mut last = json!({"model": "gpt-3.5-turbo-instruct", "choices": [], "usage": usage});
    let streamed = sse(&[
        text("one two three", Value::Null),
        text("", json!("stop")),
        last.clone(),
    ]);
    last["choices"] = text("one two three", json!("stop"))["choices"].clone();
    vec![
        // 40 + 4 tokens read at $1.50, and 5 written at $2, of the one that is cut.
        bill("completions", PATH, ask(false), whole(last), "0.00017"),
        bill(
            "completions, streamed",
            PATH,
            ask(true),
            streamed,
            "0.00017",
        ),
        bill(
            "completions, cut",
            PATH,
            ask(true),
            cut(sse(&[text("one two three", Value::Null)])),
            "0.000076",
        ),
        bill("completions, failed", PATH, ask(false), failed(), "0"),
    ]
}

fn responses() -> Vec<Bill> {
    const PATH: &str = "openai/v1/responses";
    let ask = |stream: bool| json!({"model": "gpt-5-mini", "input": "Count.", "max_output_tokens": 100, "stream": stream});
    let usage = json!({"input_tokens": 100, "output_tokens": 20, "total_tokens": 120});
    let said = |status: &str, output: Value, usage: Value| {
        json!({"id": "r", "object": "response", "model": "gpt-5-mini",
        "status": status, "error": null, "output": output, "usage": usage})
    };
    let text = json!([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]}]);
    let done = said("completed", text, usage.clone());
    let delta = json!({"type": "response.output_text.delta", "delta": "one two three"});
    let mut failure = said("failed", json!([]), Value::Null);
    failure["error"] = json!({"code": "server_error", "message": "No."});
    let code = json!([{"type": "code_interpreter_call", "container_id": "c1", "code": "1"},
        {"type": "code_interpreter_call", "container_id": "c1", "code": "2"}]);
    let mut tooled = ask(false);
    tooled["tools"] =
        json!([{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}]);
    let mut searching = ask(false);
    searching["tools"] = json!([{"type": "web_search"}]);
    searching["model"] = json!("gpt-5.3-codex");
    let searched = json!([{"type": "web_search_call", "action": {"type": "search", "query": "x"}}]);
    let compact = json!({"id": "r", "object": "response.compaction", "output": [], "usage": usage});
    vec![
        bill(
            "responses",
            PATH,
            ask(false),
            whole(done.clone()),
            "0.000065",
        ),
        bill(
            "responses, streamed",
            PATH,
            ask(true),
            sse(&[
                delta.clone(),
                json!({"type": "response.completed", "response": done}),
            ]),
            "0.000065",
        ),
        bill(
            "responses, cut",
            PATH,
            ask(true),
            cut(sse(&[delta])),
            "0.0000115",
        ),
        bill(
            "responses, failed in the stream",
            PATH,
            ask(true),
            sse(&[json!({"type": "response.failed", "response": failure})]),
            "0",
        ),
        bill("responses, failed", PATH, ask(false), failed(), "0"),
        // One container of 4 GB, whatever ran in it.
        bill(
            "responses, code interpreter",
            PATH,
            tooled,
            whole(said("completed", code, usage.clone())),
            "0.120065",
        ),
        bill(
            "responses, search of a model without a rate for it",
            PATH,
            searching,
            whole(said("completed", searched, usage)),
            "0.010455",
        ),
        bill(
            "compact",
            "openai/v1/responses/compact",
            json!({"model": "gpt-5-mini", "input": "Count."}),
            whole(compact),
            "0.000065",
        ),
        bill(
            "compact, failed",
            "openai/v1/responses/compact",
            json!({"model": "gpt-5-mini", "input": "Count."}),
            failed(),
            "0",
        ),
        bill(
            "input tokens",
            "openai/v1/responses/input_tokens",
            json!({"model": "gpt-5-mini", "input": "Count."}),
            whole(json!({"object": "response.input_tokens", "input_tokens": 11})),
            "0",
        ),
    ]
}

fn messages() -> Vec<Bill> {
    const PATH: &str = "anthropic/v1/messages";
    let ask = |more: Value| {
        let mut body = json!({"model": "claude-opus-4-6", "max_tokens": 100,
            "messages": [{"role": "user", "content": "Count.".repeat(400)}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let message = |model: &str, stop: &str, text: &str, usage: Value| {
        let content = match text {
            "" => json!([]),
            text => json!([{"type": "text", "text": text}]),
        };
        json!({"id": "m", "type": "message", "role": "assistant", "model": model, "content": content,
            "stop_reason": stop, "usage": usage})
    };
    let start = json!({"type": "message_start", "message": {"id": "m", "type": "message", "model": "claude-opus-4-6",
        "content": [], "usage": {"input_tokens": 1000, "output_tokens": 1}}});
    let text = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one two three"}});
    let end = |usage: Value| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    let stop = json!({"type": "message_stop"});
    let stream = json!({"stream": true});
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let fallbacks = json!({"fallbacks": [{"model": "claude-sonnet-4-5"}]});
    let turn = |kind: &str, model: &str, input: u64, output: u64| {
        json!({"type": kind, "model": model,
        "input_tokens": input, "output_tokens": output})
    };
    let switched = |declined: u64| {
        json!({"input_tokens": 1000, "output_tokens": 40, "iterations": [
        turn("message", "claude-opus-4-6", 1000, declined),
        turn("fallback_message", "claude-sonnet-4-5-20250929", 1000, 40)]})
    };
    let one = json!({"input_tokens": 1000, "output_tokens": 40});
    vec![
        bill(
            "messages",
            PATH,
            ask(json!({})),
            whole(message("claude-opus-4-6", "end_turn", "one", one.clone())),
            "0.006",
        ),
        bill(
            "messages, streamed with a later zero",
            PATH,
            ask(stream.clone()),
            sse(&[
                start.clone(),
                text.clone(),
                end(json!({"input_tokens": 0, "output_tokens": 40})),
                stop,
            ]),
            "0.006",
        ),
        bill(
            "messages, cut",
            PATH,
            ask(stream.clone()),
            cut(sse(&[start.clone(), text])),
            "0.005125",
        ),
        bill("messages, failed", PATH, ask(json!({})), failed(), "0"),
        bill(
            "messages, an error at once",
            PATH,
            ask(stream),
            sse(&[start, overloaded]),
            "0",
        ),
        bill(
            "messages, refused",
            PATH,
            ask(json!({})),
            whole(message(
                "claude-opus-4-6",
                "refusal",
                "",
                json!({"input_tokens": 1000, "output_tokens": 0}),
            )),
            "0",
        ),
        bill(
            "messages, refused after output",
            PATH,
            ask(json!({})),
            whole(message("claude-opus-4-6", "refusal", "one", one.clone())),
            "0.006",
        ),
        // Sonnet's $3 and $15 instead of Opus' $5 and $25.
        bill(
            "messages, a fallback answers",
            PATH,
            ask(fallbacks.clone()),
            whole(message(
                "claude-sonnet-4-5-20250929",
                "end_turn",
                "one",
                switched(0),
            )),
            "0.0036",
        ),
        bill(
            "messages, a fallback after output",
            PATH,
            ask(fallbacks.clone()),
            whole(message(
                "claude-sonnet-4-5-20250929",
                "end_turn",
                "one",
                switched(20),
            )),
            "0.0091",
        ),
        bill(
            "messages, a fallback without turns",
            PATH,
            ask(fallbacks),
            whole(message(
                "claude-sonnet-4-5-20250929",
                "end_turn",
                "one",
                one.clone(),
            )),
            "0.0036",
        ),
        bill(
            "messages, a workspace in the US",
            PATH,
            ask(json!({})),
            whole(message(
                "claude-opus-4-6",
                "end_turn",
                "one",
                json!({"input_tokens": 1000, "output_tokens": 40, "inference_geo": "us"}),
            )),
            "0.0066",
        ),
        bill(
            "messages, in the US",
            PATH,
            ask(json!({"inference_geo": "us"})),
            whole(message(
                "claude-opus-4-6",
                "end_turn",
                "one",
                json!({"input_tokens": 1000, "output_tokens": 40, "inference_geo": "us"}),
            )),
            "0.0066",
        ),
        bill(
            "count_tokens",
            "anthropic/v1/messages/count_tokens",
            ask(json!({})),
            whole(json!({"input_tokens": 11})),
            "0",
        ),
    ]
}

fn gemini() -> Vec<Bill> {
    const PATH: &str = "google-ai-studio/v1beta/models/gemini-3.5-flash:generateContent";
    const STREAM: &str =
        "google-ai-studio/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse";
    let ask = || {
        json!({"contents": [{"role": "user", "parts": [{"text": "Count."}]}],
        "generationConfig": {"maxOutputTokens": 5000}})
    };
    let said = |end: Value, usage: Value| {
        json!({"modelVersion": "gemini-3.5-flash", "usageMetadata": usage,
        "candidates": [{"content": {"role": "model", "parts": [{"text": "one two three"}]}, "finishReason": end}]})
    };
    let usage =
        json!({"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100});
    let cached = json!({"promptTokenCount": 24_643, "candidatesTokenCount": 3110, "cachedContentTokenCount": 24_503,
        "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 22_000}, {"modality": "TEXT", "tokenCount": 2643}]});
    let error = json!({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}});
    vec![
        bill(
            "generate",
            PATH,
            ask(),
            whole(said(json!("STOP"), usage.clone())),
            "0.0024",
        ),
        bill(
            "generate, streamed",
            STREAM,
            ask(),
            sse(&[said(json!("STOP"), usage.clone())]),
            "0.0024",
        ),
        bill(
            "generate, cut",
            STREAM,
            ask(),
            cut(sse(&[said(Value::Null, usage)])),
            "0.0024",
        ),
        bill("generate, failed", PATH, ask(), failed(), "0"),
        bill(
            "generate, stream of an error alone",
            STREAM,
            ask(),
            sse(&[error]),
            "0",
        ),
        bill(
            "generate, cached of unknown modality",
            PATH,
            ask(),
            whole(said(json!("STOP"), cached)),
            "0.03187545",
        ),
        bill(
            "embed",
            "google-ai-studio/v1beta/models/gemini-embedding-001:embedContent",
            json!({"content": {"parts": [{"text": "Count.".repeat(200)}]}}),
            whole(
                json!({"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 1000}}),
            ),
            "0.00015",
        ),
        bill(
            "countTokens",
            "google-ai-studio/v1beta/models/gemini-3.5-flash:countTokens",
            ask(),
            whole(json!({"totalTokens": 11})),
            "0",
        ),
    ]
}

fn others() -> Vec<Bill> {
    let rerank = || json!({"model": "rerank-v4.0", "query": "one", "documents": ["one", "two"]});
    let embed = || json!({"model": "text-embedding-3-small", "input": "Count.".repeat(200)});
    vec![
        bill(
            "embeddings",
            "openai/v1/embeddings",
            embed(),
            whole(json!({"data": [{"embedding": [0.5]}],
            "model": "text-embedding-3-small", "usage": {"prompt_tokens": 1000, "total_tokens": 1000}})),
            "0.00002",
        ),
        bill(
            "embeddings, failed",
            "openai/v1/embeddings",
            embed(),
            failed(),
            "0",
        ),
        bill(
            "moderations",
            "openai/v1/moderations",
            json!({"input": "Count."}),
            whole(json!({"model": "omni-moderation-latest", "results": []})),
            "0",
        ),
        bill(
            "rerank",
            "cohere/v2/rerank",
            rerank(),
            whole(json!({"results": [], "meta": {"billed_units": {"search_units": 1}}})),
            "0.002",
        ),
        bill(
            "rerank, failed",
            "cohere/v2/rerank",
            rerank(),
            failed(),
            "0",
        ),
        bill(
            "Cohere's chat",
            "cohere/v2/chat",
            json!({"model": "command-a", "max_tokens": 100,
            "messages": [{"role": "user", "content": "Count."}]}),
            whole(
                json!({"message": {"content": [{"type": "text", "text": "one"}]}, "finish_reason": "COMPLETE",
                "usage": {"billed_units": {"input_tokens": 100, "output_tokens": 10}}}),
            ),
            "0.00035",
        ),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let number = part
            .iter()
            .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        let number = number << (8 * (3 - part.len()));
        for place in (0..4).rev() {
            let letter = LETTERS[usize::try_from((number >> (6 * place)) & 63).unwrap()];
            text.push(if 3 - place > part.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}
