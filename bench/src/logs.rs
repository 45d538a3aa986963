//! Looking calls up where there are a million of them, beside reading the same few rows by their ids.
//!
//! What a list shows has to be read in any case, so that a page can't be quicker than that; the rest is the search
//! for it. A count reads no row, and stands alone.

use std::collections::BTreeMap;
use std::time::Instant;

use farebox::app::system_clock;
use farebox::config::DatabaseConfig;
use farebox::ids::{self, LogId};
use farebox::store::bulk::Write;
use farebox::store::gateways::{self, Gateway, Settings};
use farebox::store::logs::{
    self, Body, Call, Direction, Field, Filter, KeySource, NewCall, NewLog, Operator, Order,
    Payloads, Rows, Wanted,
};
use farebox::store::{Store, Value, accounts};
use ledger::{Amount, Timestamp};
use serde_json::json;

use crate::Failure;
use crate::clock::median;
use crate::engine::{Engine, Scratch};
use crate::plan::Plan;
use crate::report;

/// How many logs one transaction of the filling writes.
const GROUP: u64 = 5_000;

/// How often each question is put in a round.
const REPEATS: usize = 3;

/// How many logs a page has.
const PAGE: i64 = 20;

/// The models of the calls, each with its provider and how many of 10,000 calls it has.
const MODELS: [(&str, &str, u64); 5] = [
    ("gpt-4o", "openai", 4_500),
    ("gpt-4o-mini", "openai", 3_000),
    ("claude-sonnet-4-5", "anthropic", 1_500),
    ("gemini-2.5-flash", "google-ai-studio", 999),
    ("o3-rare", "openai", 1),
];

/// How many callers' names stand in the metadata.
const USERS: u64 = 10_000;

/// Of names that callers give to calls, and one call in a hundred has one.
const EVENTS: u64 = 1_000;

/// Fills a store on this engine and prints the table.
pub(crate) async fn measure(plan: &Plan, engine: &Engine) -> Result<(), Failure> {
    let scratch = Scratch::create(plan, engine).await?;
    let filled = Filled::make(&scratch, plan.logs).await?;
    let title = format!("{} logs, {}", plan.logs, engine.name());
    let columns = [
        "asked for",
        "matching",
        "a page of 20, ms",
        "its rows by id, ms",
        "times that",
        "count, ms",
    ];
    report::head(&title, &columns);
    for case in cases(i64::try_from(plan.logs)? / PAGE / 2) {
        report::row(&filled.figures(plan, &case).await?);
    }
    let bounds = timed(plan, async || {
        logs::bounds(&filled.store.db, &filled.gateway, &everything()).await?;
        Ok(())
    });
    let bounds = bounds.await?;
    println!("\nThe least and the most of everything (`meta_info`): {bounds:.1} ms.");
    drop(filled);
    scratch.drop_database().await
}

/// What is looked for.
struct Case {
    name: &'static str,
    wanted: Wanted,
    /// The page, counted from 0.
    page: i64,
}

fn everything() -> Wanted {
    Wanted {
        filters: Vec::new(),
        order: Order::CreatedAt,
        direction: Direction::Descending,
    }
}

/// The first page of what is so.
fn filtered(name: &'static str, field: Field, operator: Operator, value: Value) -> Case {
    let filter = Filter {
        field,
        operator,
        values: vec![value],
    };
    let wanted = Wanted {
        filters: vec![filter],
        ..everything()
    };
    let page = 0;
    Case { name, wanted, page }
}

/// `middle` is the page there.
fn cases(middle: i64) -> Vec<Case> {
    let plain = |name, page| Case {
        name,
        wanted: everything(),
        page,
    };
    let ordered = |name, order| Case {
        name,
        wanted: Wanted {
            order,
            ..everything()
        },
        page: 0,
    };
    let mut cases = vec![
        plain("the newest", 0),
        plain("a page in the middle", middle),
    ];
    cases.extend(filters());
    cases.extend([
        ordered("by cost", Order::Cost),
        ordered("by duration", Order::Duration),
        ordered("by feedback, which no index has", Order::Feedback),
    ]);
    cases
}

fn filters() -> [Case; 11] {
    use Field::{
        Cost, EventId, Metadata, MetadataKey, MetadataValue, Provider, Success, UserAgent,
    };
    let (equal, contains, above) = (Operator::Equal, Operator::Contains, Operator::Above);
    let (user, part) = ("user-77", "user-77\"");
    [
        filtered("a model", Field::Model, equal, "gpt-4o".into()),
        filtered("a rare model", Field::Model, equal, "o3-rare".into()),
        filtered("part of a model", Field::Model, contains, "rare".into()),
        filtered("a provider", Provider, equal, "anthropic".into()),
        filtered("what has failed", Success, equal, false.into()),
        filtered("the dearest", Cost, above, 29_900_000_i64.into()),
        filtered("a user in the metadata", MetadataValue, equal, user.into()),
        filtered("a key in the metadata", MetadataKey, equal, "user".into()),
        filtered("a part of the metadata", Metadata, contains, part.into()),
        filtered("an event by its name", EventId, equal, "event-700".into()),
        filtered("a program, no index", UserAgent, equal, "none".into()),
    ]
}

/// A store with a gateway that has many logs.
struct Filled {
    store: Store,
    gateway: Gateway,
}

