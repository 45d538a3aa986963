//! Many streams that are open at once and bring nothing for a while.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sandbox::provider::{Behaviour, Fault};
use serde_json::json;

use super::{nanos, runner};
use crate::app::{TestApp, http_client};

/// How many are open. Each takes four files of the test's process.
const OPEN: usize = 500;

/// $100 in billionths of a dollar, and what a stream costs that is told whole: one word, and five.
const GIVEN: i64 = 100_000_000_000;
const COST: i64 = 2500 + 5 * 10_000;

/// So many files may be needed at once, by this test and those beside it.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(65_536).min(65_536);
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum,
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}

/// Opens streams that stall after their first words; gives back what lets them go on.
async fn open(app: &TestApp, count: usize) -> (sandbox::FaultId, Vec<reqwest::Response>) {
    let stalls = Behaviour {
        stall_after: Some(3),
        ..Default::default()
    };
    let fault = app.provider.add_fault(Fault {
        times: u32::try_from(count).unwrap(),
        ..Fault::next(stalls)
    });
    let token = runner(app).await;
    let client = http_client();
    let url = format!(
        "{}/v1/{}/default/openai/v1/chat/completions",
        app.url, app.account
    );
    let body = json!({"model": "gpt-4o", "stream": true, "max_tokens": 50,
        "messages": [{"role": "user", "content": "one"}]});
    let opened = stream::iter(0..count).map(async |_| {
        let request = client.post(&url).bearer_auth(&token).json(&body);
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.chunk().await.unwrap().unwrap();
        answer
    });
    let waiting = app.provider.counts().waiting + count as u64;
    let opened = opened.buffer_unordered(32).collect().await;
    app.provider.until(|counts| counts.waiting == waiting).await;
    (fault, opened)
}

/// Reads them to their ends; how many of them came whole.
async fn whole(streams: Vec<reqwest::Response>) -> usize {
    let read = streams.into_iter().map(async |stream| {
        let text = stream.text().await;
        text.is_ok_and(|text| text.ends_with("data: [DONE]\n\n"))
    });
    let read = join_all(read).await;
    read.into_iter().filter(|is_whole| *is_whole).count()
}

async fn count(app: &TestApp, sql: &str) -> usize {
    app.app.store.db.query(sql, &[]).await.unwrap().len()
}

async fn streams_that_wait_are_all_settled(app: &TestApp) {
    raise_file_limit();
    app.give(10_000).await;
    let (fault, streams) = open(app, OPEN).await;
    // Each has as much held as any other.
    let held = async || app.balance().await.held.unwrap().nanos();
    let all = held().await;
    let each = all / i64::try_from(OPEN).unwrap();
    assert!(
        each >= COST && each * i64::try_from(OPEN).unwrap() == all,
        "{all}"
    );
    assert!(app.provider.release(fault));
    assert_eq!(whole(streams).await, OPEN);
    let told = "SELECT id FROM charges WHERE basis = 'reported'";
    assert_eq!(count(app, told).await, OPEN);
    assert_eq!(
        nanos(app).await,
        GIVEN - COST * i64::try_from(OPEN).unwrap()
    );
    assert_eq!(held().await, 0);
}

/// Those that end in time are charged as ever, the others are cut and charged by an estimate.
async fn a_server_that_stops_waits_for_them_and_cuts_what_is_left(app: &TestApp) {
    raise_file_limit();
    app.give(10_000).await;
    let (fault, ending) = open(app, OPEN / 2).await;
    let (_, endless) = open(app, OPEN / 2).await;
    let stopping = async {
        let stopped = tokio::time::timeout(Duration::from_secs(30), app.app.shut_down());
        stopped.await.expect("it stops");
    };
    let releasing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        app.provider.release(fault);
    };
    let (ended, cut, (), ()) = tokio::join!(whole(ending), whole(endless), stopping, releasing);
    assert_eq!((ended, cut), (OPEN / 2, 0));
    for basis in ["reported", "estimated"] {
        let sql = format!("SELECT id FROM charges WHERE basis = '{basis}'");
        assert_eq!(count(app, &sql).await, OPEN / 2, "{basis}");
    }
    assert_eq!(
        count(app, "SELECT id FROM holds WHERE state = 'open'").await,
        0
    );
}

crate::on_both_engines![
    streams_that_wait_are_all_settled,
    a_server_that_stops_waits_for_them_and_cuts_what_is_left with [("FAREBOX_GATEWAY__DRAIN_SECONDS", "8")],
];
