use std::time::{Duration, Instant};

use sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::client::{App, start};

fn on_customers(action: FaultAction) -> Fault {
    Fault {
        method: Some("POST".into()),
        path: "/v1/customers".into(),
        nth: 1,
        times: 1,
        action,
    }
}

async fn customers(app: &App) -> usize {
    let all = app.http.get("/v1/customers", &[]).await.ok();
    all["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_answer_without_the_work() {
    let app = start().await;
    let action = FaultAction::Answer {
        status: 429,
        retry_after: Some(3),
    };
    app.stripe.add_fault(on_customers(action));
    let limited = app.http.keyed("/v1/customers", &[], "k").await;
    assert_eq!(limited.error(), (429, "rate_limit"));
    assert_eq!(limited.header("retry-after"), Some("3"));
    assert_eq!(customers(&app).await, 0);
    let retried = app.http.keyed("/v1/customers", &[], "k").await;
    assert_eq!(
        retried.header("idempotent-replayed"),
        None,
        "nothing was stored"
    );
    retried.ok();
    assert_eq!(customers(&app).await, 1);
    let action = FaultAction::Answer {
        status: 500,
        retry_after: None,
    };
    app.stripe.add_fault(on_customers(action));
    let broken = app.http.post("/v1/customers", &[]).await;
    assert_eq!((broken.status, broken.header("retry-after")), (500, None));
}

#[tokio::test]
async fn a_connection_closed_before_or_after_the_work() {
    for (action, done) in [(FaultAction::CloseBefore, 0), (FaultAction::CloseAfter, 1)] {
        let app = start().await;
        app.stripe.add_fault(on_customers(action.clone()));
        let headers = [("idempotency-key", "k")];
        let cut = app.http.send("POST", "/v1/customers", &[], &headers).await;
        assert!(cut.is_err(), "{action:?} gave {cut:?}");
        assert_eq!(customers(&app).await, done, "{action:?}");
        let retried = app.http.keyed("/v1/customers", &[], "k").await;
        assert_eq!(
            retried.header("idempotent-replayed").is_some(),
            done == 1,
            "{action:?}"
        );
        retried.ok();
        assert_eq!(customers(&app).await, 1, "{action:?}");
        assert_eq!(app.stripe.requests()[0].status, None);
    }
}

#[tokio::test]
async fn a_hang_after_the_work_has_done_it() {
    let app = start().await;
    let hang = app.stripe.add_fault(on_customers(FaultAction::HangAfter));
    let http = app.http.clone();
    let mut first = Box::pin(async move { http.keyed("/v1/customers", &[], "k").await });
    tokio::select! {
        () = app.stripe.hanging(hang) => {}
        _ = &mut first => panic!("it was to hang"),
    }
    assert_eq!(customers(&app).await, 1);
    drop(first);
    let again = app.http.keyed("/v1/customers", &[], "k").await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(customers(&app).await, 1);
}

#[tokio::test]
async fn a_fault_hits_the_nth_match_and_as_often_as_told() {
    let app = start().await;
    let action = FaultAction::Answer {
        status: 500,
        retry_after: None,
    };
    let fault = Fault {
        method: None,
        path: "/v1/*/cus_1".into(),
        nth: 2,
        times: 2,
        action,
    };
    app.stripe.add_fault(fault);
    let mut seen = Vec::new();
    for path in ["/v1/customers/cus_1", "/v1/customers/cus_2"].repeat(4) {
        seen.push(app.http.get(path, &[]).await.status);
    }
    assert_eq!(seen, [404, 404, 500, 404, 500, 404, 404, 404]);
}

#[tokio::test]
async fn a_delay_takes_its_time_and_then_works() {
    let app = start().await;
    app.stripe
        .add_fault(on_customers(FaultAction::Delay { ms: 200 }));
    let before = Instant::now();
    app.http.customer().await;
    assert!(before.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn scripts_can_do_the_same() {
    let app = start().await;
    let body = json!({
        "method": "POST", "path": "/v1/customers", "action": { "kind": "hang_before" },
    });
    let id = app.http.control("faults", body).await.ok()["id"]
        .as_u64()
        .unwrap();
    let http = app.http.clone();
    let mut first = Box::pin(async move { http.post("/v1/customers", &[]).await });
    let waiting = format!("/_sandbox/faults/{id}/hanging");
    tokio::select! {
        answer = app.http.get(&waiting, &[]) => { answer.ok(); }
        _ = &mut first => panic!("it was to hang"),
    }
    app.http
        .control(&format!("faults/{id}/release"), json!({}))
        .await
        .ok();
    first.await.ok();
    let none = app.http.get(&waiting, &[("timeout_ms", "50")]).await;
    assert_eq!(none.status, 408);
    let wrong = json!({ "path": "/", "action": { "kind": "explode" } });
    assert_eq!(app.http.control("faults", wrong).await.status, 422);
    assert_eq!(
        app.http.get("/_sandbox/requests", &[]).await.ok()["requests"][0]["status"],
        200
    );
    assert_eq!(
        app.http.get("/_sandbox/state", &[]).await.ok()["customer"][0]["name"],
        json!(null)
    );
    let plain = app.http.post("/_sandbox/faults/clear", &[]).await;
    assert_eq!(
        plain.status, 415,
        "a form, which any web page could send, changes nothing"
    );
}

#[tokio::test]
async fn shutdown_lets_go_of_what_hangs() {
    let app = start().await;
    let hang = app.stripe.add_fault(on_customers(FaultAction::HangBefore));
    let http = app.http.clone();
    let mut first = Box::pin(async move { http.send("POST", "/v1/customers", &[], &[]).await });
    tokio::select! {
        () = app.stripe.hanging(hang) => {}
        _ = &mut first => panic!("it was to hang"),
    }
    let before = Instant::now();
    let (ended, ()) = tokio::join!(first, app.stripe.shutdown());
    assert!(
        ended.is_err(),
        "the work was not begun, so there is nothing to answer"
    );
    assert!(before.elapsed() < Duration::from_secs(1));
    assert!(
        app.http
            .send("GET", "/v1/customers", &[], &[])
            .await
            .is_err()
    );
}
