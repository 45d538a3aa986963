//! `farebox rerate`: what charges would be by the prices of now. It only reads, so it runs beside a server that
//! has the file.

use api::Dollars;
use ledger::{AccountId, Amount, Timestamp};
use serde::Serialize;

use crate::billing::{self, Rerated, Sum};
use crate::cli::args::RerateArgs;
use crate::cli::{Failure, prices, serve};
use crate::store::charges::Span;
use crate::store::db::Db;

pub(super) async fn run(args: &RerateArgs) -> Result<(), Failure> {
    if !args.dry_run {
        return Err(Failure::new(
            "charges are never rewritten: add --dry-run to see what they would be by the prices of now",
        ));
    }
    let config = serve::load(&args.output.config)?;
    let catalog = prices::open(&args.output.config)?;
    let db = Db::open_read_only(&config.database).map_err(Failure::new)?;
    let of = Span {
        since: Timestamp::from_millis(args.since),
        until: args.until.map(Timestamp::from_millis),
        account: args.account.as_deref().map(account).transpose()?,
    };
    let at = args.at.map(Timestamp::from_millis);
    let rerated = billing::rerate(&db, &catalog, of, at);
    let rerated = rerated.await.map_err(Failure::new)?;
    if args.output.json {
        let told = Told::new(&rerated);
        println!("{}", serde_json::to_string(&told).map_err(Failure::new)?);
    } else {
        print(&rerated);
    }
    Ok(())
}

fn account(text: &str) -> Result<AccountId, Failure> {
    let id = text.parse();
    id.map_err(|_| Failure::new(format!("{text:?} is no account id: 32 hex characters")))
}

/// Amounts are in the currency's main unit.
#[derive(Serialize)]
struct Told<'a> {
    models: Vec<ModelTold<'a>>,
    total: SumTold,
}

#[derive(Serialize)]
struct ModelTold<'a> {
    provider: &'a str,
    model: &'a str,
    #[serde(flatten)]
    sum: SumTold,
}

#[derive(Serialize)]
struct SumTold {
    calls: u64,
    cost: Dollars,
    rerated: Dollars,
    difference: Dollars,
    unpriced_calls: u64,
    unpriced_cost: Dollars,
}

impl<'a> Told<'a> {
    fn new(rerated: &'a Rerated) -> Self {
        let models = rerated.models.iter();
        let models = models.map(|((provider, model), sum)| ModelTold {
            provider,
            model,
            sum: SumTold::new(sum),
        });
        Self {
            models: models.collect(),
            total: SumTold::new(&rerated.total),
        }
    }
}

impl SumTold {
    fn new(sum: &Sum) -> Self {
        Self {
            calls: sum.calls,
            cost: dollars(sum.cost),
            rerated: dollars(sum.anew),
            difference: dollars(sum.difference()),
            unpriced_calls: sum.unpriced,
            unpriced_cost: dollars(sum.unpriced_cost),
        }
    }
}

fn print(rerated: &Rerated) {
    for ((provider, model), sum) in &rerated.models {
        println!("{provider}/{model}: {}", line(sum));
    }
    println!("in all: {}", line(&rerated.total));
    println!("nothing was changed");
}

fn line(sum: &Sum) -> String {
    let mut parts = Vec::new();
    if sum.calls > 0 || sum.unpriced == 0 {
        let difference = sum.difference();
        let difference = match difference == Amount::ZERO {
            true => "the same".to_owned(),
            false if difference.is_positive() => format!("+{}", dollars(difference)),
            false => dollars(difference).to_string(),
        };
        parts.push(format!(
            "{} -> {} ({difference}), {}",
            dollars(sum.cost),
            dollars(sum.anew),
            calls(sum.calls)
        ));
    }
    if sum.unpriced > 0 {
        parts.push(format!(
            "{} has no price now, {}",
            dollars(sum.unpriced_cost),
            calls(sum.unpriced)
        ));
    }
    parts.join("; ")
}

fn calls(count: u64) -> String {
    match count {
        1 => "1 call".to_owned(),
        count => format!("{count} calls"),
    }
}

fn dollars(amount: Amount) -> Dollars {
    Dollars::from_nanos(amount.nanos())
}
