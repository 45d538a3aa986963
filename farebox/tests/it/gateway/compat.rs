//! `/v1/{account_id}/{gateway_id}/compat/…`: OpenAI's format to every provider. What a call costs is what the same
//! call costs in its provider's own form, and is worked out by hand.

use farebox::store::logs::KeySource;
use reqwest::Method;
use serde_json::{Value, json};

use super::keys::{manage, number, shown};
use super::{Told, log, nanos, runner, send, set, to};
use crate::app::TestApp;

pub const CHAT: &str = "compat/chat/completions";
const GIVEN: i64 = 1_000_000_000;

/// A model of each of the APIs: its name, its provider, its path there, and billionths of a dollar for a token
/// that is read and one that is written.
struct Model {
    name: &'static str,
    provider: &'static str,
    path: &'static str,
    read: i64,
    written: i64,
}

const GPT: Model = Model {
    name: "openai/gpt-4o",
    provider: "openai",
    path: "v1/chat/completions",
    read: 2500,
    written: 10_000,
};
const CLAUDE: Model = Model {
    name: "anthropic/claude-sonnet-4-5",
    provider: "anthropic",
    path: "v1/messages",
    read: 3000,
    written: 15_000,
};
const GEMINI: Model = Model {
    name: "google-ai-studio/gemini-2.5-flash",
    provider: "google-ai-studio",
    path: "v1beta/models/gemini-2.5-flash:generateContent",
    read: 300,
    written: 2500,
};
const MODELS: [Model; 3] = [GPT, CLAUDE, GEMINI];

pub fn says(model: &str, words: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": words}]})
}

fn with(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn ask(app: &TestApp, token: &str, body: &Value) -> Told {
    send(to(app, CHAT).bearer_auth(token).json(body)).await
}

/// What a call takes.
async fn cost(app: &TestApp, told: impl Future<Output = Told>) -> (Told, i64) {
    let before = nanos(app).await;
    let told = told.await;
    (told, before - nanos(app).await)
}

/// The chunks of a stream, after a look at its end.
#[track_caller]
pub fn chunks(told: &Told) -> Vec<Value> {
    let events = told.text.split("\n\n").filter(|event| !event.is_empty());
    let data = events.map(|event| event.strip_prefix("data: ").expect("an event"));
    let mut data: Vec<_> = data.collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{}", told.text);
    data.iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// What the chunks say together.
pub fn said(chunks: &[Value]) -> String {
    let texts = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    texts.collect()
}

async fn every_provider_answers_in_openais_format(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    app.provider.watch_for(vec![token.clone()]);
    for model in MODELS {
        let body = says(model.name, "one two three");
        let (told, took) = cost(app, ask(app, &token, &body)).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let answer = told.json();
        assert_eq!(answer["object"], "chat.completion", "{answer}");
        let choice = &answer["choices"][0];
        assert_eq!(choice["message"]["content"], "The prompt has 3 words.");
        assert_eq!(choice["finish_reason"], "stop");
        let usage = &answer["usage"];
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&json!(3), &json!(5))
        );
        assert_eq!(took, 3 * model.read + 5 * model.written, "{}", model.name);
        let kept = log(app, &told).await.call;
        let name = model.name.split_once('/').unwrap().1;
        assert_eq!(
            (&*kept.provider, &*kept.model, &*kept.path),
            (model.provider, name, model.path)
        );
        assert!(kept.compatibility && kept.success);
        let sent = app.provider.requests().pop().unwrap();
        assert_eq!(sent.path, format!("/{}", model.path));
        assert!(sent.watched.is_empty(), "{sent:?}");
        assert_eq!(
            told.header("content-length"),
            told.text.len().to_string(),
            "{:?}",
            told.headers
        );
    }
}

