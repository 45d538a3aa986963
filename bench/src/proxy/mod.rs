//! Calls through Farebox with everything on, beside the same calls through a plain nginx and through peers.
//!
//! One upstream answers all of them with the same bytes, one generator asks, all in turns in one run. Farebox
//! holds credit durably before it asks the upstream, settles durably before it answers, prices, and writes a log;
//! of the others none does any of it.

mod gateway;
mod memory;
mod open;
pub(crate) mod upstream;

use farebox::ids;
use ledger::{Account, Amount, Code, Operation};

use crate::Failure;
use crate::clock::Round;
use crate::engine::{Engine, Scratch};
use crate::load::{self, Load, STREAM_END};
use crate::plan::Plan;
use crate::report;
use crate::subject::Subject;
use gateway::Gateway;
use upstream::Upstream;

/// The name by which the aims are told.
const NGINX: &str = "nginx, plain";

/// How many clients call at a time where throughput is measured.
const CONNECTIONS: usize = 32;

const WHOLE: &str =
    r#"{"model":"gpt-4o","max_tokens":64,"messages":[{"role":"user","content":"How do you do?"}]}"#;

const STREAM: &str = r#"{"model":"gpt-4o","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"How do you do?"}]}"#;

/// Measures calls through everything that there is, and prints the tables.
pub(crate) async fn measure(plan: &Plan, engine: &Engine) -> Result<(), Failure> {
    let upstream = Upstream::start().await?;
    let scratch = Scratch::create(plan, engine).await?;
    let options = [
        ("FAREBOX_PROVIDERS__KEYS", "openai=sk-upstream".to_owned()),
        (
            "FAREBOX_PROVIDERS__URLS",
            format!("openai=http://{}", upstream.address),
        ),
    ];
    let subject = Subject::start(&scratch, &options, "AI Gateway Run").await?;
    fund(&subject).await?;
    let (gateways, missing) = all(plan, &upstream, &subject, scratch.dir.path()).await?;
    open::measure(plan, engine, &upstream, &gateways).await?;
    calls(plan, engine, &gateways).await?;
    streams(plan, engine, &gateways).await?;
    for (name, why) in missing {
        println!("\n{name} is left out: {why}");
    }
    drop(gateways);
    subject.stop().await?;
    scratch.drop_database().await
}

/// More credit than a run can use.
async fn fund(subject: &Subject) -> Result<(), Failure> {
    let credit = Operation::Transfer {
        id: ids::transfer_for("benchmark", &ids::opaque()),
        debit: Account::Promotions,
        credit: Account::Customer(subject.account),
        amount: Amount::from_cents(100_000_000).ok_or("out of range")?,
        code: Code::Promotion,
        reference: String::new(),
    };
    subject.app.store.committer.commit_one(credit).await?;
    Ok(())
}

