//! The APIs that answer with something else than text.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{read, start};

#[tokio::test]
async fn embeddings() {
    let app = start().await;
    let path = "/v1/embeddings";
    let body = json!({ "model": "text-embedding-3-small", "input": ["one two", "three"], "dimensions": 8 });
    let answer = app.post(path, body).await.ok();
    assert_eq!(
        answer["usage"],
        json!({ "prompt_tokens": 3, "total_tokens": 3 })
    );
    let vectors: Vec<Vec<u64>> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            item["embedding"]
                .as_array()
                .unwrap()
                .iter()
                .map(|number| u64::from(*number == json!(1.0)))
                .collect()
        })
        .collect();
    assert_eq!(vectors.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8]);
    assert!(
        vectors.iter().all(|vector| vector.iter().sum::<u64>() == 1),
        "of length one"
    );
    assert_ne!(vectors[0], vectors[1]);

    let body = json!({ "model": "m", "input": [1, 2, 3], "encoding_format": "base64" });
    let answer = app.post(path, body).await.ok();
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    // 1,536 numbers of four bytes, and a third more in Base64.
    assert_eq!(answer["data"][0]["embedding"].as_str().unwrap().len(), 8192);
    assert_eq!(
        app.post(path, json!({ "model": "m", "input": [] }))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn images() {
    let app = start().await;
    let path = "/v1/images/generations";
    let ask = |more: Value| super::client::with(json!({ "prompt": "a small dot" }), more);
    let new = app
        .post(
            path,
            ask(json!({ "model": "gpt-image-1", "n": 2, "quality": "low" })),
        )
        .await
        .ok();
    assert_eq!(new["data"].as_array().unwrap().len(), 2);
    assert!(new["data"][0]["b64_json"].is_string());
    assert_eq!(
        (
            &new["usage"]["input_tokens"],
            &new["usage"]["output_tokens"]
        ),
        (&json!(3), &json!(544))
    );
    let old = app
        .post(path, ask(json!({ "model": "dall-e-3" })))
        .await
        .ok();
    assert!(old["data"][0]["url"].is_string() && old.get("usage").is_none());
    let streamed = ask(json!({ "model": "gpt-image-1", "stream": true, "partial_images": 1 }));
    let events = app.post(path, streamed).await.events();
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "image_generation.partial_image",
            "image_generation.completed"
        ]
    );
    assert_eq!(events[1]["usage"]["total_tokens"], 1059);
}

#[tokio::test]
async fn speech() {
    let app = start().await;
    let ask = |more: Value| {
        let body = json!({ "model": "gpt-4o-mini-tts", "input": "one two", "voice": "alloy" });
        app.request(Method::POST, "/v1/audio/speech")
            .json(&super::client::with(body, more))
            .send()
    };
    let sound = ask(json!({})).await.unwrap();
    assert_eq!(sound.headers()["content-type"], "audio/mpeg");
    assert_eq!(sound.bytes().await.unwrap().len(), 2000);
    let wav = ask(json!({ "response_format": "wav" }))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(wav.starts_with(b"RIFF") && wav.len() == 2044);
    let stream = read(ask(json!({ "stream_format": "sse" })).await.unwrap())
        .await
        .unwrap();
    let usage = &stream.events()[2]["usage"];
    assert_eq!(
        usage,
        &json!({ "input_tokens": 2, "output_tokens": 20, "total_tokens": 22 })
    );
    assert_eq!(ask(json!({ "voice": null })).await.unwrap().status(), 400);
}

/// A form with a file of 40,000 bytes: two seconds.
fn form(fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head =
            format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(head.bytes());
    }
    body.extend(
        b"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n",
    );
    body.extend(vec![0xff; 40_000]);
    body.extend(b"\r\n--b0--\r\n");
    ("multipart/form-data; boundary=b0".to_owned(), body)
}

