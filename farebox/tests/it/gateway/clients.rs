//! What clients send and servers answer beyond the plain case: compressed requests, lists of models, escaped names,
//! and streams that end in unusual ways.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Told, asks, log, nanos, runner, send, set, to};
use crate::app::{Engine, TestApp, http_client};

const CHAT: &str = "openai/v1/chat/completions";
const GIVEN: i64 = 1_000_000_000;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest)
}

async fn encoded(app: &TestApp, token: &str, coding: &str, body: Vec<u8>) -> Told {
    let request = to(app, CHAT).bearer_auth(token).body(body);
    let request = request.header("content-type", "application/json");
    send(request.header("content-encoding", coding)).await
}

async fn a_compressed_request_is_read(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let body = serde_json::to_vec(&asks("one two")).unwrap();
    for (coding, bytes) in [
        ("gzip", gzip(&body)),
        ("deflate", zlib(&body)),
        ("zstd", zstd(&body)),
    ] {
        let told = encoded(app, &token, coding, bytes).await;
        assert_eq!(told.status, 200, "{coding}: {}", told.text);
        let sent = app.provider.requests().pop().unwrap();
        assert!(!sent.headers.contains_key("content-encoding"), "{coding}");
        assert_eq!(sent.body["messages"][0]["content"], "one two");
        assert_eq!(
            log(app, &told).await.call.request_size,
            i64::try_from(body.len()).unwrap()
        );
    }
    // What is decoded has the limit, and not only what arrives.
    let bomb = serde_json::to_vec(&asks(&"a".repeat(100_000))).unwrap();
    for (coding, bytes) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb))] {
        assert!(bytes.len() < 4096, "{coding}: {}", bytes.len());
        let told = encoded(app, &token, coding, bytes).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (413, 8108),
            "{}",
            told.text
        );
        assert!(told.text.contains("4096 bytes"), "{}", told.text);
    }
    for coding in ["br", "gzip, zstd", "compress"] {
        let told = encoded(app, &token, coding, body.clone()).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (415, 8130),
            "{}",
            told.text
        );
        assert!(told.text.contains("Content-Encoding"), "{}", told.text);
        assert_eq!(told.header("accept-encoding"), "gzip, deflate, zstd");
    }
    let told = encoded(app, &token, "gzip", body).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (400, 2019),
        "{}",
        told.text
    );
}

async fn get(app: &TestApp, token: &str, path: &str) -> Told {
    let url = format!("{}{path}", app.url);
    send(http_client().get(url).bearer_auth(token)).await
}

fn by_id<'a>(list: &'a Value, id: &str) -> &'a Value {
    let mut models = list["data"].as_array().unwrap().iter();
    models
        .find(|model| model["id"] == id)
        .unwrap_or_else(|| panic!("no {id}"))
}

async fn a_list_has_what_can_be_called_in_the_clients_format(app: &TestApp) {
    let token = runner(app).await;
    let gateway = format!("/v1/{}/default", app.account);
    let rest = format!("/client/v4/accounts/{}/ai/v1", app.account);
    for (path, id) in [
        (format!("{gateway}/openai/v1/models"), "gpt-4o"),
        (format!("{gateway}/openai/models"), "gpt-4o"),
        (format!("{gateway}/compat/models"), "openai/gpt-4o"),
        (format!("{rest}/models"), "openai/gpt-4o"),
    ] {
        let told = get(app, &token, &path).await;
        assert_eq!(
            (told.status.as_u16(), &told.json()["object"]),
            (200, &json!("list")),
            "{}",
            told.text
        );
        let list = told.json();
        let model = by_id(&list, id);
        assert_eq!(
            model["prices"]["input"],
            json!({"price": 2.5, "per": "million"}),
            "{path}"
        );
        assert_eq!(
            (&model["currency"], &model["max_output_tokens"]),
            (&json!("usd"), &json!(16_384))
        );
        // Nobody here has a key for it.
        assert!(!told.text.contains("cerebras/"), "{path}");
        let escaped = id.replace('/', "%2F");
        for id in [id, &escaped] {
            let one = get(app, &token, &format!("{path}/{id}")).await;
            assert_eq!(&one.json(), model, "{path}/{id}");
        }
        let none = get(app, &token, &format!("{path}/unheard-of")).await;
        assert_eq!(
            (none.status.as_u16(), none.code()),
            (404, 7003),
            "{}",
            none.text
        );
        assert!(
            none.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains("unheard-of")
        );
        assert!(!none.header("cf-aig-request-id").is_empty());
    }
    // Without a token there is no list.
    let told = send(http_client().get(format!("{}{gateway}/openai/v1/models", app.url))).await;
    assert_eq!((told.status.as_u16(), told.code()), (401, 2009));
    assert!(app.provider.requests().is_empty(), "nobody was asked");
}

