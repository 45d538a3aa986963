//! Responses over WebSocket, and 426 on every path that has none.

use std::time::Duration;

use farebox::admin::{self, Command};
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use reqwest::header::{CONNECTION, UPGRADE};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Told, is_settled, nanos, runner, send, set};
use crate::app::{TestApp, http_client};

const GIVEN: i64 = 1_000_000_000;

/// What the sandbox's answer of five words costs on gpt-4o.
const ANSWER: i64 = 5 * 10_000;
const WORD: i64 = 2500;

const NATIVE: &str = "/v1/{account}/default/openai/responses";
const REST: &str = "/client/v4/accounts/{account}/ai/v1/responses";

/// The opening handshake of RFC 6455, section 4.1, on a path of the test's account.
async fn ask_to_upgrade(app: &TestApp, token: &str, path: &str) -> Told {
    let url = format!(
        "{}{}",
        app.url,
        path.replace("{account}", &app.account.to_string())
    );
    let request = http_client().request(Method::GET, url).bearer_auth(token);
    let request = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket");
    let request = request.header("sec-websocket-version", "13");
    send(request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")).await
}

async fn what_has_no_websocket_says_so_by_426(app: &TestApp) {
    let token = runner(app).await;
    for path in [
        "/v1/{account}/default/openai/v1/chat/completions",
        "/v1/{account}/default/openai/v1/realtime?model=gpt-realtime",
        "/v1/{account}/default/anthropic/v1/messages",
        "/v1/{account}/default/compat/chat/completions",
        "/v1/{account}/default",
        "/v1/responses",
        "/client/v4/accounts/{account}/ai/v1/chat/completions",
        "/client/v4/accounts/{account}/ai/run",
    ] {
        let told = ask_to_upgrade(app, &token, path).await;
        assert_eq!(told.status, 426, "{path}: {}", told.text);
        assert_eq!(told.header("upgrade"), "HTTP/1.1", "{path}");
        assert_eq!(told.code(), 8115, "{path}");
    }
    assert!(app.provider.requests().is_empty());
}

async fn where_websockets_are_off_clients_go_on_over_http(app: &TestApp) {
    let token = runner(app).await;
    for path in [NATIVE, REST] {
        let told = ask_to_upgrade(app, &token, path).await;
        assert_eq!((told.status.as_u16(), told.code()), (426, 8115));
    }
}

async fn who_may_not_run_is_told_that_first(app: &TestApp) {
    for path in [NATIVE, REST] {
        let told = ask_to_upgrade(app, "fbx_unknown", path).await;
        assert_eq!((told.status.as_u16(), told.code()), (401, 2009), "{path}");
        let told = ask_to_upgrade(app, &app.token, path).await;
        assert_eq!((told.status.as_u16(), told.code()), (403, 2009), "{path}");
    }
}

/// A connection of tokio-tungstenite 0.30, which Codex uses as well.
struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(app: &TestApp, path: &str, token: &str) -> Self {
        Self::try_open(app, path, &[("authorization", &format!("Bearer {token}"))])
            .await
            .unwrap()
    }

    async fn try_open(
        app: &TestApp,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let path = path.replace("{account}", &app.account.to_string());
        let host = app.url.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{host}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, http::HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(host).await.unwrap();
        let (socket, answer) = client_async(request, stream).await?;
        assert_eq!(answer.status(), 101);
        Ok(Self(socket))
    }

    async fn say(&mut self, event: Value) {
        self.0.send(Message::text(event.to_string())).await.unwrap();
    }

    /// The next message that is not for the library.
    async fn next(&mut self) -> Option<Message> {
        loop {
            let next = timeout(Duration::from_secs(60), self.0.next()).await;
            match next.expect("a message in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    async fn event(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no event: {other:?}"),
        }
    }

    /// All events up to the last one of a response.
    async fn response(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let kind = event["type"].as_str().unwrap().to_owned();
            events.push(event);
            let ends = ["completed", "incomplete", "failed"];
            if kind == "error" || ends.iter().any(|end| kind == format!("response.{end}")) {
                return events;
            }
        }
    }

    /// Asks, and gives the last event.
    async fn ask(&mut self, event: Value) -> Value {
        self.say(event).await;
        self.response().await.pop().unwrap()
    }

    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Message::Close(Some(CloseFrame { code, reason }))) => {
                    return (code.into(), reason.to_string());
                }
                Some(Message::Text(_)) => {}
                other => panic!("not closed: {other:?}"),
            }
        }
    }
}

