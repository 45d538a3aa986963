//! `/v1/{account_id}/{gateway_id}/…`: calls to models, paid for out of an account's credit.

use std::time::Duration;

use api::Cents;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{TestApp, http_client};

mod bills;
mod cache;
mod clients;
mod compat;
mod cost;
mod custom;
mod extension;
mod faults;
mod headers;
mod holds;
mod idle;
mod keys;
mod leases;
mod money;
mod native;
mod operators;
mod rate;
mod raw;
mod refusals;
mod rest;
mod shapes;
mod slow;
mod spend;
pub mod storm;
mod streams;
mod universal;
mod websocket;
mod zdr;

/// A model and its prices: $2.50 and $10 for a million tokens.
pub const MODEL: &str = "gpt-4o";

/// What a call brought.
#[derive(Debug)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of an error of the data plane.
    pub fn code(&self) -> i64 {
        self.json()["internalCode"].as_i64().unwrap()
    }
}

/// A token that may run.
pub async fn runner(app: &TestApp) -> String {
    app.token_for(app.account, &["AI Gateway Run"]).await
}

/// A request to the default gateway, without credentials.
pub fn to(app: &TestApp, path: &str) -> reqwest::RequestBuilder {
    let url = format!("{}/v1/{}/default/{path}", app.url, app.account);
    http_client().request(Method::POST, url)
}

pub async fn send(request: reqwest::RequestBuilder) -> Told {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer
        .text()
        .await
        .unwrap_or_else(|error| format!("broken off: {error}"));
    Told {
        status,
        headers,
        text,
    }
}

/// A chat with one message, with the account's token.
pub async fn chat(app: &TestApp, token: &str, body: Value) -> Told {
    send(
        to(app, "openai/v1/chat/completions")
            .bearer_auth(token)
            .json(&body),
    )
    .await
}

pub fn asks(words: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": words}]})
}

/// Sets something on the default gateway, which is made where it isn't there.
pub async fn set(app: &TestApp, settings: Value) {
    let (db, now) = (&app.app.store.db, app.app.now());
    let made = farebox::store::gateways::get_or_create_default(db, app.account, now).await;
    made.unwrap();
    keys::manage(app, Method::PATCH, "gateways/default", settings).await;
}

/// Takes credit until so much is left, in billionths of a dollar.
pub async fn leave(app: &TestApp, left: i64) {
    use ledger::{Account, Amount, Code, Operation};
    let operation = Operation::Transfer {
        id: farebox::ids::transfer_for("spent", &farebox::ids::opaque()),
        debit: Account::Customer(app.account),
        credit: Account::Revenue,
        amount: Amount::from_nanos(nanos(app).await - left),
        code: Code::Usage,
        reference: "before".to_owned(),
    };
    app.app.store.committer.commit_one(operation).await.unwrap();
}

/// The balance in billionths of a dollar.
pub async fn nanos(app: &TestApp) -> i64 {
    let balance: Cents = app.balance().await.balance;
    balance.nanos()
}

/// Waits until no call holds anything any more, for as long as a busy machine may need.
pub async fn is_settled(app: &TestApp) {
    let open = "SELECT id FROM holds WHERE state = 'open'";
    for _ in 0..1200 {
        if app.app.store.db.query(open, &[]).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("something is still held");
}

/// The one log, as the store has it.
pub async fn log(app: &TestApp, told: &Told) -> farebox::store::logs::Log {
    let gateway = farebox::store::gateways::find(&app.app.store.db, app.account, "default");
    let gateway = gateway.await.unwrap().unwrap();
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let found = farebox::store::logs::find(&app.app.store.db, &gateway, id).await;
    found.unwrap().expect("a log")
}