async fn a_list_has_pages_as_its_format_has_them(app: &TestApp) {
    let token = runner(app).await;
    let anthropics = format!("/v1/{}/default/anthropic/v1/models", app.account);
    let all = get(app, &token, &format!("{anthropics}?limit=1000"))
        .await
        .json();
    let all = all["data"].as_array().unwrap();
    assert_eq!((&all[0]["type"], all.len() > 4), (&json!("model"), true));
    let page = get(app, &token, &format!("{anthropics}?limit=2"))
        .await
        .json();
    assert_eq!(
        (&page["data"][1], &page["has_more"]),
        (&all[1], &json!(true))
    );
    let last = page["last_id"].as_str().unwrap();
    let next = get(
        app,
        &token,
        &format!("{anthropics}?limit=2&after_id={last}"),
    )
    .await
    .json();
    assert_eq!(next["data"][0], all[2]);
    let first = next["first_id"].as_str().unwrap();
    let back = get(
        app,
        &token,
        &format!("{anthropics}?limit=1&before_id={first}"),
    )
    .await
    .json();
    assert_eq!(
        (&back["data"][0], &back["has_more"]),
        (&all[1], &json!(true))
    );
    let wrong = get(app, &token, &format!("{anthropics}?limit=0")).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, 2019));
    assert_eq!(wrong.json()["type"], "error");

    let geminis = format!("/v1/{}/default/google-ai-studio/v1beta/models", app.account);
    let all = get(app, &token, &format!("{geminis}?pageSize=1000"))
        .await
        .json();
    assert!(all["nextPageToken"].is_null());
    let (mut seen, mut page) = (Vec::new(), String::new());
    loop {
        let told = get(
            app,
            &token,
            &format!("{geminis}?pageSize=7&pageToken={page}"),
        )
        .await
        .json();
        seen.extend(told["models"].as_array().unwrap().clone());
        match told["nextPageToken"].as_str() {
            Some(next) => page = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(json!(seen), all["models"]);
    let one = get(app, &token, &format!("{geminis}/gemini-2.5-flash"))
        .await
        .json();
    assert_eq!(
        (&one["name"], &one["outputTokenLimit"]),
        (&json!("models/gemini-2.5-flash"), &json!(65_536))
    );
}

async fn a_list_is_the_accounts_own(app: &TestApp) {
    let token = runner(app).await;
    let markup = farebox::store::markups::Markup {
        account: Some(app.account),
        scope: "openai/gpt-4o".to_owned(),
        percent: "20".to_owned(),
        updated_at: app.app.now(),
    };
    farebox::store::markups::set(&app.app.store.db, &markup)
        .await
        .unwrap();
    let path = format!("/v1/{}/default/compat/models", app.account);
    let list = get(app, &token, &path).await.json();
    assert_eq!(
        by_id(&list, "openai/gpt-4o")["prices"]["output"]["price"],
        12
    );
    assert_eq!(
        by_id(&list, "openai/gpt-4o-mini")["prices"]["output"]["price"],
        0.6
    );
    // Anthropic's SDK can call Anthropic's models here.
    let url = format!(
        "{}/client/v4/accounts/{}/ai/v1/models",
        app.url, app.account
    );
    let request = http_client()
        .get(url)
        .header("anthropic-version", "2023-06-01");
    let list = send(request.header("x-api-key", &token)).await.json();
    let ids: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| &model["id"])
        .collect();
    assert!(
        ids.iter()
            .all(|id| id.as_str().unwrap().starts_with("anthropic/")),
        "{ids:?}"
    );
    assert_eq!((ids.len(), &list["has_more"]), (20, &json!(true)));
    // With keys of its own alone there is nothing that credit pays for.
    set(app, json!({ "byok_only": true })).await;
    assert_eq!(get(app, &token, &path).await.json()["data"], json!([]));
    let native = format!("/v1/{}/default/openai/v1/models", app.account);
    let told = get(app, &token, &native).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (400, 8102),
        "{}",
        told.text
    );
}

