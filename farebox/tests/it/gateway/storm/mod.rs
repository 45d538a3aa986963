//! Thousands of calls, a third of which go wrong at a random point, at either end; and credit that is short now
//! and then. Afterwards every call is charged for what its provider has recorded, and once.

pub mod plan;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use farebox::store::holds;
use futures_util::{StreamExt, stream};
use sandbox::provider::Recorded;

use super::raw::{self, Got, Leave};
use super::{is_settled, runner};
use crate::app::TestApp;
use plan::{Owed, Plan, Random, Trouble};

/// How many calls there are.
const CALLS: usize = 2000;

/// How many are under way at a time.
const AT_ONCE: usize = 48;

/// What there is at the beginning and what is added from time to time, in cents: less than all calls under way
/// can hold, so that some are cut to what there is and some are refused.
const GIVEN: i64 = 2;

/// After how many calls some credit is added.
const EVERY: usize = 100;

/// How long the answer is read on for a client that has left, in milliseconds: the option below.
const DRAIN: i64 = 3000;

/// What a call was charged.
#[derive(Debug)]
struct Charged {
    charged: i64,
    held: i64,
    basis: String,
    /// Of the call, in milliseconds.
    took: i64,
}

/// A call and what its client has got of it.
struct Made {
    plan: Plan,
    got: Got,
}

async fn each_of_many_calls_is_charged_once(app: &TestApp) {
    let seed = match std::env::var("FAREBOX_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::process::id()),
    };
    eprintln!("FAREBOX_TEST_SEED={seed}");
    let begun = std::time::Instant::now();
    let made = make_all(app, seed).await;
    eprintln!("made in {:?}", begun.elapsed());
    let given = i64::try_from(CALLS.div_ceil(EVERY)).unwrap() * GIVEN * 10_000_000;
    is_settled(app).await;
    let charges = charges(app).await;
    let requests = app.provider.requests();
    let mut recorded = by_call(&requests);
    for call in &made {
        let attempts = recorded.remove(&call.plan.name).unwrap_or_default();
        is_charged_rightly(call, &attempts, charges.get(&call.plan.name));
    }
    assert!(recorded.is_empty(), "nobody has made these: {recorded:?}");
    let sum: i64 = charges.values().map(|charge| charge.charged).sum();
    let balances = holds::balances(&app.app.store.db, app.account)
        .await
        .unwrap();
    assert_eq!(balances.posted().nanos(), given - sum);
    assert_eq!(balances.held().nanos(), 0);
    has_seen_everything(&made, &charges);
}

/// Makes the calls, adds credit, and looks at the balance all the time.
async fn make_all(app: &TestApp, seed: u64) -> Vec<Made> {
    let token = runner(app).await;
    let (account, server) = (app.account.to_string(), server(app));
    let mut random = Random(seed);
    let plans: Vec<_> = (0..CALLS)
        .map(|number| Plan::draw(&mut random, number))
        .collect();
    let calls = stream::iter(plans.into_iter().enumerate()).map(async |(number, plan)| {
        if number % EVERY == 0 {
            app.give(GIVEN).await;
        }
        let request = plan.request(&account, &token);
        let got = raw::exchange(server, &request, plan.leave).await;
        Made { plan, got }
    });
    let calling = calls.buffer_unordered(AT_ONCE).collect();
    tokio::select! {
        made = calling => made,
        () = never_below_zero(app) => unreachable!(),
    }
}