async fn and_streams_it(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in MODELS {
        let body = with(says(model.name, "one two"), json!({"stream": true}));
        let (told, took) = cost(app, ask(app, &token, &body)).await;
        assert!(
            told.header("content-type").starts_with("text/event-stream"),
            "{:?}",
            told.headers
        );
        let plain = chunks(&told);
        assert_eq!(said(&plain), "The prompt has 2 words.");
        assert_eq!(plain[0]["object"], "chat.completion.chunk");
        let last = plain.last().unwrap();
        assert_eq!(last["choices"][0]["finish_reason"], "stop");
        assert!(!told.text.contains("prompt_tokens"), "{}", told.text);
        assert_eq!(took, 2 * model.read + 5 * model.written, "{}", model.name);

        let options = json!({"stream_options": {"include_usage": true}});
        let (told, again) = cost(app, ask(app, &token, &with(body, options))).await;
        let chunks = chunks(&told);
        let usage = &chunks.last().unwrap()["usage"];
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&json!(2), &json!(5))
        );
        assert_eq!(again, took);
    }
}

fn with_a_tool(model: &str) -> Value {
    let function = json!({"name": "weather", "description": "Tells it", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}});
    json!({"model": model, "tools": [{"type": "function", "function": function}], "messages": [
        {"role": "system", "content": "You are brief"},
        {"role": "user", "content": "What is the weather?"}]})
}

async fn tools_and_system_prompts_are_translated_both_ways(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in MODELS {
        let body = with_a_tool(model.name);
        let (told, took) = cost(app, ask(app, &token, &body)).await;
        let choice = told.json()["choices"][0].clone();
        assert_eq!(choice["finish_reason"], "tool_calls", "{}", told.text);
        let call = &choice["message"]["tool_calls"][0];
        assert_eq!(call["function"]["name"], "weather");
        let arguments = call["function"]["arguments"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert_eq!(arguments, json!({"city": "text"}));
        // 3 words of the system's, 4 of the prompt, and a tool of 3; its call is 2.
        assert_eq!(took, 10 * model.read + 2 * model.written, "{}", model.name);
        natively(app, &token, &model, took).await;

        let mut next = with_a_tool(model.name);
        let messages = next["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "It rains"}));
        let (told, took) = cost(app, ask(app, &token, &next)).await;
        assert_eq!(told.status, 200, "{}", told.text);
        natively(app, &token, &model, took).await;

        let (told, streamed) =
            cost(app, ask(app, &token, &with(body, json!({"stream": true})))).await;
        let called: String = chunks(&told)
            .iter()
            .filter_map(|chunk| {
                let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
                call["function"]["arguments"].as_str().map(str::to_owned)
            })
            .collect();
        let called: Value = serde_json::from_str(&called).unwrap();
        assert_eq!(called, json!({"city": "text"}));
        assert_eq!(streamed, 10 * model.read + 2 * model.written);
    }
}

/// What the provider was sent last, sent in its own form, takes as much.
async fn natively(app: &TestApp, token: &str, model: &Model, took: i64) {
    let sent = app.provider.requests().pop().unwrap();
    let path = format!("{}/{}", model.provider, model.path);
    let request = to(app, &path).header("cf-aig-authorization", format!("Bearer {token}"));
    let request = request.header("anthropic-version", "2023-06-01");
    let (told, natively) = cost(app, send(request.json(&sent.body))).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(natively, took, "{}", model.name);
}

async fn the_aliases_of_providers_and_others_like_openai(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for (model, provider, path) in [
        ("google/gemini-2.5-flash", "google-ai-studio", GEMINI.path),
        ("xai/grok-3", "grok", "v1/chat/completions"),
        ("groq/llama-3.1-8b-instant", "groq", "chat/completions"),
        ("deepseek/deepseek-v4-flash", "deepseek", "chat/completions"),
        (
            "mistral/mistral-small-latest",
            "mistral",
            "v1/chat/completions",
        ),
    ] {
        let (told, took) = cost(app, ask(app, &token, &says(model, "one"))).await;
        assert_eq!(told.status, 200, "{model} {}", told.text);
        assert_eq!(told.json()["object"], "chat.completion", "{}", told.text);
        assert!(took > 0, "{model}");
        let kept = log(app, &told).await.call;
        assert_eq!((&*kept.provider, &*kept.path), (provider, path));
        assert_eq!(Some(&*kept.model), model.split('/').nth(1));
    }
}

async fn what_is_there_is_spent_and_the_answer_cut_to_it(app: &TestApp) {
    let token = runner(app).await;
    for (model, at) in [
        (CLAUDE, "/max_tokens"),
        (GEMINI, "/generationConfig/maxOutputTokens"),
        (GPT, "/max_completion_tokens"),
    ] {
        spend_all(app).await;
        let body = says(model.name, "one [sandbox words=9000]");
        let told = ask(app, &token, &body).await;
        assert_eq!((told.status.as_u16(), told.code()), (402, 2021));
        assert!(told.json()["message"].as_str().unwrap().contains("Top up"));
        app.give(1).await;
        let told = ask(app, &token, &body).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let clamped: i64 = told.header("cf-aig-max-tokens-clamped").parse().unwrap();
        let sent = app.provider.requests().pop().unwrap().body;
        assert_eq!(sent.pointer(at), Some(&json!(clamped)), "{sent}");
        let answer = told.json();
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], clamped);
        let left = nanos(app).await;
        let read = answer["usage"]["prompt_tokens"].as_i64().unwrap();
        assert_eq!(
            left,
            10_000_000 - read * model.read - clamped * model.written
        );
    }
}