/// With a key of one's own the list is the provider's.
async fn with_its_own_key_a_caller_sees_the_providers_list(app: &TestApp) {
    let token = runner(app).await;
    let url = format!("{}/v1/{}/default/openai/v1/models", app.url, app.account);
    let request = http_client()
        .get(url)
        .header("cf-aig-authorization", &token);
    let told = send(request.bearer_auth("sk-operator-openai")).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(app.provider.requests().len(), 1);
    assert!(!told.text.contains("prices"));
}

/// `client.ai.run` of cloudflare 5.9.0 escapes the slashes of a model's name.
async fn a_model_may_stand_in_the_path_of_run(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let run = async |model: &str, body: Value| {
        let url = format!(
            "{}/client/v4/accounts/{}/ai/run/{model}",
            app.url, app.account
        );
        send(http_client().post(url).bearer_auth(&token).json(&body)).await
    };
    let body = json!({"messages": [{"role": "user", "content": "one two"}]});
    for model in ["openai%2Fgpt-4o", "openai/gpt-4o"] {
        let before = nanos(app).await;
        let told = run(model, body.clone()).await;
        assert_eq!(told.status, 200, "{model}: {}", told.text);
        assert_eq!(told.json()["success"], true);
        assert!(told.json()["result"]["choices"].is_array(), "{}", told.text);
        assert_eq!(before - nanos(app).await, 2 * 2500 + 5 * 10_000);
    }
    let told = run(
        "google%2Fgemini-2.5-flash",
        json!({"contents": [{"parts": [{"text": "one"}]}]}),
    )
    .await;
    assert!(
        told.json()["result"]["candidates"].is_array(),
        "{}",
        told.text
    );
    let told = run("@cf%2Fmeta%2Fllama-3.1-8b-instruct", body).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (400, 2008),
        "{}",
        told.text
    );
    assert!(told.json()["error"].is_array());
}

/// google-genai 3.6.1 raises on any comment, so that what a stream cost is in its trailers and in its log.
async fn geminis_stream_has_no_comments(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let path = "google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    let body = json!({"contents": [{"parts": [{"text": "one two"}]}]});
    let request = to(app, path).header("x-goog-api-key", &token).json(&body);
    let told = send(request.header("cf-aig-stream-cost", "comment")).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let events: Vec<_> = told.text.lines().filter(|line| !line.is_empty()).collect();
    assert!(
        events.iter().all(|line| line.starts_with("data: ")),
        "{}",
        told.text
    );
    let kept = log(app, &told).await;
    assert_eq!(kept.call.cost.unwrap().nanos(), GIVEN - nanos(app).await);
    // In OpenAI's format the same model's stream has them.
    let body = json!({"model": "google-ai-studio/gemini-2.5-flash", "stream": true,
        "messages": [{"role": "user", "content": "one two"}]});
    let request = to(app, "compat/chat/completions")
        .bearer_auth(&token)
        .json(&body);
    let told = send(request.header("cf-aig-stream-cost", "comment")).await;
    assert!(told.text.contains(": cf-aig-cost="), "{}", told.text);
}

/// anthropic 2.14.0 sends a token of `auth_token` as `Authorization`, and the newest version.
async fn anthropics_newest_headers_reach_it(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": "one two"}]});
    let request = to(app, "anthropic/v1/messages").bearer_auth(&token);
    let told = send(
        request
            .header("anthropic-version", "2026-10-21")
            .json(&body),
    )
    .await;
    assert_eq!(told.status, 200, "{}", told.text);
    let sent = app.provider.requests().pop().unwrap();
    assert_eq!(sent.headers["anthropic-version"], "2026-10-21");
    assert!(
        !sent.headers.contains_key("authorization"),
        "{:?}",
        sent.headers
    );
    assert_eq!(nanos(app).await, GIVEN - (2 * 3000 + 5 * 15_000));
}

