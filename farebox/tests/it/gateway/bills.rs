//! What every API costs, in dollars: an answer as its provider gives it, and what is taken for it. Prices are those of the
//! compiled-in list, and of a file of the operator's for what that doesn't have.

mod rows;
mod upstream;

use std::io::Write;

use serde_json::{Value, json};

use super::{Told, is_settled, nanos, runner, send, set, to};
use crate::app::{Engine, TestApp};
use rows::{Bill, Body};
use upstream::{Said, Upstream};

const SLUGS: [&str; 9] = [
    "openai",
    "anthropic",
    "google-ai-studio",
    "grok",
    "groq",
    "mistral",
    "openrouter",
    "cohere",
    "deepseek",
];

/// What no compiled-in list has.
const PRICES: &str = r#"{"source":"test","providers":{"cohere":{"models":[
    {"id":"rerank-v4.0","prices":[{"rates":{"rerank_search":"2"}}]}]}}}"#;

/// A gateway that sells the canned answers of one upstream.
struct Site {
    app: TestApp,
    upstream: Upstream,
    token: String,
    _prices: tempfile::NamedTempFile,
}

impl Site {
    async fn start(engine: Engine) -> Option<Self> {
        let upstream = Upstream::start().await;
        let mut prices = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        prices.write_all(PRICES.as_bytes()).unwrap();
        let each = |value: &str| SLUGS.map(|slug| format!("{slug}={value}")).join(",");
        let (keys, urls) = (each("key"), each(&upstream.url));
        let options = [
            ("FAREBOX_PROVIDERS__KEYS", keys.as_str()),
            ("FAREBOX_PROVIDERS__URLS", urls.as_str()),
            ("FAREBOX_PRICES__FILE", prices.path().to_str().unwrap()),
        ];
        let app = TestApp::start(engine, &options).await?;
        app.give(100_000).await;
        let token = runner(&app).await;
        Some(Self {
            app,
            upstream,
            token,
            _prices: prices,
        })
    }

    async fn ask(&self, path: &str, body: &Body) -> Told {
        let (kind, body) = body.encoded();
        let request = to(&self.app, path)
            .header("cf-aig-authorization", format!("Bearer {}", self.token))
            .header("content-type", kind)
            .body(body);
        send(request).await
    }

    /// The call, and what it took in billionths of a dollar.
    async fn cost(&self, bill: &Bill) -> (Told, i64) {
        let before = nanos(&self.app).await;
        self.upstream.says(bill.said.clone());
        let told = self.ask(bill.path, &bill.body).await;
        is_settled(&self.app).await;
        (told, before - nanos(&self.app).await)
    }
}

/// `0.00035` in billionths.
fn parsed(dollars: &str) -> i64 {
    let (whole, fraction) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{fraction:0<9}").parse().unwrap()
}