/// Names and reasons of those that are left out.
type Missing = Vec<(&'static str, String)>;

/// Everything that was asked for and answers, and what does not.
async fn all(
    plan: &Plan,
    upstream: &Upstream,
    subject: &Subject,
    dir: &std::path::Path,
) -> Result<(Vec<Gateway>, Missing), Failure> {
    let address = upstream.address;
    let mut found = vec![
        ("the upstream alone", Ok(Gateway::direct(address))),
        ("Farebox", Ok(farebox(subject, "Farebox", ""))),
        (
            "Farebox, no logs",
            Ok(farebox(
                subject,
                "Farebox, no logs",
                "\r\ncf-aig-collect-log: false",
            )),
        ),
    ];
    let peers = &plan.peers;
    let missing = |program: &std::path::Path| -> Result<std::path::PathBuf, Failure> {
        gateway::find(program).ok_or_else(|| format!("no {}", program.display()).into())
    };
    let nginx = match missing(&peers.nginx) {
        Ok(program) => Gateway::nginx(&program, dir, address).await,
        Err(error) => Err(error),
    };
    found.insert(1, (NGINX, nginx));
    let ferrogw = match missing(&peers.ferrogw) {
        Ok(program) => Gateway::ferrogw(&program, dir, address).await,
        Err(error) => Err(error),
    };
    found.push(("ferrogw", ferrogw));
    let portkey = match &peers.portkey {
        Some(script) => Gateway::portkey(script, address).await,
        None => Err("name its start-server.js with --portkey".into()),
    };
    found.push(("@portkey-ai/gateway", portkey));
    let (mut gateways, mut left_out) = (Vec::new(), Vec::new());
    for (name, gateway) in found {
        if !plan.wants_gateway(name) {
            continue;
        }
        let answered = match gateway {
            Ok(gateway) => gateway::answers(&gateway, WHOLE).await.map(|_| gateway),
            Err(error) => Err(error),
        };
        match answered {
            Ok(gateway) => gateways.push(gateway),
            Err(error) => left_out.push((name, error.to_string())),
        }
    }
    Ok((gateways, left_out))
}

/// The default gateway of an account that pays in advance, with the operator's key.
fn farebox(subject: &Subject, name: &'static str, more: &str) -> Gateway {
    let (account, token) = (subject.account, &subject.token);
    Gateway {
        name,
        address: subject.address,
        head: format!(
            "POST /v1/{account}/default/openai/v1/chat/completions HTTP/1.1\r\n\
             authorization: Bearer {token}{more}"
        ),
        process: Some(std::process::id()),
        child: None,
    }
}

/// Whole answers: one client after the other, and many at once.
async fn calls(plan: &Plan, engine: &Engine, gateways: &[Gateway]) -> Result<(), Failure> {
    let columns = [
        "through",
        "1 connection: p50 ms",
        "p99 ms",
        "p50 over nginx",
        "32 connections: requests/s",
        "p50 ms",
        "p99 ms",
        "of nginx",
    ];
    let title = format!("Calls with whole answers, {}", engine.name());
    report::head(&title, &columns);
    let alone = in_turns(plan, gateways, 1, WHOLE).await?;
    let many = in_turns(plan, gateways, CONNECTIONS, WHOLE).await?;
    let floor = gateways.iter().position(|gateway| gateway.name == NGINX);
    for (index, gateway) in gateways.iter().enumerate() {
        let (Some(one), Some(all)) = (alone.get(index), many.get(index)) else {
            continue;
        };
        let over = floor.and_then(|floor| alone.get(floor));
        let over = over.map(|floor| Round::median_of(one).p50 - Round::median_of(floor).p50);
        let ratio = floor.and_then(|floor| many.get(floor));
        let ratio = ratio.map(|floor| report::ratio(all, floor));
        let (one, all) = (Round::median_of(one), Round::median_of(all));
        report::row(&[
            gateway.name.to_owned(),
            format!("{:.2}", one.p50),
            format!("{:.2}", one.p99),
            over.map_or_else(String::new, |over| format!("{over:+.2}")),
            format!("{:.0}", all.per_second),
            format!("{:.2}", all.p50),
            format!("{:.2}", all.p99),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        ]);
    }
    Ok(())
}

/// Streams, read to their ends.
async fn streams(plan: &Plan, engine: &Engine, gateways: &[Gateway]) -> Result<(), Failure> {
    let columns = ["through", "streams/s", "p50 ms", "p99 ms", "of nginx"];
    let title = format!(
        "Streams of 24 events, {}, {CONNECTIONS} connections",
        engine.name()
    );
    report::head(&title, &columns);
    let rounds = in_turns(plan, gateways, CONNECTIONS, STREAM).await?;
    let floor = gateways.iter().position(|gateway| gateway.name == NGINX);
    for (gateway, own) in gateways.iter().zip(&rounds) {
        let ratio = floor.and_then(|floor| rounds.get(floor));
        let ratio = ratio.map(|floor| report::ratio(own, floor));
        let middle = Round::median_of(own);
        report::row(&[
            gateway.name.to_owned(),
            format!("{:.0}", middle.per_second),
            format!("{:.2}", middle.p50),
            format!("{:.2}", middle.p99),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        ]);
    }
    Ok(())
}

/// One after the other, as often as the plan says: each one's rounds.
async fn in_turns(
    plan: &Plan,
    gateways: &[Gateway],
    connections: usize,
    body: &str,
) -> Result<Vec<Vec<Round>>, Failure> {
    let mut loads = Vec::new();
    for gateway in gateways {
        let answer = gateway::answers(gateway, body).await?;
        let is_stream = body == STREAM;
        loads.push(Load {
            address: gateway.address,
            connections,
            round: plan.round,
            request: gateway.request(body),
            body: if is_stream {
                STREAM_END.to_owned()
            } else {
                answer.body
            },
        });
    }
    let mut rounds = vec![Vec::new(); gateways.len()];
    for _ in 0..plan.rounds {
        for (load, own) in loads.iter().zip(&mut rounds) {
            own.push(load::run(load).await?);
        }
    }
    Ok(rounds)
}