crate::on_both_engines![
    a_compressed_request_is_read with [("FAREBOX_GATEWAY__BODY_LIMIT_BYTES", "4096")],
    a_list_has_what_can_be_called_in_the_clients_format,
    a_list_has_pages_as_its_format_has_them,
    a_list_is_the_accounts_own,
    with_its_own_key_a_caller_sees_the_providers_list,
    a_model_may_stand_in_the_path_of_run,
    geminis_stream_has_no_comments,
    anthropics_newest_headers_reach_it,
];

/// A model server that gives every request this answer.
async fn server(content_type: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n{body}"
    );
    #[expect(clippy::disallowed_methods)]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut read, mut piece) = (Vec::new(), [0; 4096]);
            while !read.ends_with(b"}") {
                let count = stream.read(&mut piece).await.unwrap();
                read.extend_from_slice(&piece[..count]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

/// One call of a path at a provider that answers so: what the client reads, and what was charged in nano-dollars.
async fn answered(provider: &str, path: &str, body: Value, answer: (&str, &str)) -> (Told, i64) {
    let urls = format!("{provider}={}", server(answer.0, answer.1).await);
    let keys = format!("{provider}=sk-operator");
    let options = [
        ("FAREBOX_PROVIDERS__URLS", urls.as_str()),
        ("FAREBOX_PROVIDERS__KEYS", keys.as_str()),
    ];
    let app = TestApp::start(Engine::Sqlite, &options).await.unwrap();
    app.give(100).await;
    let token = runner(&app).await;
    let told = send(to(&app, path).bearer_auth(&token).json(&body)).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let charged = GIVEN - nanos(&app).await;
    (told, charged)
}

fn streaming() -> Value {
    json!({"model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "one two"}]})
}

fn chunk(content: &str) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]});
    format!("data: {chunk}\n\n")
}

fn usage(usage: &Value) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
        "choices": [], "usage": usage});
    format!("data: {chunk}\n\n")
}

/// The AI SDK 7 reads on after `[DONE]`, and so what a server writes there reaches it and counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_done_is_passed_on_and_counts() {
    let reported = usage(&json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}));
    let body = format!("{}data: [DONE]\n\n{}{reported}", chunk("a"), chunk("b"));
    let (told, charged) = answered("openai", CHAT, streaming(), ("text/event-stream", &body)).await;
    assert_eq!(told.text, body);
    assert_eq!(charged, 7 * 2500 + 3 * 10_000);
}

/// `transformers serve` 5.23.0 ends its stream without `[DONE]`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_done_is_whole() {
    let reported = usage(&json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}));
    let body = format!("{}{reported}", chunk("a"));
    let (told, charged) = answered("openai", CHAT, streaming(), ("text/event-stream", &body)).await;
    assert_eq!(told.text, body);
    assert_eq!(charged, 7 * 2500 + 3 * 10_000);
}

/// vLLM 0.32.0 reports the tokens that it has put into its cache beside those that it has read from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vllms_cached_tokens_are_no_more_tokens() {
    let details = json!({"cached_tokens": 32, "created_cache_tokens": 16, "cache_write_tokens": 0});
    let reported = usage(
        &json!({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60,
        "prompt_tokens_details": details}),
    );
    let body = format!("{}{reported}data: [DONE]\n\n", chunk("a"));
    let (_, charged) = answered("openai", CHAT, streaming(), ("text/event-stream", &body)).await;
    assert_eq!(charged, 18 * 2500 + 32 * 1250 + 10 * 10_000);
}

/// google-genai 3.6.1 calls `/v1/…` if it is told to, where Google has the same API.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn geminis_stable_version_is_metered() {
    let answer = json!({"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}});
    let path = "google-ai-studio/v1/models/gemini-2.5-flash:generateContent";
    let body = json!({"contents": [{"parts": [{"text": "one"}]}]});
    let answer = ("application/json", answer.to_string());
    let (_, charged) = answered("google-ai-studio", path, body, (answer.0, &answer.1)).await;
    assert_eq!(charged, 7 * 300 + 3 * 2500);
}