async fn spend_all(app: &TestApp) {
    use ledger::{Account, Amount, Code, Operation};
    let left = nanos(app).await;
    if left == 0 {
        return;
    }
    let operation = Operation::Transfer {
        id: farebox::ids::transfer_for("spent", &farebox::ids::opaque()),
        debit: Account::Customer(app.account),
        credit: Account::Revenue,
        amount: Amount::from_nanos(left),
        code: Code::Usage,
        reference: "before".to_owned(),
    };
    app.app.store.committer.commit_one(operation).await.unwrap();
}

/// It would refuse what OpenAI's SDK sends, and tells its usage by itself.
async fn who_speaks_an_older_state_of_the_format_is_spoken_to_in_it(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let newer = json!({"stream": true, "stream_options": {"include_usage": true},
        "max_completion_tokens": 20});
    let body = with(says("mistral/mistral-small-latest", "one"), newer);
    let told = ask(app, &token, &body).await;
    assert!(told.text.contains("prompt_tokens"), "{}", told.text);
    let sent = app.provider.requests().pop().unwrap().body;
    assert_eq!(sent["max_tokens"], 20);
    assert_eq!(sent["model"], "mistral-small-latest");
    assert!(sent.get("stream_options").is_none() && sent.get("max_completion_tokens").is_none());
}

/// The limit of a request that has none is what the model can write, or as much as every model can.
async fn a_limit_of_the_clients_is_the_providers(app: &TestApp) {
    app.give(1000).await;
    let token = runner(app).await;
    for (limit, sent) in [(json!({}), 4096), (json!({"max_tokens": 7}), 7)] {
        let body = with(says(CLAUDE.name, "one"), limit);
        assert_eq!(ask(app, &token, &body).await.status, 200);
        let last = app.provider.requests().pop().unwrap();
        assert_eq!(last.body["max_tokens"], sent);
    }
}

async fn whoever_leaves_pays_for_what_was_written(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in MODELS {
        let before = nanos(app).await;
        let words = "one [sandbox words=30 between_ms=5]";
        let body = with(says(model.name, words), json!({"stream": true}));
        let request = to(app, CHAT).bearer_auth(&token).json(&body);
        let mut answer = request.send().await.unwrap();
        answer.chunk().await.unwrap().unwrap();
        drop(answer);
        app.until(async || nanos(app).await < before).await;
        let took = before - nanos(app).await;
        assert!(took >= 30 * model.written, "{} {took}", model.name);
        assert_eq!((took - 30 * model.written) % model.read, 0);
    }
    assert_eq!(app.provider.counts().finished, 3);
}