async fn every_api_is_charged_as_its_provider_bills_it(site: &Site) {
    let mut wrong = Vec::new();
    for bill in rows::all() {
        let asked = site.upstream.count();
        let (told, cost) = site.cost(&bill).await;
        if cost != parsed(bill.dollars) || site.upstream.count() != asked + 1 {
            let text: String = told.text.chars().take(300).collect();
            let what = bill.what;
            wrong.push(format!(
                "{what}: {cost} and not {}: {} {text}",
                bill.dollars, told.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What has no price is refused before its provider hears of it.
async fn what_has_no_price_is_refused_before(site: &Site) {
    let tools = json!([{"type": "code_interpreter", "container": {"type": "auto"}}]);
    for (path, body, status, code) in [
        (
            "deepseek/chat/completions",
            Body::Json(
                json!({"model": "deepseek-flash", "tools": [{"type": "web_search"}],
                "messages": [{"role": "user", "content": "One?"}]}),
            ),
            400,
            8101,
        ),
        (
            "groq/responses",
            Body::Json(json!({"model": "openai/gpt-oss-20b", "input": "One?", "tools": tools})),
            400,
            8101,
        ),
        (
            "openai/v1/audio/transcriptions",
            Body::recording("whisper-1", "text", b"no recording".to_vec()),
            400,
            2019,
        ),
        (
            "groq/audio/transcriptions",
            Body::recording("whisper-large-v3", "json", b"no recording".to_vec()),
            400,
            2019,
        ),
        (
            "openrouter/v1/chat/completions",
            Body::Json(
                json!({"model": "openai/gpt-4o", "models": ["nobody/nothing"],
                "messages": [{"role": "user", "content": "One?"}]}),
            ),
            400,
            8101,
        ),
        // Each of them would be looked up.
        (
            "openrouter/v1/chat/completions",
            Body::Json(
                json!({"model": "openai/gpt-4o", "models": vec!["openai/gpt-4o"; 17],
                "messages": [{"role": "user", "content": "One?"}]}),
            ),
            400,
            2019,
        ),
    ] {
        let told = site.ask(path, &body).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (status, code),
            "{path}: {}",
            told.text
        );
    }
    assert_eq!(site.upstream.count(), 0);
}

/// The hold of a call that may be answered by other models is that of the dearest.
async fn the_dearest_of_several_models_is_held(site: &Site) {
    let mut body = json!({"model": "claude-haiku-4-5", "max_tokens": 1000,
        "messages": [{"role": "user", "content": "One?"}]});
    let least = |told: &Told| {
        told.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    set(&site.app, json!({"clamp_max_tokens": false})).await;
    super::leave(&site.app, 10_000_000).await;
    // 1,000 tokens at $5 for a million are there, and at $25 not.
    site.upstream.says(Said {
        status: 529,
        headers: Vec::new(),
        body: b"{}".to_vec(),
        is_cut: false,
    });
    let told = site
        .ask("anthropic/v1/messages", &Body::Json(body.clone()))
        .await;
    assert_eq!(told.status.as_u16(), 529, "{}", told.text);
    body["fallbacks"] = json!([{"model": "claude-opus-4-6"}]);
    let told = site.ask("anthropic/v1/messages", &Body::Json(body)).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (402, 2021),
        "{}",
        least(&told)
    );
}

/// What a provider says of the operator's account is nothing to customers, unless the key is theirs.
async fn the_operators_account_is_nobody_elses_business(site: &Site) {
    let quota = json!({"error": {"type": "insufficient_quota", "code": "insufficient_quota",
        "message": "You exceeded your current quota: org-secret"}});
    let low = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "Your credit balance is too low: org-secret"}});
    let forbidden = json!({"error": {"message": "Country not supported: org-secret"}});
    let limited =
        json!({"error": {"code": "rate_limit_exceeded", "message": "Slow down: org-secret"}});
    let flagged = json!({"error": {"message": "Flagged by moderation: org-secret"}});
    let body =
        Body::Json(json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "One?"}]}));
    for (status, answer, is_hidden) in [
        (401, &forbidden, true),
        (402, &low, true),
        (403, &forbidden, true),
        (429, &quota, true),
        (400, &low, true),
        (403, &flagged, false),
        (429, &limited, false),
        (400, &limited, false),
    ] {
        let said = Said {
            status,
            headers: vec![("content-type", "application/json")],
            body: answer.to_string().into_bytes(),
            is_cut: false,
        };
        site.upstream.says(said.clone());
        let before = nanos(&site.app).await;
        let told = site.ask("openai/v1/chat/completions", &body).await;
        let expected = if is_hidden { 502 } else { status };
        assert_eq!(told.status.as_u16(), expected, "{answer}");
        assert_eq!(
            told.text.contains("org-secret"),
            !is_hidden,
            "{}",
            told.text
        );
        if is_hidden {
            assert_eq!(told.code(), 2005);
            let log = super::log(&site.app, &told).await.call;
            assert!(!log.error.unwrap().contains("org-secret"));
        }
        assert_eq!(nanos(&site.app).await, before);

        // With a key of their own, callers read their provider's own words.
        site.upstream.says(said);
        let request = to(&site.app, "openai/v1/chat/completions")
            .header("cf-aig-authorization", format!("Bearer {}", site.token))
            .bearer_auth("sk-mine");
        let (_, encoded) = body.encoded();
        let told = send(request.body(encoded)).await;
        assert_eq!(told.status.as_u16(), status);
        assert!(told.text.contains("org-secret"));
    }
}

/// An error inside of a 200 is no success to its log.
async fn an_error_in_a_200_is_logged_as_one(site: &Site) {
    let bill = rows::all()
        .into_iter()
        .find(|bill| bill.what == "chat, stream of an error alone");
    let (told, cost) = site.cost(&bill.unwrap()).await;
    let log = super::log(&site.app, &told).await.call;
    assert_eq!((told.status.as_u16(), cost, log.success), (200, 0, false));
    assert!(log.error.unwrap().contains("server_error"));
}

/// A call without arguments has an empty object for clients of chat completions.
async fn a_tool_call_without_arguments_is_an_empty_object(site: &Site) {
    let said = rows::sse(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
            "model": "claude-haiku-4-5", "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": ""}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]);
    site.upstream.says(said);
    let body = json!({"model": "anthropic/claude-haiku-4-5", "stream": true,
        "messages": [{"role": "user", "content": "When?"}],
        "tools": [{"type": "function", "function": {"name": "now"}}]});
    let told = site.ask("compat/chat/completions", &Body::Json(body)).await;
    let events = told
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let chunks = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let arguments: String = chunks
        .filter_map(|chunk| {
            let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
            call["function"]["arguments"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(arguments, "{}", "{}", told.text);
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                if let Some(site) = super::Site::start(super::Engine::Sqlite).await {
                    super::$name(&site).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(site) = super::Site::start(super::Engine::Postgres).await {
                    super::$name(&site).await;
                }
            }
        })+
    };
}

on_both![
    every_api_is_charged_as_its_provider_bills_it,
    what_has_no_price_is_refused_before,
    the_dearest_of_several_models_is_held,
    the_operators_account_is_nobody_elses_business,
    an_error_in_a_200_is_logged_as_one,
    a_tool_call_without_arguments_is_an_empty_object,
];
