use serde_json::{Value, json};

use super::client::{Answer, App, start, with};

const MODEL: &str = "/v1beta/models/gemini-2.5-pro";

async fn generate(app: &App, verb: &str, prompt: &str, more: Value) -> Answer {
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": prompt }] }] });
    app.post(&format!("{MODEL}:{verb}"), with(body, more)).await
}

#[tokio::test]
async fn content_is_generated_with_its_exact_usage() {
    let app = start().await;
    let prompt = "a b [sandbox cached_tokens=1 reasoning_tokens=4 audio_tokens=1]";
    let system = json!({ "parts": [{ "text": "Be brief" }] });
    let body = generate(
        &app,
        "generateContent",
        prompt,
        json!({ "systemInstruction": system }),
    )
    .await;
    let body = body.ok();
    let candidate = &body["candidates"][0];
    assert_eq!(
        candidate["content"]["parts"],
        json!([{ "text": "The prompt has 8 words." }])
    );
    assert_eq!(candidate["finishReason"], "STOP");
    let usage = &body["usageMetadata"];
    assert_eq!(usage["promptTokenCount"], 8);
    assert_eq!(usage["cachedContentTokenCount"], 1);
    assert_eq!(usage["candidatesTokenCount"], 5);
    assert_eq!(usage["thoughtsTokenCount"], 4);
    assert_eq!(usage["totalTokenCount"], 17);
    assert_eq!(
        usage["promptTokensDetails"][1],
        json!({ "modality": "AUDIO", "tokenCount": 1 })
    );
    assert_eq!(body["modelVersion"], "gemini-2.5-pro");
}

#[tokio::test]
async fn a_stream_comes_as_events_or_as_an_array() {
    let app = start().await;
    let events = generate(&app, "streamGenerateContent?alt=sse", "a b", json!({}))
        .await
        .events();
    let array = generate(&app, "streamGenerateContent", "a b", json!({})).await;
    assert_eq!(array.header("content-type"), Some("application/json"));
    for steps in [events, array.ok().as_array().unwrap().clone()] {
        let texts = steps
            .iter()
            .map(|step| &step["candidates"][0]["content"]["parts"][0]["text"]);
        let text: String = texts.filter_map(Value::as_str).collect();
        assert_eq!(text, "The prompt has 2 words.");
        let counts = steps
            .iter()
            .map(|step| &step["usageMetadata"]["candidatesTokenCount"]);
        let counts: Vec<_> = counts.map(|count| count.as_u64().unwrap()).collect();
        assert_eq!(counts, [1, 2, 3, 4, 5, 5]);
        assert_eq!(
            steps.last().unwrap()["candidates"][0]["finishReason"],
            "STOP"
        );
    }
}

#[tokio::test]
async fn limits_candidates_and_thoughts() {
    let app = start().await;
    let config = json!({
        "maxOutputTokens": 4, "candidateCount": 2, "thinkingConfig": { "includeThoughts": true },
    });
    let prompt = "a [sandbox reasoning_tokens=2]";
    let body = generate(
        &app,
        "generateContent",
        prompt,
        json!({ "generationConfig": config }),
    )
    .await;
    let body = body.ok();
    let candidates = body["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2);
    assert_eq!(candidates[1]["finishReason"], "MAX_TOKENS");
    let parts = json!([{ "text": "1 2", "thought": true }, { "text": "The prompt" }]);
    assert_eq!(candidates[1]["content"]["parts"], parts);
    assert_eq!(body["usageMetadata"]["candidatesTokenCount"], 4);
    assert_eq!(body["usageMetadata"]["thoughtsTokenCount"], 4);
}

#[tokio::test]
async fn a_function_is_called() {
    let app = start().await;
    let schema = json!({ "type": "OBJECT", "properties": { "city": { "type": "STRING" } } });
    let declaration = json!({ "name": "weather", "parameters": schema });
    let tools = json!({ "tools": [{ "functionDeclarations": [declaration] }] });
    let call = json!({ "functionCall": { "name": "weather", "args": { "city": "text" } } });
    let whole = generate(&app, "generateContent", "The weather", tools.clone())
        .await
        .ok();
    assert_eq!(whole["candidates"][0]["content"]["parts"], json!([call]));
    let events = generate(&app, "streamGenerateContent?alt=sse", "The weather", tools)
        .await
        .events();
    assert_eq!(
        events[0]["candidates"][0]["content"]["parts"],
        json!([call])
    );
}

/// Google's SDK asks under `/v1`, and writes some names with bars.
#[tokio::test]
async fn both_spellings_of_a_name_are_read() {
    let app = start().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let declaration = json!({ "name": "weather", "parameters_json_schema": schema });
    let body = json!({
        "contents": [{ "parts": [{ "text": "The weather" }] }],
        "system_instruction": { "parts": [{ "text": "Be brief" }] },
        "tools": [{ "function_declarations": [declaration] }],
        "generation_config": { "max_output_tokens": 9 },
    });
    let path = "/v1/models/gemini-2.5-pro:generateContent";
    let request = app
        .plain(reqwest::Method::POST, path)
        .header("x-goog-api-key", super::client::KEY);
    let answer = super::client::read(request.json(&body).send().await.unwrap())
        .await
        .unwrap()
        .ok();
    let call = &answer["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!(call["args"], json!({ "city": "text" }));
    assert_eq!(answer["usageMetadata"]["promptTokenCount"], 2 + 2 + 1);
}

#[tokio::test]
async fn errors_have_googles_form() {
    let app = start().await;
    let body = json!({ "contents": [{ "parts": [{ "text": "a" }] }] });
    for (path, status, name) in [
        (
            "/v1beta/models/sandbox-nothing:generateContent",
            404,
            "NOT_FOUND",
        ),
        (
            "/v1beta/models/sandbox-error-429:generateContent",
            429,
            "RESOURCE_EXHAUSTED",
        ),
        (
            "/v1beta/models/sandbox-error-503:generateContent",
            503,
            "UNAVAILABLE",
        ),
        ("/v1beta/models/gemini:dream", 404, "NOT_FOUND"),
    ] {
        let answer = app.post(path, body.clone()).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["status"]),
            (status, &json!(name)),
            "{path}"
        );
        assert_eq!(error["code"], status);
    }
    let in_array = app.post(
        "/v1beta/models/sandbox-error-500:streamGenerateContent",
        body.clone(),
    );
    assert_eq!(in_array.await.json()[0]["error"]["status"], "INTERNAL");
    let path = format!("{MODEL}:generateContent");
    let nobody = app
        .plain(reqwest::Method::POST, &path)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 403);
    let with_key = |key: &str| {
        let path = format!("{MODEL}:generateContent?key={key}");
        app.plain(reqwest::Method::POST, &path).json(&body).send()
    };
    assert_eq!(with_key(super::client::KEY).await.unwrap().status(), 200);
    let refused = super::client::read(with_key("nope").await.unwrap())
        .await
        .unwrap();
    assert_eq!(
        refused.json()["error"]["details"][0]["reason"],
        "API_KEY_INVALID"
    );
}