/// However the events are cut, written and spaced.
async fn a_stream_is_the_same_in_any_pieces(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in [CLAUDE, GEMINI] {
        for how in [
            "crlf=true",
            "comments=true",
            "piece_bytes=7",
            "words_per_event=3",
        ] {
            let words = format!("one two [sandbox text=\"ünï-çødé\" {how}]");
            let body = with(says(model.name, &words), json!({"stream": true}));
            let (told, took) = cost(app, ask(app, &token, &body)).await;
            assert_eq!(said(&chunks(&told)), "ünï-çødé", "{how} {}", told.text);
            assert!(!told.text.contains("prompt_tokens"), "{how} {}", told.text);
            let sent = app.provider.requests().pop().unwrap();
            assert_eq!(sent.status, Some(200));
            let read = i64::try_from(words.split_whitespace().count()).unwrap();
            let written = took - read * model.read;
            assert_eq!(written % model.written, 0, "{how} {}", model.name);
        }
    }
}

async fn an_error_in_a_stream_ends_it(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in [CLAUDE, GEMINI] {
        let words = "one [sandbox words=40 error_after=10]";
        let body = with(says(model.name, words), json!({"stream": true}));
        let (told, took) = cost(app, ask(app, &token, &body)).await;
        let chunks = chunks(&told);
        let error = &chunks.last().unwrap()["error"];
        assert!(error["message"].is_string(), "{}", told.text);
        assert!(
            said(&chunks).split_whitespace().count() > 3,
            "{}",
            told.text
        );
        assert!(took > 0, "{}", model.name);
    }
}

async fn cached_tokens_are_told_and_charged_as_natively(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in MODELS {
        let words = format!("{}[sandbox cached_tokens=100]", "word ".repeat(200));
        let body = says(model.name, &words);
        let (told, took) = cost(app, ask(app, &token, &body)).await;
        let usage = &told.json()["usage"];
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 100);
        let read = usage["prompt_tokens"].as_i64().unwrap();
        assert!(read > 200, "{usage}");
        let written = usage["completion_tokens"].as_i64().unwrap() * model.written;
        assert!(took < read * model.read + written, "{}", model.name);
        natively(app, &token, &model, took).await;
    }
}

/// The same request in its provider's own form is another one: its answer is.
async fn a_kept_answer_is_told_in_openais_format(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    for model in MODELS {
        let body = says(model.name, "one");
        let first = ask(app, &token, &body).await;
        assert_eq!(first.header("cf-aig-cache-status"), "MISS");
        let (again, took) = cost(app, ask(app, &token, &body)).await;
        assert_eq!(again.header("cf-aig-cache-status"), "HIT");
        assert_eq!((&again.text, took), (&first.text, 0));
        assert_eq!(again.json()["object"], "chat.completion");
        let kept = log(app, &again).await.call;
        assert!(kept.cached && kept.compatibility);
        let took = model.read + 5 * model.written;
        natively(app, &token, &model, took).await;
    }
}

/// What nobody has asked for can't be read, and so not be translated; it is paid for all the same.
async fn what_cant_be_told_is_an_error_and_charged(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in [CLAUDE, GEMINI] {
        for stream in [false, true] {
            let words = "one [sandbox gzip=\"always\"]";
            let body = with(says(model.name, words), json!({ "stream": stream }));
            let (told, took) = cost(app, ask(app, &token, &body)).await;
            assert_eq!((told.status.as_u16(), told.code()), (502, 2002));
            assert!(took > 0, "{}", model.name);
            assert!(log(app, &told).await.call.cost.is_some());
        }
    }
}

async fn a_stream_that_breaks_off_has_no_end(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in MODELS {
        let before = nanos(app).await;
        let words = "one [sandbox words=40 disconnect_after=20]";
        let body = with(says(model.name, words), json!({"stream": true}));
        let told = ask(app, &token, &body).await;
        assert!(told.text.starts_with("broken off"), "{}", told.text);
        app.until(async || nanos(app).await < before).await;
    }
}