fn create(words: &str) -> Value {
    json!({"type": "response.create", "model": "gpt-4o", "input": words})
}

fn text(last: &Value) -> &str {
    assert_eq!(last["type"], "response.completed", "{last}");
    let output = last["response"]["output"].as_array().unwrap();
    output[0]["content"][0]["text"].as_str().unwrap()
}

async fn each_response_is_a_call_of_its_own(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    app.provider.watch_for(vec![token.clone()]);
    let mut socket = Socket::open(app, NATIVE, &token).await;
    for count in 1..=3 {
        socket.say(create("one")).await;
        let events = socket.response().await;
        assert_eq!(events[0]["type"], "response.created");
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number, "{event}");
            assert!(event.get("stream_id").is_none());
        }
        assert_eq!(text(events.last().unwrap()), "The prompt has 1 words.");
        // The charge is on disk before the last event leaves.
        assert_eq!(nanos(app).await, GIVEN - count * (WORD + ANSWER));
    }
    let requests = app.provider.requests();
    assert_eq!(requests.len(), 3);
    for sent in &requests {
        assert_eq!(sent.path, "/v1/responses");
        assert_eq!(
            sent.body,
            json!({"model": "gpt-4o", "input": "one", "stream": true})
        );
        assert!(sent.watched.is_empty(), "{sent:?}");
        assert!(
            sent.headers.keys().all(|name| !name.starts_with("sec-")),
            "{sent:?}"
        );
        assert_eq!(sent.credentials[0].key, Some(0), "the operator's");
    }
    let charges = "SELECT id FROM charges";
    assert_eq!(app.app.store.db.query(charges, &[]).await.unwrap().len(), 3);
    socket.0.close(None).await.unwrap();
}

async fn by_author_and_model_beside_the_management_api(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, REST, &token).await;
    let mut event = create("one");
    event["model"] = json!("openai/gpt-4o");
    assert_eq!(
        text(&socket.ask(event.clone()).await),
        "The prompt has 1 words."
    );
    assert_eq!(app.provider.requests()[0].body["model"], "gpt-4o");
    event["model"] = json!("anthropic/claude-sonnet-4-5");
    let last = socket.ask(event).await;
    assert_eq!(
        (&last["type"], &last["status"]),
        (&json!("error"), &json!(400))
    );
    assert_eq!(nanos(app).await, GIVEN - WORD - ANSWER);
}

async fn a_response_is_continued_without_anything_stored(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let mut event = create("one");
    event["store"] = json!(false);
    let first = socket.ask(event.clone()).await;
    let before = nanos(app).await;
    event["input"] = json!([{"type": "message", "role": "user", "content": "two three"}]);
    event["previous_response_id"] = first["response"]["id"].clone();
    let second = socket.ask(event.clone()).await;
    // One word of the first question, five of its answer, two of the second question.
    assert_eq!(before - nanos(app).await, 8 * WORD + ANSWER);
    let sent = app.provider.requests().pop().unwrap().body;
    assert!(sent.get("previous_response_id").is_none(), "{sent}");
    let input = sent["input"].as_array().unwrap();
    assert_eq!(input.len(), 3, "{sent}");
    assert_eq!(
        input[0],
        json!({"type": "message", "role": "user", "content": "one"})
    );
    assert_eq!(input[1]["role"], "assistant");
    assert!(input[1].get("id").is_none(), "{sent}");
    // The first one can be forked from, and the second goes on.
    for (before, items) in [(&first, 3), (&second, 5)] {
        event["previous_response_id"] = before["response"]["id"].clone();
        socket.ask(event.clone()).await;
        let sent = app.provider.requests().pop().unwrap().body;
        assert_eq!(sent["input"].as_array().unwrap().len(), items);
    }
    // Another connection knows none of it.
    let mut other = Socket::open(app, NATIVE, &token).await;
    let asked = app.provider.requests().len();
    let last = other.ask(event).await;
    assert_eq!(last["error"]["code"], "previous_response_not_found");
    assert_eq!(last["status"], 400);
    assert_eq!(app.provider.requests().len(), asked);
}