impl Filled {
    async fn make(scratch: &Scratch, count: u64) -> Result<Self, Failure> {
        let config = DatabaseConfig {
            url: scratch.database_url(),
            pool_size: 4,
            batch_max: 512,
        };
        let clock = system_clock();
        let store = Store::open(&config, clock.clone(), |_| ()).await?;
        let (account, now) = (ids::account(), clock());
        accounts::create(&store.db, account, "benchmark", now).await?;
        let settings = Settings::default();
        let gateway = gateways::create(&store.db, account, "bench", &settings, now).await?;
        let filled = Self { store, gateway };
        let begun = Instant::now();
        filled.fill(count, now).await?;
        eprintln!(
            "{count} logs written in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
        Ok(filled)
    }

    /// One a second, up to now.
    async fn fill(&self, count: u64, now: Timestamp) -> Result<(), Failure> {
        let mut dice = Dice(1);
        let mut next = 0;
        while next < count {
            let mut tx = self.store.db.begin().await?;
            let mut rows = Rows::default();
            let end = count.min(next.saturating_add(GROUP));
            for at in next..end {
                let ago = i64::try_from(count - at)?.saturating_mul(-1000);
                let at = now.checked_add_millis(ago).ok_or("out of range")?;
                let call = NewCall {
                    id: LogId::new(at),
                    account: self.gateway.account,
                    gateway: self.gateway.seq,
                    charge: None,
                    log: None,
                };
                rows.add(&mut tx, &call, &log(&mut dice)).await?;
            }
            let counts = rows.counts();
            let write = |insert, rows| Write { insert, rows };
            let writes = [
                write(&logs::INSERT, rows.logs),
                write(&logs::INSERT_METADATA, rows.metadata),
                write(&logs::ADD_COUNTS, counts),
            ];
            tx.insert_and_commit(&writes).await?;
            next = end;
        }
        Ok(())
    }

    async fn figures(&self, plan: &Plan, case: &Case) -> Result<Vec<String>, Failure> {
        let (db, of) = (&self.store.db, &self.gateway);
        let offset = case.page * PAGE;
        let found = logs::page(db, of, &case.wanted, PAGE, offset).await?;
        let matching = logs::count(db, of, &case.wanted).await?;
        let page = timed(plan, async || {
            logs::page(db, of, &case.wanted, PAGE, offset).await?;
            Ok(())
        });
        let page = page.await?;
        let floor = timed(plan, async || {
            for log in &found {
                logs::find(db, of, log.id).await?;
            }
            Ok(())
        });
        let floor = floor.await?;
        let count = timed(plan, async || {
            logs::count(db, of, &case.wanted).await?;
            Ok(())
        });
        let count = count.await?;
        let (floor, times) = match found.is_empty() {
            true => ("-".to_owned(), "-".to_owned()),
            false => (format!("{floor:.2}"), format!("{:.1}", page / floor)),
        };
        Ok(vec![
            case.name.to_owned(),
            matching.to_string(),
            format!("{page:.2}"),
            floor,
            times,
            format!("{count:.2}"),
        ])
    }
}

/// How long it takes, in milliseconds: the median.
async fn timed(plan: &Plan, what: impl AsyncFn() -> Result<(), Failure>) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..plan.rounds * REPEATS {
        let begun = Instant::now();
        what().await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

/// Numbers that are the same in every run (Steele and others, "Fast splittable pseudorandom number generators").
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn number(&mut self, end: u64) -> i64 {
        i64::try_from(self.below(end)).unwrap_or(i64::MAX)
    }
}

/// A call that went well, or one of fifty that didn't.
fn log(dice: &mut Dice) -> NewLog {
    let mut place = dice.below(10_000);
    let drawn = MODELS.iter().find(|(_, _, share)| {
        let is_here = place < *share;
        place = place.saturating_sub(*share);
        is_here
    });
    let (model, provider, _) = drawn.unwrap_or(&MODELS[0]);
    let success = dice.below(50) > 0;
    let metadata =
        json!({ "user": format!("user-{}", dice.below(USERS)), "beta": dice.below(2) == 0 });
    NewLog {
        call: Call {
            success,
            tokens_in: success.then(|| dice.number(5_000)),
            tokens_out: success.then(|| dice.number(2_000)),
            cost: success.then(|| Amount::from_nanos(dice.number(30_000_000))),
            duration: dice.number(30_000),
            status_code: Some(if success { 200 } else { 429 }),
            event_id: (dice.below(100) == 0).then(|| format!("event-{}", dice.below(EVENTS))),
            ..call(provider, model)
        },
        metadata: serde_json::from_value::<BTreeMap<_, _>>(metadata).unwrap_or_default(),
        payloads: Some(Payloads {
            request: Some(Body::pack(br#"{"model":"a","messages":[]}"#, 1 << 20)),
            response: Some(Body::pack(br#"{"choices":[]}"#, 1 << 20)),
        }),
        stop_at: None,
    }
}

fn call(provider: &str, model: &str) -> Call {
    Call {
        provider: provider.to_owned(),
        model: model.to_owned(),
        model_type: None,
        success: true,
        cached: false,
        tokens_in: None,
        tokens_out: None,
        cost: None,
        custom_cost: false,
        duration: 0,
        first_byte: Some(100),
        status_code: None,
        request_type: Some("chat".to_owned()),
        path: "v1/chat/completions".to_owned(),
        step: Some(0),
        event_id: None,
        user_agent: Some("OpenAI/Python 3.54.0".to_owned()),
        authentication: true,
        key_source: KeySource::Operator,
        compatibility: false,
        request_content_type: Some("application/json".to_owned()),
        response_content_type: Some("application/json".to_owned()),
        request_size: 27,
        response_size: 14,
        error: None,
    }
}