async fn a_providers_error_is_told_in_openais_words_and_costs_nothing(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for model in MODELS {
        for status in [400, 404, 429, 500, 503] {
            for stream in [false, true] {
                let words = format!("one [sandbox status={status}]");
                let body = with(says(model.name, &words), json!({ "stream": stream }));
                let told = ask(app, &token, &body).await;
                assert_eq!(told.status.as_u16(), status, "{}", told.text);
                let error = &told.json()["error"];
                assert!(
                    error["message"].is_string() && error.get("param").is_some(),
                    "{}",
                    told.text
                );
            }
        }
    }
    assert_eq!(nanos(app).await, GIVEN);
}

/// With nothing but the key that OpenAI's SDK sends, which each provider looks for elsewhere.
async fn a_key_of_ones_own_is_shown_where_its_provider_looks(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    app.provider.watch_for(vec![token.clone()]);
    for (model, header) in [
        (GPT, "authorization"),
        (CLAUDE, "x-api-key"),
        (GEMINI, "x-goog-api-key"),
    ] {
        let request = to(app, CHAT)
            .header("cf-aig-authorization", format!("Bearer {token}"))
            .bearer_auth("operator-mistral");
        let told = send(request.json(&says(model.name, "one"))).await;
        assert_eq!(told.status, 200, "{}", told.text);
        assert_eq!(told.json()["object"], "chat.completion");
        assert_eq!(shown(app), number("operator-mistral"));
        let sent = app.provider.requests().pop().unwrap();
        assert_eq!(sent.credentials[0].at, header);
        assert!(sent.watched.is_empty(), "{sent:?}");
        assert_eq!(log(app, &told).await.call.key_source, KeySource::Request);
    }
    assert_eq!(nanos(app).await, GIVEN);
}

async fn a_stored_key_goes_before_the_operators(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    assert_eq!(
        ask(app, &token, &says(CLAUDE.name, "one")).await.status,
        200
    );
    assert_eq!(shown(app), number("sk-ant-operator"));
    let before = nanos(app).await;
    let stored = json!({"provider_slug": "anthropic", "alias": "default",
        "secret": "operator-mistral", "default_config": false});
    manage(
        app,
        Method::POST,
        "gateways/default/provider_configs",
        stored,
    )
    .await;
    let told = ask(app, &token, &says(CLAUDE.name, "one")).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(shown(app), number("operator-mistral"));
    assert_eq!(nanos(app).await, before);
}