async fn a_response_that_was_prepared_costs_nothing_and_is_continued(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let mut event = create("one two three");
    event["generate"] = json!(false);
    event["stream_id"] = json!("main");
    socket.say(event.clone()).await;
    let events = socket.response().await;
    assert_eq!(events[0]["type"], "response.created");
    let prepared = events.last().unwrap();
    assert_eq!(prepared["response"]["output"], json!([]));
    assert_eq!(prepared["stream_id"], "main");
    assert!(app.provider.requests().is_empty());
    assert_eq!(nanos(app).await, GIVEN);
    event["generate"] = json!(true);
    event["input"] = json!([]);
    event["previous_response_id"] = prepared["response"]["id"].clone();
    let last = socket.ask(event).await;
    assert_eq!(text(&last), "The prompt has 3 words.");
    assert_eq!(last["stream_id"], "main");
    assert_eq!(nanos(app).await, GIVEN - 3 * WORD - ANSWER);
}

async fn what_waits_is_answered_in_its_order(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    for lane in ["a", "b", "c"] {
        let mut event = create("one [sandbox between_ms=10]");
        event["stream_id"] = json!(lane);
        socket.say(event).await;
    }
    socket
        .say(json!({"type": "response.processed", "response_id": "resp_1"}))
        .await;
    for lane in ["a", "b", "c"] {
        let events = socket.response().await;
        assert!(events.iter().all(|event| event["stream_id"] == lane));
    }
}

async fn refusals_and_errors_are_events_and_the_connection_stays(app: &TestApp) {
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let last = socket.ask(create("one")).await;
    assert_eq!(
        (&last["type"], &last["status"]),
        (&json!("error"), &json!(402)),
        "{last}"
    );
    assert_eq!(last["error"]["type"], "insufficient_quota");
    assert!(last["headers"]["cf-aig-log-id"].is_string(), "{last}");
    app.give(100).await;
    let last = socket.ask(create("one [sandbox status=429]")).await;
    assert_eq!(last["status"], 429, "{last}");
    assert!(last["error"]["message"].is_string());
    socket.0.send(Message::text("no JSON")).await.unwrap();
    assert_eq!(socket.event().await["status"], 400);
    let last = socket.ask(json!({"type": "response.steer"})).await;
    assert_eq!(last["error"]["param"], "type");
    assert_eq!(nanos(app).await, GIVEN);
    assert_eq!(
        text(&socket.ask(create("one")).await),
        "The prompt has 1 words."
    );
}

async fn a_stream_that_is_cut_ends_with_an_error(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let last = socket.ask(create("one [sandbox disconnect_after=5]")).await;
    assert_eq!(
        (&last["type"], &last["status"]),
        (&json!("error"), &json!(502)),
        "{last}"
    );
    assert!(nanos(app).await < GIVEN, "what arrived is charged");
    assert_eq!(
        text(&socket.ask(create("one")).await),
        "The prompt has 1 words."
    );
}

async fn a_token_that_is_revoked_ends_at_the_next_event(app: &TestApp) {
    app.give(100).await;
    let run = async |command| {
        let done = admin::run(&app.app.store.db, &app.app.keyring, command, app.app.now());
        done.await.unwrap()
    };
    let made = run(Command::CreateToken {
        account: app.account.to_string(),
        name: "runner".to_owned(),
        permissions: vec!["AI Gateway Run".to_owned()],
        expires_in_seconds: None,
    });
    let made: Value = made.await;
    let mut socket = Socket::open(app, NATIVE, made["token"].as_str().unwrap()).await;
    assert_eq!(
        text(&socket.ask(create("one")).await),
        "The prompt has 1 words."
    );
    let id = made["id"].as_str().unwrap().to_owned();
    run(Command::RevokeToken { id }).await;
    let last = socket.ask(create("one")).await;
    assert_eq!(last["status"], 401, "{last}");
    assert_eq!(socket.closed().await.0, 1008);
    assert_eq!(app.provider.requests().len(), 1);
}

