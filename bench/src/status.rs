//! Requests a second to `POST topup/status`, beside a bare route that returns the very same bytes.
//!
//! The Farebox is a real one: authentication, the read from the store, limits, counting and logging
//! are on. Both listen in this process, on the same threads, and answer the same generator in turns.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::Bytes;
use farebox::app::App;
use farebox::billing::{self, TopupRequest};
use tokio::net::TcpListener;

use crate::Failure;
use crate::clock::{Round, median};
use crate::engine::{Engine, Scratch};
use crate::load::{self, Answer, Load};
use crate::plan::Plan;
use crate::report;
use crate::subject::Subject;

/// How many clients poll at a time.
const CONNECTIONS: usize = 32;

/// The cards of the sandbox, and with that the two states a poll can find.
const CARDS: [(&str, &str); 2] = [
    ("completed", "pm_card_visa"),
    ("pending", "pm_card_authenticationRequired"),
];

/// Measures polls of a completed and of a pending top-up on this engine and prints the table.
pub(crate) async fn measure(plan: &Plan, engine: &Engine) -> Result<(), Failure> {
    let columns = [
        "top-up",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "bare route/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "ratio",
    ];
    let title = format!(
        "`POST topup/status`, {}, {CONNECTIONS} connections",
        engine.name()
    );
    report::head(&title, &columns);
    let scratch = Scratch::create(plan, engine).await?;
    let subject = start(&scratch).await?;
    for (state, card) in CARDS {
        let load = poll(&subject, plan, state, card).await?;
        let mut cells = vec![state.to_owned()];
        cells.extend(in_turns(plan, &subject, &load).await?);
        report::row(&cells);
    }
    subject.stop().await?;
    scratch.drop_database().await
}

/// The bare route and Farebox, one after the other, as often as the plan says.
async fn in_turns(plan: &Plan, subject: &Subject, load: &Load) -> Result<Vec<String>, Failure> {
    let answer = load::ask_once(load.address, &load.request).await?;
    let bare = Load {
        address: serve_bare(&subject.app, answer).await?,
        ..load.clone()
    };
    let (mut floor, mut polls) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        floor.push(timed(&bare).await?);
        polls.push(timed(load).await?);
    }
    let mut cells = figures(&polls);
    cells.extend(figures(&floor));
    let rounds = |all: &[Timed]| all.iter().map(|one| one.round).collect::<Vec<_>>();
    cells.push(format!(
        "{:.2}",
        report::ratio(&rounds(&polls), &rounds(&floor))
    ));
    Ok(cells)
}

/// A round, and what it cost this process; the generator is another.
struct Timed {
    round: Round,
    /// Microseconds of processor time a request.
    cpu: f64,
}

async fn timed(load: &Load) -> Result<Timed, Failure> {
    let before = cpu_time()?;
    let round = load::run(load).await?;
    // The warm-up has been served as well.
    let served = round.per_second * (load.round * 11 / 10).as_secs_f64();
    let cpu = (cpu_time()? - before).as_secs_f64() * 1e6 / served;
    Ok(Timed { round, cpu })
}

/// Processor time of this process so far: fields 14 and 15 of proc(5)'s `stat`, in hundredths.
fn cpu_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u64>);
    Ok(Duration::from_millis(ticks.sum::<Result<u64, _>>()? * 10))
}

fn figures(all: &[Timed]) -> Vec<String> {
    let rounds: Vec<_> = all.iter().map(|one| one.round).collect();
    let middle = Round::median_of(&rounds);
    vec![
        format!("{:.0}", middle.per_second),
        format!("{:.2}", middle.p50),
        format!("{:.2}", middle.p99),
        format!("{:.0}", median(all.iter().map(|one| one.cpu).collect())),
    ]
}

/// The floor: the same framework, the same listener, and an answer that is there already. The request
/// is received whole, as any route has to.
async fn serve_bare(app: &App, answer: Answer) -> Result<SocketAddr, Failure> {
    let mut response = Response::builder();
    for (name, value) in answer.head.lines().filter_map(|line| line.split_once(": ")) {
        // These two are written by the server itself.
        if !matches!(name, "content-length" | "date") {
            response = response.header(name, value);
        }
    }
    let (head, ()) = response.body(())?.into_parts();
    let body = Bytes::from(answer.body);
    let answer = move |_: Bytes| {
        let response = Response::from_parts(head.clone(), axum::body::Body::from(body.clone()));
        std::future::ready(response)
    };
    let path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/status";
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = Router::new()
        .route(path, post(answer))
        .fallback(async |_: Request| "no route");
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(app.stop.clone().cancelled_owned());
    app.tasks.spawn(async move { serving.await });
    Ok(address)
}

/// A Farebox whose customer has the cards.
async fn start(scratch: &Scratch) -> Result<Subject, Failure> {
    // The pending top-up was looked at when it was bought, and that counts as just now all along.
    let options = [("FAREBOX_TOPUP__STATUS_REFRESH_SECONDS", "3600".to_owned())];
    let subject = Subject::start(scratch, &options, "AI Gateway Write").await?;
    let customer = billing::ensure_customer(&subject.app, subject.account).await?;
    for (_, card) in CARDS {
        let seeded = subject.stripe.seed_customer_card(&customer, card, false);
        seeded.map_err(|refusal| format!("{card}: {refusal:?}"))?;
    }
    Ok(subject)
}

/// Buys credit with this card, and makes the request that asks what has become of it.
async fn poll(subject: &Subject, plan: &Plan, state: &str, card: &str) -> Result<Load, Failure> {
    let request = TopupRequest {
        account: subject.account,
        created_by: "benchmark".to_owned(),
        amount_cents: 1000,
        payment_method: Some(card.to_owned()),
        idempotency: None,
    };
    let invoice = billing::start_topup(&subject.app, request)
        .await?
        .payment_intent_id;
    let body = format!(r#"{{"payment_intent_id":"{invoice}"}}"#);
    let (account, token, length) = (subject.account, &subject.token, body.len());
    let request = format!(
        "POST /client/v4/accounts/{account}/ai-gateway/billing/topup/status HTTP/1.1\r\n\
         host: localhost\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let answer = load::ask_once(subject.address, &request).await?;
    if !answer.body.contains(&format!(r#""status":"{state}""#)) {
        return Err(format!("the top-up is not {state}: {}", answer.body).into());
    }
    Ok(Load {
        address: subject.address,
        connections: CONNECTIONS,
        round: plan.round,
        request,
        body: answer.body,
    })
}