async fn what_cant_be_called_is_told(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let two = with(says(CLAUDE.name, "one"), json!({"n": 2}));
    for (body, code, words) in [
        (says("gpt-4o", "one"), 2019, "{provider}/{model}"),
        (says("openai/", "one"), 2019, "{provider}/{model}"),
        (json!({"messages": []}), 2019, "{provider}/{model}"),
        (says("nobody/gpt-4o", "one"), 2008, "openai, anthropic"),
        (says("dynamic/route", "one"), 2008, "Invalid provider"),
        (
            says("custom-none/model", "one"),
            2008,
            "custom provider 'none'",
        ),
        (says("azure-openai/gpt-4o", "one"), 2019, "its own path"),
        (says("anthropic/unheard-of", "one"), 8101, "no price"),
        (says("google/../../models", "one"), 2019, "model"),
        (says("cerebras/llama3.1-8b", "one"), 8103, "not enabled"),
        (two, 2019, "more than one answer (n)"),
        (json!({"model": 1}), 2019, "expected a string"),
        (json!([1]), 2019, "expected"),
    ] {
        let told = ask(app, &token, &body).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, code),
            "{body} {}",
            told.text
        );
        assert!(told.text.contains(words), "{body} {}", told.text);
    }
    let told = send(to(app, CHAT).bearer_auth(&token).body("{")).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2019));
    let told = send(to(app, CHAT).json(&says(GPT.name, "one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (401, 2009));
    assert!(app.provider.requests().is_empty());
    assert_eq!(nanos(app).await, GIVEN);
}

async fn embeddings_of_who_speaks_openais_api(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let embed = async |model: &str| {
        let body = json!({"model": model, "input": "one two three"});
        send(to(app, "compat/embeddings").bearer_auth(&token).json(&body)).await
    };
    let told = embed("openai/text-embedding-3-small").await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.json()["data"][0]["object"], "embedding");
    // $0.02 a million.
    assert_eq!(nanos(app).await, GIVEN - 3 * 20);
    for model in [CLAUDE.name, "google/gemini-embedding-001"] {
        let told = embed(model).await;
        assert_eq!((told.status.as_u16(), told.code()), (400, 2019));
        assert!(told.text.contains("has no embeddings"), "{}", told.text);
    }
}

async fn the_models_that_can_be_called(app: &TestApp) {
    let token = runner(app).await;
    let list = async |headers: &[(&str, &str)]| {
        let url = format!("{}/v1/{}/default/compat/models", app.url, app.account);
        let mut request = crate::app::http_client().get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request).await
    };
    let bearer = format!("Bearer {token}");
    let told = list(&[("authorization", &bearer)]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let answer = told.json();
    assert_eq!(answer["object"], "list");
    let models = answer["data"].as_array().unwrap();
    let names: Vec<_> = models
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    for name in [GPT.name, CLAUDE.name, GEMINI.name, "grok/grok-3"] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    assert!(!names.iter().any(|name| name.starts_with("cerebras/")));
    let only_own = ("cf-aig-no-wholesale", "true");
    let told = list(&[("authorization", &bearer), only_own]).await;
    assert_eq!(told.json()["data"], json!([]));
    let stored = json!({"provider_slug": "cerebras", "alias": "default",
        "secret": "csk-of-ones-own", "default_config": false});
    manage(
        app,
        Method::POST,
        "gateways/default/provider_configs",
        stored,
    )
    .await;
    let told = list(&[("authorization", &bearer), only_own]).await;
    let models = told.json()["data"].as_array().unwrap().clone();
    assert!(!models.is_empty());
    assert!(models.iter().all(|model| model["owned_by"] == "cerebras"));
    assert_eq!(list(&[]).await.status, 401);
}

async fn a_provider_of_ones_own(app: &TestApp) {
    let token = runner(app).await;
    let body = json!({"name": "Mine", "slug": "mine", "enable": true,
        "headers": json!({"authorization": "Bearer operator-mistral"}).to_string(),
        "base_url": format!("{}/v1", app.provider.url())});
    manage(app, Method::POST, "custom-providers", body).await;
    for stream in [false, true] {
        let body = with(
            says("custom-mine/any/model", "one"),
            json!({ "stream": stream }),
        );
        let told = ask(app, &token, &body).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let sent = app.provider.requests().pop().unwrap();
        assert_eq!(sent.path, "/v1/chat/completions");
        assert_eq!(sent.body["model"], "any/model");
        let kept = log(app, &told).await.call;
        assert_eq!(
            (&*kept.provider, &*kept.model),
            ("custom-mine", "any/model")
        );
    }
    assert_eq!(nanos(app).await, 0);
}

crate::on_both_engines![
    every_provider_answers_in_openais_format,
    and_streams_it,
    tools_and_system_prompts_are_translated_both_ways,
    the_aliases_of_providers_and_others_like_openai,
    what_is_there_is_spent_and_the_answer_cut_to_it,
    who_speaks_an_older_state_of_the_format_is_spoken_to_in_it,
    a_limit_of_the_clients_is_the_providers,
    whoever_leaves_pays_for_what_was_written,
    a_stream_is_the_same_in_any_pieces,
    an_error_in_a_stream_ends_it,
    cached_tokens_are_told_and_charged_as_natively,
    a_kept_answer_is_told_in_openais_format,
    what_cant_be_told_is_an_error_and_charged,
    a_stream_that_breaks_off_has_no_end,
    a_providers_error_is_told_in_openais_words_and_costs_nothing,
    a_key_of_ones_own_is_shown_where_its_provider_looks,
    a_stored_key_goes_before_the_operators,
    what_cant_be_called_is_told,
    embeddings_of_who_speaks_openais_api,
    the_models_that_can_be_called,
    a_provider_of_ones_own with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
];