#[tokio::test]
async fn transcriptions() {
    let app = start().await;
    let transcribe = async |fields: &[(&str, &str)]| {
        let (kind, body) = form(fields);
        let request = app.request(Method::POST, "/v1/audio/transcriptions");
        read(
            request
                .header("content-type", kind)
                .body(body)
                .send()
                .await
                .unwrap(),
        )
        .await
        .unwrap()
    };
    let new = transcribe(&[("model", "gpt-4o-transcribe"), ("prompt", "two words")])
        .await
        .ok();
    assert_eq!(new["text"], "The sound has 2 seconds.");
    let expected = json!({
        "type": "tokens", "input_tokens": 22, "output_tokens": 5, "total_tokens": 27,
        "input_token_details": { "audio_tokens": 20, "text_tokens": 2 },
    });
    assert_eq!(new["usage"], expected);
    let old = transcribe(&[("model", "whisper-1"), ("response_format", "verbose_json")])
        .await
        .ok();
    assert_eq!(old["usage"], json!({ "type": "duration", "seconds": 2 }));
    assert_eq!(old["duration"], 2);
    let text = transcribe(&[("model", "whisper-1"), ("response_format", "srt")]).await;
    assert_eq!(
        text.text,
        "1\n00:00:00,000 --> 00:00:02,000\nThe sound has 2 seconds.\n"
    );
    let events = transcribe(&[("model", "gpt-4o-transcribe"), ("stream", "true")])
        .await
        .events();
    assert_eq!(events.len(), 6);
    assert_eq!(events[5]["usage"]["output_tokens"], 5);
    let journal = &app.provider.requests()[0];
    let file = json!({ "filename": "a.mp3", "bytes": 40_000 });
    assert_eq!(
        (&journal.body["file"], &journal.body["prompt"]),
        (&file, &json!("two words"))
    );
    let refused = app
        .post("/v1/audio/transcriptions", json!({ "model": "whisper-1" }))
        .await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn moderations() {
    let app = start().await;
    let body = app
        .post("/v1/moderations", json!({ "input": ["fine", "to flag"] }))
        .await
        .ok();
    let flagged: Vec<_> = body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["flagged"])
        .collect();
    assert_eq!(flagged, [false, true]);
    assert_eq!(body["results"][1]["categories"]["violence"], true);
    let parts =
        json!({ "input": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] });
    let body = app.post("/v1/moderations", parts).await.ok();
    assert_eq!(body["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn models_in_every_form() {
    let app = start().await;
    let get = async |path: &str| {
        let request = app
            .request(Method::GET, path)
            .header("x-api-key", super::client::KEY);
        let request = match path.starts_with("/anthropic") {
            true => request.header("anthropic-version", "2023-06-01"),
            false => request,
        };
        read(request.send().await.unwrap()).await.unwrap().ok()
    };
    let openai = get("/v1/models").await;
    assert_eq!(
        (&openai["object"], &openai["data"][0]["id"]),
        (&json!("list"), &json!("sandbox-echo"))
    );
    assert_eq!(get("/v1/models/gpt-4o").await["id"], "gpt-4o");
    assert_eq!(get("/anthropic/v1/models").await["has_more"], false);
    assert_eq!(
        get("/v1beta/models").await["models"][0]["name"],
        "models/sandbox-echo"
    );
    assert_eq!(get("/v1beta/models/gemini").await["name"], "models/gemini");
}

#[tokio::test]
async fn counting_tokens() {
    let app = start().await;
    let messages = json!([{ "role": "user", "content": "one two" }]);
    let body = json!({ "model": "claude", "messages": messages, "system": "three" });
    let counted = app.post("/v1/messages/count_tokens", body).await.ok();
    assert_eq!(counted, json!({ "input_tokens": 3 }));
    let contents = json!({ "contents": [{ "parts": [{ "text": "one two" }] }] });
    let path = "/v1beta/models/gemini:countTokens";
    assert_eq!(
        app.post(path, contents.clone()).await.ok()["totalTokens"],
        2
    );
    let around = json!({ "generateContentRequest": contents });
    assert_eq!(app.post(path, around).await.ok()["totalTokens"], 2);
}

#[tokio::test]
async fn gemini_embeds_one_or_many() {
    let app = start().await;
    let content = |text: &str| json!({ "content": { "parts": [{ "text": text }] }, "outputDimensionality": 4 });
    let one = app
        .post(
            "/v1beta/models/gemini-embedding:embedContent",
            content("a b"),
        )
        .await
        .ok();
    assert_eq!(one["embedding"]["values"].as_array().unwrap().len(), 4);
    assert_eq!(one["usageMetadata"]["promptTokenCount"], 2);
    let many = json!({ "requests": [content("a b"), content("c")] });
    let many = app
        .post("/v1beta/models/gemini-embedding:batchEmbedContents", many)
        .await
        .ok();
    assert_eq!(many["embeddings"].as_array().unwrap().len(), 2);
    assert_eq!(many["usageMetadata"]["promptTokenCount"], 3);
    assert_eq!(many["embeddings"][0], one["embedding"]);
    assert_eq!(
        app.post("/v1beta/models/g:embedContent", json!({}))
            .await
            .status,
        400
    );
}