async fn never_below_zero(app: &TestApp) {
    loop {
        let balances = holds::balances(&app.app.store.db, app.account).await;
        let available = balances.unwrap().available();
        assert!(!available.is_negative(), "{available}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn server(app: &TestApp) -> SocketAddr {
    app.url.trim_start_matches("http://").parse().unwrap()
}

/// Every charge, by the name of its call.
async fn charges(app: &TestApp) -> BTreeMap<String, Charged> {
    let sql = "SELECT logs.event_id, charges.charged, charges.basis, transfers.amount, \
         logs.duration FROM charges \
         JOIN logs ON logs.id = charges.id JOIN transfers ON transfers.id = charges.hold";
    let rows = app.app.store.db.query(sql, &[]).await.unwrap();
    let count = rows.len();
    let charges = rows.into_iter().map(|mut row| {
        let name = row.text().unwrap();
        let charged = row.int().unwrap();
        let basis = row.text().unwrap();
        let held = row.int().unwrap();
        let took = row.int().unwrap();
        let charge = Charged {
            charged,
            held,
            basis,
            took,
        };
        (name, charge)
    });
    let charges: BTreeMap<_, _> = charges.collect();
    assert_eq!(charges.len(), count, "a call is charged twice");
    let sql = "SELECT id FROM charges";
    let all = app.app.store.db.query(sql, &[]).await.unwrap();
    assert_eq!(all.len(), count, "a charge has no log or no hold");
    charges
}

/// What the provider has recorded of each call: an attempt each.
fn by_call(requests: &[Recorded]) -> BTreeMap<String, Vec<&Recorded>> {
    let mut all: BTreeMap<String, Vec<&Recorded>> = BTreeMap::new();
    for request in requests {
        let body = request.body.to_string();
        let (_, name) = body.split_once("storm-").unwrap();
        let (number, _) = name.split_once(' ').unwrap();
        let attempts = all.entry(format!("storm-{number}")).or_default();
        attempts.push(request);
    }
    all
}

fn is_charged_rightly(call: &Made, recorded: &[&Recorded], charge: Option<&Charged>) {
    let Made { plan, got } = call;
    let what = || {
        let text = got.text();
        let begin: String = text.chars().take(500).collect();
        format!("{plan:?}\n{charge:?}\n{recorded:?}\n{}\n{begin}", got.head)
    };
    assert!(
        charge.is_none_or(|charge| charge.charged <= charge.held),
        "{}",
        what()
    );
    let owed = match charge {
        // On a busy machine an answer may not be read to its end in the time that there is for one who has left.
        Some(charge) if plan.leave != Leave::AtTheEnd && charge.took >= DRAIN => Owed::WhatCame,
        _ => plan.owed(recorded),
    };
    match owed {
        Owed::Nothing => assert!(charge.is_none(), "{}", what()),
        Owed::Exactly(amount) => {
            let charge = charge.unwrap_or_else(|| panic!("{}", what()));
            assert_eq!(
                (charge.charged, &*charge.basis),
                (amount, "reported"),
                "{}",
                what()
            );
        }
        Owed::AllHeld => {
            let charge = charge.unwrap_or_else(|| panic!("{}", what()));
            assert_eq!(charge.charged, charge.held, "{}", what());
        }
        Owed::Estimate => {
            let charge = charge.unwrap_or_else(|| panic!("{}", what()));
            assert!(
                charge.charged > 0 && charge.basis == "estimated",
                "{}",
                what()
            );
        }
        Owed::WhatCame => {
            let has_come = got.status == Some(200) && !got.body.is_empty();
            // An answer that is nothing but an error costs nothing.
            let has_come = has_come && !is_error_alone(plan, got);
            assert!(
                !has_come || charge.is_some_and(|charge| charge.charged > 0),
                "{}",
                what()
            );
        }
    }
    if plan.leave == Leave::AtTheEnd {
        is_answered_rightly(call, charge, &what);
    }
}

/// Whether nothing has come of the answer before its provider's error. Every text of the sandbox begins with one word.
fn is_error_alone(plan: &Plan, got: &Got) -> bool {
    let text = got.text();
    let has_text = text.contains("\"The\"") || text.contains("\"The prompt");
    plan.trouble == Trouble::Error && !has_text
}

/// What a client has got that has waited for the end.
fn is_answered_rightly(call: &Made, charge: Option<&Charged>, what: &dyn Fn() -> String) {
    let Made { plan, got } = call;
    let status = got
        .status
        .unwrap_or_else(|| panic!("no answer: {}", what()));
    if status == 200 && got.is_whole {
        match is_error_alone(plan, got) {
            true => assert!(
                charge.is_none_or(|charge| charge.charged == 0),
                "{}",
                what()
            ),
            // No finished answer without its charge.
            false => assert!(charge.is_some(), "{}", what()),
        }
    }
    if plan.trouble == Trouble::None {
        assert!(
            is_without_credit(status, got) || (status == 200 && got.is_whole),
            "{}",
            what()
        );
    }
    if status == 402 {
        assert!(got.text().contains("\"internalCode\":2021"), "{}", what());
    }
}

/// Refused for good, or because running calls hold the credit.
fn is_without_credit(status: u16, got: &Got) -> bool {
    status == 402 || (status == 429 && got.text().contains("\"internalCode\":8112"))
}

/// A storm in which something never happened shows nothing about it.
fn has_seen_everything(made: &[Made], charges: &BTreeMap<String, Charged>) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |what: String| *seen.entry(what).or_default() += 1;
    for Made { plan, got } in made {
        count(format!("{:?}", plan.trouble));
        count(format!("{:?}", plan.api));
        if plan.leave != Leave::AtTheEnd {
            count("left".to_owned());
        }
        if let Some(status) = got.status {
            let is_held = status == 429 && is_without_credit(status, got);
            count(if is_held {
                "8112".to_owned()
            } else {
                status.to_string()
            });
            if is_without_credit(status, got) {
                count("without credit".to_owned());
            }
        }
        if got.header("cf-aig-max-tokens-clamped").is_some() {
            count("clamped".to_owned());
        }
    }
    for charge in charges.values() {
        count(charge.basis.clone());
    }
    eprintln!("{seen:?}");
    for what in [
        "200",
        "without credit",
        "429",
        "502",
        "504",
        "clamped",
        "left",
        "reported",
        "estimated",
    ] {
        assert!(seen.contains_key(what), "{what} never happened: {seen:?}");
    }
    assert!(seen["200"] > CALLS / 3, "{seen:?}");
}

crate::on_both_engines![
    each_of_many_calls_is_charged_once with [("FAREBOX_GATEWAY__DRAIN_SECONDS", "3")],
];
