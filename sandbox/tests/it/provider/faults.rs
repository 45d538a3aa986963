//! Answers that are late, cut off, wrong or endless.

use std::time::{Duration, Instant};

use reqwest::Method;
use sandbox::provider::{Behaviour, End, Fault, Gzip, Reported};
use serde_json::{Value, json};

use super::client::{Answer, App, chat, read, start};

const PATH: &str = "/v1/chat/completions";

/// The bytes of an answer as far as they come, and whether it ended well.
async fn bytes(app: &App, body: Value) -> (Vec<u8>, bool) {
    let sent = app.request(Method::POST, PATH).json(&body).send().await;
    let Ok(mut response) = sent else {
        return (Vec::new(), false);
    };
    let mut all = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => all.extend(piece),
            Ok(None) => return (all, true),
            Err(_) => return (all, false),
        }
    }
}

fn streamed() -> Value {
    chat(
        "Hello",
        json!({ "stream": true, "stream_options": { "include_usage": true } }),
    )
}

/// What the system says of why an answer did not come to its end.
async fn reason(app: &App, behaviour: Behaviour) -> String {
    app.provider.add_fault(Fault::next(behaviour));
    let sent = app.request(Method::POST, PATH).json(&streamed()).send();
    let broken = match sent.await {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    format!("{broken:?}")
}

#[tokio::test]
async fn a_connection_can_end_by_a_reset() {
    let app = start().await;
    for (reset, is_reset) in [(true, true), (false, false)] {
        let cut = Behaviour {
            disconnect_after: Some(3),
            reset,
            ..Behaviour::default()
        };
        let closed = Behaviour {
            close: true,
            reset,
            ..Behaviour::default()
        };
        for behaviour in [cut, closed] {
            let reason = reason(&app, behaviour).await;
            assert_eq!(reason.contains("ConnectionReset"), is_reset, "{reason}");
        }
    }
    assert_eq!(app.until(|counts| counts.open == 0).await.cut, 4);
}

fn events(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.matches("data: ").count()
}

async fn under(app: &App, behaviour: Behaviour, body: Value) -> Answer {
    app.provider.add_fault(Fault::next(behaviour));
    let sent = app.request(Method::POST, PATH).json(&body).send().await;
    read(sent.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_fault_hits_by_path_model_and_number() {
    let app = start().await;
    app.provider.add_fault(Fault {
        method: Some("POST".into()),
        path: "/v1/chat/*".into(),
        model: Some("gpt-4o-mini".into()),
        contains: None,
        nth: 2,
        times: 2,
        behaviour: Behaviour {
            status: Some(503),
            ..Behaviour::default()
        },
    });
    let mut seen = Vec::new();
    for model in ["gpt-4o-mini", "gpt-4o"].repeat(4) {
        seen.push(app.chat("a", json!({ "model": model })).await.status);
    }
    assert_eq!(seen, [200, 200, 503, 200, 503, 200, 200, 200]);
}

#[tokio::test]
async fn an_error_has_the_status_and_the_body_that_were_asked_for() {
    let app = start().await;
    let refused = |error_body| Behaviour {
        status: Some(429),
        retry_after: Some(7),
        error_body,
        ..Behaviour::default()
    };
    let natural = under(&app, refused(None), streamed()).await;
    assert_eq!(
        (natural.status, natural.header("retry-after")),
        (429, Some("7"))
    );
    assert_eq!(natural.json()["error"]["code"], "rate_limit_exceeded");
    let own = under(&app, refused(Some(json!({ "odd": 1 }))), streamed()).await;
    assert_eq!(own.json(), json!({ "odd": 1 }));
    let text = under(&app, refused(Some(json!("<html>"))), streamed()).await;
    assert_eq!(text.text, "<html>");
}

#[tokio::test]
async fn a_connection_breaks_where_it_was_told_to() {
    let app = start().await;
    for after in 0..8 {
        app.provider.add_fault(Fault::next(Behaviour {
            disconnect_after: Some(after),
            ..Behaviour::default()
        }));
        let (bytes, is_whole) = bytes(&app, streamed()).await;
        assert_eq!((events(&bytes), is_whole), (after, false));
    }
    // The role, five words, the end, the usage and the last line.
    let (whole, is_whole) = bytes(&app, streamed()).await;
    assert_eq!((events(&whole), is_whole), (9, true));
    app.provider.add_fault(Fault::next(Behaviour {
        close: true,
        ..Behaviour::default()
    }));
    assert_eq!(bytes(&app, streamed()).await, (Vec::new(), false));
    app.provider.add_fault(Fault::next(Behaviour {
        disconnect_after: Some(2),
        ..Behaviour::default()
    }));
    let (whole, is_whole) = bytes(&app, chat("Hello", json!({}))).await;
    assert_eq!(
        (whole.len(), is_whole),
        (128, false),
        "a whole answer breaks too"
    );
    let counts = app.until(|counts| counts.open == 0).await;
    assert_eq!((counts.cut, counts.finished, counts.cancelled), (10, 1, 0));
    let ends: Vec<_> = app
        .provider
        .requests()
        .iter()
        .map(|entry| (entry.end, entry.events))
        .collect();
    assert_eq!(
        ends[7..],
        [
            (Some(End::Cut), 7),
            (Some(End::Finished), 9),
            (Some(End::Cut), 0),
            (Some(End::Cut), 2),
        ]
    );
}

#[tokio::test]
async fn a_stall_lasts_until_released() {
    let app = start().await;
    let fault = app.provider.add_fault(Fault::next(Behaviour {
        stall_after: Some(3),
        ..Behaviour::default()
    }));
    let mut response = app
        .request(Method::POST, PATH)
        .json(&streamed())
        .send()
        .await
        .unwrap();
    let mut seen = Vec::new();
    while events(&seen) < 3 {
        seen.extend(response.chunk().await.unwrap().unwrap());
    }
    app.provider.hanging(fault).await;
    assert_eq!(app.provider.counts().waiting, 1);
    assert!(app.provider.release(fault));
    while let Some(piece) = response.chunk().await.unwrap() {
        seen.extend(piece);
    }
    assert_eq!(events(&seen), 9);
}

#[tokio::test]
async fn a_hang_ends_with_its_client_and_counts_as_cancelled() {
    let app = start().await;
    let body = chat("a", json!({ "model": "sandbox-hang" }));
    let mut first = Box::pin(app.request(Method::POST, PATH).json(&body).send());
    tokio::select! {
        counts = app.until(|counts| counts.waiting == 1) => assert_eq!(counts.open, 1),
        _ = &mut first => panic!("it was to hang"),
    }
    drop(first);
    let counts = app.until(|counts| counts.cancelled == 1).await;
    assert_eq!((counts.open, counts.waiting), (0, 0));
    let entry = &app.provider.requests()[0];
    assert_eq!((entry.status, entry.end), (None, Some(End::Cancelled)));
}

#[tokio::test]
async fn an_endless_answer_ends_with_its_client() {
    let app = start().await;
    let body = chat(
        "a",
        json!({ "model": "gpt-4o-mini.sandbox-endless", "stream": true }),
    );
    let mut response = app
        .request(Method::POST, PATH)
        .json(&body)
        .send()
        .await
        .unwrap();
    let mut seen = Vec::new();
    while events(&seen) < 20 {
        seen.extend(response.chunk().await.unwrap().unwrap());
    }
    drop(response);
    app.until(|counts| counts.cancelled == 1).await;
    assert_eq!(app.provider.requests()[0].end, Some(End::Cancelled));
}

#[tokio::test]
async fn a_whole_answer_may_be_endless_too() {
    let app = start().await;
    let body = chat("a", json!({ "model": "sandbox-endless" }));
    let sent = app.request(Method::POST, PATH).json(&body).send().await;
    let mut response = sent.unwrap();
    let mut seen = 0;
    while seen < 4096 {
        seen += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn time_passes_before_the_first_byte_and_between_events() {
    let app = start().await;
    let before = Instant::now();
    let behaviour = Behaviour {
        first_byte_ms: 100,
        between_ms: 20,
        ..Behaviour::default()
    };
    assert_eq!(under(&app, behaviour, streamed()).await.events().len(), 8);
    assert!(before.elapsed() >= Duration::from_millis(100 + 8 * 20));
}

#[tokio::test]
async fn usage_is_left_out_or_wrong_in_every_api() {
    let app = start().await;
    let messages = json!([{ "role": "user", "content": "a" }]);
    let contents = json!([{ "parts": [{ "text": "a" }] }]);
    for (path, body, usage) in [
        (PATH, json!({ "model": "m", "messages": messages }), "usage"),
        (
            "/v1/messages",
            json!({ "model": "m", "max_tokens": 9, "messages": messages }),
            "usage",
        ),
        (
            "/v1/responses",
            json!({ "model": "m", "input": "a" }),
            "usage",
        ),
        (
            "/v1/embeddings",
            json!({ "model": "m", "input": "a" }),
            "usage",
        ),
        (
            "/v1beta/models/m:generateContent",
            json!({ "contents": contents }),
            "usageMetadata",
        ),
    ] {
        for (reported, expected) in [
            (Reported::Missing, Value::Null),
            (
                Reported::Instead(json!({ "odd": -1 })),
                json!({ "odd": -1 }),
            ),
        ] {
            app.provider.set_behaviour(Behaviour {
                usage: reported,
                ..Behaviour::default()
            });
            assert_eq!(
                app.post(path, body.clone()).await.ok()[usage],
                expected,
                "{path}"
            );
        }
    }
    let wrong = Behaviour {
        input_tokens: Some(1_000_000),
        output_tokens: Some(3),
        ..Behaviour::default()
    };
    let told = under(&app, wrong, chat("a", json!({}))).await.ok();
    assert_eq!(told["usage"]["total_tokens"], 1_000_003);
    let missing = Behaviour {
        usage: Reported::Missing,
        ..Behaviour::default()
    };
    let told = under(&app, missing, streamed()).await.events();
    assert!(told.iter().all(|event| event["usage"].is_null()));
}

#[tokio::test]
async fn a_stream_is_malformed_ends_in_an_error_or_goes_on_after_its_end() {
    let app = start().await;
    let malformed = Behaviour {
        malformed_after: Some(2),
        ..Behaviour::default()
    };
    let text = under(&app, malformed, streamed()).await.text;
    assert!(text.contains("data: {\"broken\": \n\n") && text.ends_with("data: [DONE]\n\n"));
    let failed = Behaviour {
        error_after: Some(2),
        ..Behaviour::default()
    };
    let events = under(&app, failed.clone(), streamed()).await.events();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["error"]["type"], "server_error");
    let message = json!({
        "model": "m", "max_tokens": 9, "stream": true, "messages": [{ "role": "user", "content": "a" }],
    });
    app.provider.add_fault(Fault::next(failed));
    let answer = app.post("/v1/messages", message).await;
    assert_eq!(answer.events()[2]["error"]["type"], "overloaded_error");
    assert!(answer.text.contains("event: error\n"));
    let array = "/v1beta/models/m:streamGenerateContent";
    for after in [0, 2] {
        app.provider.add_fault(Fault::next(Behaviour {
            error_after: Some(after),
            ..Behaviour::default()
        }));
        let body = json!({ "contents": [{ "parts": [{ "text": "a" }] }] });
        let steps = app.post(array, body).await.ok();
        assert_eq!(steps[after]["error"]["status"], "UNAVAILABLE");
    }
    let trailing = Behaviour {
        trailing: "more".to_owned(),
        ..Behaviour::default()
    };
    let text = under(&app, trailing.clone(), streamed()).await.text;
    assert!(text.ends_with("data: [DONE]\n\nmore"));
    let text = under(&app, trailing, chat("a", json!({}))).await.text;
    assert!(text.ends_with("}more"));
}

#[tokio::test]
async fn bytes_are_cut_and_lines_are_dressed_without_changing_what_is_said() {
    let app = start().await;
    let plain = app.post(PATH, streamed()).await.events().len();
    for behaviour in [
        Behaviour {
            piece_bytes: 1,
            ..Behaviour::default()
        },
        Behaviour {
            crlf: true,
            comments: true,
            ..Behaviour::default()
        },
    ] {
        let answer = under(&app, behaviour.clone(), streamed()).await;
        assert_eq!(answer.events().len(), plain);
        assert_eq!(answer.text.contains("\r\n"), behaviour.crlf);
        assert_eq!(answer.text.contains(": still here"), behaviour.comments);
    }
    let several = Behaviour {
        words_per_event: 2,
        ..Behaviour::default()
    };
    assert_eq!(
        under(&app, several, streamed()).await.events().len(),
        plain - 2
    );
    let giant = Behaviour {
        giant_bytes: 3 << 20,
        ..Behaviour::default()
    };
    let events = under(&app, giant, streamed()).await.events();
    let word = events[1]["choices"][0]["delta"]["content"]
        .as_str()
        .unwrap();
    assert_eq!((word.len(), events.len()), (3 << 20, plain));
    assert_eq!(events[7]["usage"]["completion_tokens"], 5);
}

#[tokio::test]
async fn gzip_is_real_and_sent_where_it_is_accepted_or_forced() {
    let app = start().await;
    for body in [streamed(), chat("Hello", json!({}))] {
        let plain = app.post(PATH, body.clone()).await.text;
        for (gzip, accepts, packed) in [
            (Gzip::Accepted, true, true),
            (Gzip::Accepted, false, false),
            (Gzip::Always, false, true),
        ] {
            app.provider.add_fault(Fault::next(Behaviour {
                gzip,
                ..Behaviour::default()
            }));
            let mut request = app.request(Method::POST, PATH).json(&body);
            if accepts {
                request = request.header("accept-encoding", "br, gzip");
            }
            let response = request.send().await.unwrap();
            let is_packed = response.headers().get("content-encoding").is_some();
            let bytes = response.bytes().await.unwrap();
            assert_eq!(is_packed, packed, "{gzip:?}");
            let text = if packed {
                unpacked(&bytes)
            } else {
                bytes.to_vec()
            };
            // Ids count up, and the rest is the same.
            assert_eq!(text.len(), plain.len());
        }
    }
}

/// What stored blocks hold, with the checksums left to the decoders of others.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let (mut rest, mut all) = (&bytes[10..], Vec::new());
    loop {
        let length = usize::from(u16::from_le_bytes([rest[1], rest[2]]));
        all.extend(&rest[5..5 + length]);
        if rest[0] == 1 {
            return all;
        }
        rest = &rest[5 + length..];
    }
}

#[tokio::test]
async fn scripts_can_do_the_same() {
    let app = start().await;
    let control = async |path: &str, body: Value| {
        let request = app.plain(Method::POST, &format!("/_sandbox/{path}"));
        read(request.json(&body).send().await.unwrap())
            .await
            .unwrap()
    };
    let look = async |path: &str| {
        let request = app.plain(Method::GET, &format!("/_sandbox/{path}"));
        read(request.send().await.unwrap()).await.unwrap()
    };
    let fault = json!({ "path": PATH, "behaviour": { "hang": true } });
    let id = control("faults", fault).await.ok()["id"].as_u64().unwrap();
    let body = chat("a", json!({}));
    let mut first = Box::pin(app.request(Method::POST, PATH).json(&body).send());
    let waiting = format!("faults/{id}/hanging");
    tokio::select! {
        answer = look(&waiting) => { answer.ok(); }
        _ = &mut first => panic!("it was to hang"),
    }
    control(&format!("faults/{id}/release"), json!({}))
        .await
        .ok();
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(look(&format!("{waiting}?timeout_ms=50")).await.status, 408);

    control("behaviour", json!({ "words": 2, "gzip": "never" }))
        .await
        .ok();
    assert_eq!(look("behaviour").await.ok()["words"], 2);
    let said = app.chat("a", json!({})).await.ok();
    assert_eq!(said["choices"][0]["message"]["content"], "The prompt");
    control("watch", json!(["secret"])).await.ok();
    app.chat("a secret", json!({})).await.ok();
    let requests = look("requests").await.ok();
    assert_eq!(requests["requests"][2]["watched"], json!(["body"]));
    assert_eq!(look("counts").await.ok()["finished"], 3);
    let wrong = json!({ "behaviour": { "explode": true } });
    assert_eq!(control("faults", wrong).await.status, 422);
    let form = app
        .plain(Method::POST, "/_sandbox/faults/clear")
        .form(&[("a", "b")]);
    assert_eq!(
        form.send().await.unwrap().status(),
        415,
        "a form, which any web page could send, changes nothing"
    );
}

#[tokio::test]
async fn shutdown_lets_go_of_what_hangs_stalls_or_never_ends() {
    let app = start().await;
    let models = ["sandbox-hang", "sandbox-stall", "sandbox-endless"];
    let requests = models.map(|model| {
        let body = chat("a", json!({ "model": model, "stream": true }));
        let request = app.request(Method::POST, PATH).json(&body);
        async move {
            let Ok(mut response) = request.send().await else {
                return;
            };
            while let Ok(Some(_)) = response.chunk().await {}
        }
    });
    let mut all = Box::pin(futures_util::future::join_all(requests));
    tokio::select! {
        _ = app.until(|counts| counts.open == 3 && counts.waiting == 2) => {}
        _ = &mut all => panic!("they were to go on"),
    }
    let before = Instant::now();
    tokio::join!(all, app.provider.shutdown());
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn the_journal_keeps_only_the_latest() {
    crate::client::tls();
    let config = sandbox::ProviderConfig {
        journal: 2,
        ..sandbox::ProviderConfig::default()
    };
    let provider = sandbox::Provider::start(config).await.unwrap();
    let url = format!("{}{PATH}", provider.url());
    let client = reqwest::Client::new();
    for prompt in ["one", "two", "three"] {
        let body = chat(prompt, json!({}));
        let sent = client
            .post(&url)
            .bearer_auth("any")
            .json(&body)
            .send()
            .await;
        assert_eq!(
            sent.unwrap().status(),
            200,
            "any key is good where none is set"
        );
    }
    let kept: Vec<u64> = provider.requests().iter().map(|entry| entry.id).collect();
    assert_eq!((kept, provider.counts().requests), (vec![2, 3], 3));
}
