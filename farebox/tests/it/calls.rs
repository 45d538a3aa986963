//! Calls through a gateway, as the proxy writes them down: settled with the money, without a proxy.

use std::collections::BTreeMap;

use farebox::ids::{self, LogId};
use farebox::store::charges::{Basis, NewCharge};
use farebox::store::committer::{Attached, CommitError, Entry};
use farebox::store::gateways::{self, Gateway, Settings};
use farebox::store::logs::{Body, Call, KeySource, NewCall, NewLog, Payloads};
use ledger::{Amount, Operation, Outcome, Timestamp, TransferId};
use serde_json::json;

use crate::app::TestApp;
use crate::store::money;

/// A gateway of the test's account with these settings.
pub async fn gateway(app: &TestApp, id: &str, settings: &Settings) -> Gateway {
    let made = gateways::create(&app.app.store.db, app.account, id, settings, app.app.now());
    made.await.unwrap()
}

/// What a call to a model is like that went well.
pub fn call(provider: &str, model: &str) -> Call {
    Call {
        provider: provider.to_owned(),
        model: model.to_owned(),
        model_type: Some("Text Generation".to_owned()),
        success: true,
        cached: false,
        tokens_in: Some(100),
        tokens_out: Some(20),
        cost: Some(Amount::from_nanos(450_000)),
        custom_cost: false,
        duration: 730,
        first_byte: Some(210),
        status_code: Some(200),
        request_type: Some("chat".to_owned()),
        path: "v1/chat/completions".to_owned(),
        step: None,
        event_id: None,
        user_agent: Some("OpenAI/Python 2.0".to_owned()),
        authentication: true,
        key_source: KeySource::Operator,
        compatibility: false,
        request_content_type: Some("application/json".to_owned()),
        response_content_type: Some("application/json".to_owned()),
        request_size: i64::try_from(REQUEST.len()).unwrap(),
        response_size: i64::try_from(RESPONSE.len()).unwrap(),
        error: None,
    }
}

pub const REQUEST: &str = r#"{"model":"gpt-4o","messages":[]}"#;
pub const RESPONSE: &str = r#"{"choices":[]}"#;

/// Ids of calls of that time as they were until 2026-11: ULIDs.
pub fn ulids(at: Timestamp) -> [String; 3] {
    let first = LogId::first_at(at).key();
    ["1", "2", "3"].map(|last| format!("{}{last}", &first[..25]))
}

/// A call that costs nothing, at that time.
pub fn free(gateway: &Gateway, at: Timestamp, call: Call) -> NewCall {
    NewCall {
        id: LogId::new(at),
        account: gateway.account,
        gateway: gateway.seq,
        charge: None,
        log: Some(NewLog {
            call,
            metadata: BTreeMap::new(),
            payloads: Some(Payloads {
                request: Some(Body::pack(REQUEST.as_bytes(), 1 << 20)),
                response: Some(Body::pack(RESPONSE.as_bytes(), 1 << 20)),
            }),
            stop_at: gateway.settings.logs_stop_at(),
        }),
    }
}

/// The same with its caller's notes.
pub fn noted(mut new: NewCall, notes: serde_json::Value) -> NewCall {
    let notes = serde_json::from_value(notes).unwrap();
    new.log.as_mut().unwrap().metadata = notes;
    new
}

/// Writes down a call for which no money moves.
pub async fn write(app: &TestApp, new: NewCall) -> Result<LogId, CommitError> {
    let id = new.id;
    commit(app, Vec::new(), new).await?;
    Ok(id)
}

/// Holds credit, and settles a call of that cost out of it, in the transaction of its log.
pub async fn settle(app: &TestApp, new: NewCall, nanos: i64) -> Result<LogId, CommitError> {
    let (id, hold) = (new.id, transfer("hold", new.id));
    let committer = &app.app.store.committer;
    let held = committer.commit_one(money::hold(new.account, hold, nanos));
    held.await.unwrap();
    commit(app, vec![post(&new, nanos)], charged(new, nanos)).await?;
    Ok(id)
}

/// The transfer that settles a call.
pub fn post(new: &NewCall, nanos: i64) -> Operation {
    money::post(
        new.account,
        transfer("post", new.id),
        transfer("hold", new.id),
        nanos,
    )
}

/// The same call with its charge.
pub fn charged(mut new: NewCall, nanos: i64) -> NewCall {
    let call = &new.log.as_ref().unwrap().call;
    new.charge = Some(NewCharge {
        provider: call.provider.clone(),
        model: call.model.clone(),
        units: [("input".to_owned(), 100), ("output".to_owned(), 20)].into(),
        terms: [("service_tier".to_owned(), "default".to_owned())].into(),
        basis: Basis::Reported,
        cost: call.cost,
        charged: Amount::from_nanos(nanos),
        overrun: Amount::ZERO,
        rate: Some("openai/gpt-4o 2026-01-01".to_owned()),
        explanation: Some("input: 100 x 2.5 per million = 0.00025".to_owned()),
        hold: Some(transfer("hold", new.id)),
        transfer: Some(transfer("post", new.id)),
    });
    new
}

pub fn transfer(purpose: &str, call: LogId) -> TransferId {
    ids::transfer_for(purpose, &call.to_string())
}

pub async fn commit(
    app: &TestApp,
    operations: Vec<Operation>,
    new: NewCall,
) -> Result<Vec<Outcome>, CommitError> {
    let entry = Entry {
        operations,
        attached: Some(Attached::Call(std::sync::Arc::new(new))),
    };
    app.app.store.committer.commit(entry).await
}

/// A handful of logs that differ in everything that can be looked for, oldest first.
pub async fn variety(app: &TestApp, gateway: &Gateway) -> Vec<LogId> {
    let now = app.app.now();
    let ago = |seconds: i64| Timestamp::from_millis(now.millis() - seconds * 1000);
    let failed = Call {
        success: false,
        status_code: Some(500),
        tokens_in: None,
        tokens_out: None,
        cost: None,
        duration: 30,
        error: Some("the provider has answered 500".to_owned()),
        ..call("anthropic", "claude-sonnet-4-5")
    };
    let cached = Call {
        cached: true,
        cost: Some(Amount::ZERO),
        key_source: KeySource::None,
        duration: 2,
        ..call("openai", "gpt-4o")
    };
    let own_key = Call {
        key_source: KeySource::Stored,
        event_id: Some("trace-7".to_owned()),
        compatibility: true,
        tokens_in: Some(9000),
        cost: Some(Amount::from_nanos(200_000_000)),
        duration: 9000,
        step: Some(1),
        ..call("google-ai-studio", "gemini-2.5-flash")
    };
    let calls = [
        free(gateway, ago(50), call("openai", "gpt-4o")),
        noted(
            free(gateway, ago(40), failed),
            json!({ "user": "ada", "try": 2 }),
        ),
        free(gateway, ago(30), cached),
        noted(
            free(gateway, ago(20), own_key),
            json!({ "user": "grace", "beta": true }),
        ),
        noted(
            free(gateway, ago(10), call("openai", "gpt-4o-mini")),
            json!({ "user": "ada", "plan": "50%_off" }),
        ),
    ];
    let mut made = Vec::new();
    for one in calls {
        made.push(write(app, one).await.unwrap());
    }
    made
}