async fn a_client_that_disconnects_pays_for_what_it_asked(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    socket.say(create("one [sandbox between_ms=30]")).await;
    socket.event().await;
    drop(socket);
    is_settled(app).await;
    assert_eq!(nanos(app).await, GIVEN - 3 * WORD - ANSWER);
    // One that is gone before its answer has begun.
    let mut socket = Socket::open(app, NATIVE, &token).await;
    socket.say(create("one [sandbox between_ms=30]")).await;
    drop(socket);
    for _ in 0..1200 {
        if nanos(app).await == GIVEN - 2 * (3 * WORD + ANSWER) {
            return is_settled(app).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the second call was never charged");
}

async fn a_server_that_stops_ends_the_response_first(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut idle = Socket::open(app, NATIVE, &token).await;
    let mut busy = Socket::open(app, NATIVE, &token).await;
    busy.say(create("one [sandbox between_ms=50]")).await;
    busy.event().await;
    app.app.stop.cancel();
    assert_eq!(idle.closed().await.0, 1001);
    let last = busy.response().await.pop().unwrap();
    assert_eq!(text(&last), "The prompt has 3 words.");
    assert_eq!(busy.closed().await.0, 1001);
    assert_eq!(nanos_by_store(app).await, GIVEN - 3 * WORD - ANSWER);
}

/// Without the listener, which is gone.
async fn nanos_by_store(app: &TestApp) -> i64 {
    let standing = farebox::billing::credit_balance(&app.app, app.account).await;
    let (balance, _) = standing.unwrap();
    balance.balance.nanos()
}

async fn messages_that_are_none_close_the_connection(app: &TestApp) {
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    socket.0.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(socket.closed().await.0, 1003);
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let _ = socket.0.send(Message::text("x".repeat(5000))).await;
    assert_eq!(socket.closed().await.0, 1009);
}

async fn a_connection_has_its_time(app: &TestApp) {
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let event = socket.event().await;
    assert_eq!(event["error"]["code"], "websocket_connection_limit_reached");
    assert_eq!(socket.closed().await.0, 1000);
}

async fn an_idle_connection_is_closed(app: &TestApp) {
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    assert_eq!(
        socket.closed().await,
        (1000, "idle for too long".to_owned())
    );
}

async fn an_account_has_so_many_connections(app: &TestApp) {
    let token = runner(app).await;
    let first = Socket::open(app, NATIVE, &token).await;
    let told = ask_to_upgrade(app, &token, NATIVE).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (429, 2003),
        "{}",
        told.text
    );
    assert!(
        told.text.contains("1 WebSocket connections"),
        "{}",
        told.text
    );
    drop(first);
    for _ in 0..200 {
        let bearer = format!("Bearer {token}");
        let opened = Socket::try_open(app, NATIVE, &[("authorization", &bearer)]).await;
        if opened.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a closed connection still counts");
}

async fn what_is_too_long_to_keep_is_not_found(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut socket = Socket::open(app, NATIVE, &token).await;
    let mut event = create(&"word ".repeat(100));
    event["store"] = json!(false);
    let first = socket.ask(event.clone()).await;
    event["previous_response_id"] = first["response"]["id"].clone();
    let last = socket.ask(event).await;
    assert_eq!(
        last["error"]["code"], "previous_response_not_found",
        "{last}"
    );
}

async fn a_page_of_another_site_opens_none_without_a_token(app: &TestApp) {
    set(app, json!({"authentication": false})).await;
    let status = async |origin: &str| {
        let opened = Socket::try_open(app, NATIVE, &[("origin", origin)]).await;
        match opened {
            Ok(_) => 101,
            Err(Error::Http(answer)) => answer.status().as_u16(),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(status("https://evil.example").await, 403);
    assert_eq!(status(&app.url.clone()).await, 101);
}

crate::on_both_engines![
    what_has_no_websocket_says_so_by_426,
    where_websockets_are_off_clients_go_on_over_http with [("FAREBOX_GATEWAY__WEBSOCKETS_PER_ACCOUNT", "0")],
    who_may_not_run_is_told_that_first,
    each_response_is_a_call_of_its_own,
    by_author_and_model_beside_the_management_api,
    a_response_is_continued_without_anything_stored,
    a_response_that_was_prepared_costs_nothing_and_is_continued,
    what_waits_is_answered_in_its_order,
    refusals_and_errors_are_events_and_the_connection_stays,
    a_stream_that_is_cut_ends_with_an_error,
    a_token_that_is_revoked_ends_at_the_next_event,
    a_client_that_disconnects_pays_for_what_it_asked,
    a_server_that_stops_ends_the_response_first,
    messages_that_are_none_close_the_connection with [("FAREBOX_GATEWAY__BODY_LIMIT_BYTES", "1024")],
    a_connection_has_its_time with [("FAREBOX_GATEWAY__WEBSOCKET_MAX_SECONDS", "1")],
    an_idle_connection_is_closed with [("FAREBOX_GATEWAY__WEBSOCKET_IDLE_SECONDS", "1")],
    an_account_has_so_many_connections with [("FAREBOX_GATEWAY__WEBSOCKETS_PER_ACCOUNT", "1")],
    what_is_too_long_to_keep_is_not_found with [("FAREBOX_GATEWAY__WEBSOCKET_KEPT_BYTES", "100")],
    a_page_of_another_site_opens_none_without_a_token,
];
