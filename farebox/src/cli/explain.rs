//! `farebox explain`: a call's charge, with its arithmetic. It only reads, so it runs beside a server that has the
//! file.

use std::collections::BTreeMap;

use api::Dollars;
use ledger::rates::Rate;
use ledger::{AccountId, Amount, Unit};
use serde::Serialize;

use crate::billing::explanation;
use crate::catalog::{self, Priced};
use crate::cli::args::ExplainArgs;
use crate::cli::{Failure, serve};
use crate::ids::{self, LogId};
use crate::store::charges::{self, Charge};
use crate::store::db::Db;
use crate::store::holds;
use crate::store::logs::{self, KeySource, Log};
use crate::store::noted;

pub(super) async fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let id: LogId = args.id.parse().map_err(|error| {
        Failure::new(format!(
            "{:?} is {error}. Use the cf-aig-log-id of an answer.",
            args.id
        ))
    })?;
    let config = serve::load(&args.output.config)?;
    let db = Db::open_read_only(&config.database).map_err(Failure::new)?;
    // First where it stands for a moment: it is in one of the two.
    let noted = noted::charge(&db, id).await;
    let charge = match noted.map_err(Failure::new)? {
        Some(charge) => Some(charge),
        None => charges::find_anybodys(&db, id)
            .await
            .map_err(Failure::new)?,
    };
    match charge {
        Some(charge) => charged(&db, &charge, args.output.json).await,
        None => free(&db, id, args.output.json).await,
    }
}

/// A call and what it was charged. Amounts are in the currency's main unit.
#[derive(Serialize)]
struct Told {
    id: String,
    at: String,
    account: String,
    provider: String,
    model: String,
    charged: Dollars,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Dollars>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Dollars>,
    /// What was held for this call and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    leased: Option<Dollars>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrun: Option<Dollars>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arithmetic: Option<Arithmetic>,
}

/// What a charge is made of.
#[derive(Serialize)]
struct Arithmetic {
    rates: String,
    terms: BTreeMap<&'static str, String>,
    lines: Vec<Line>,
    /// What was used and has no price of its own.
    uncharged: BTreeMap<&'static str, u64>,
    markup_percent: String,
    total: Dollars,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Part>,
}

/// A unit's part, with its price as it is published.
#[derive(Serialize)]
struct Line {
    unit: &'static str,
    priced_as: &'static str,
    quantity: u64,
    price: String,
    per: &'static str,
}

/// What another model used.
#[derive(Serialize)]
struct Part {
    model: String,
    #[serde(flatten)]
    arithmetic: Arithmetic,
}

async fn charged(db: &Db, charge: &Charge, json: bool) -> Result<(), Failure> {
    let stored = &charge.charge;
    let hold = match stored.hold {
        Some(hold) => holds::find(db, hold).await.map_err(Failure::new)?,
        None => None,
    };
    let text = stored.explanation.as_deref().unwrap_or_default();
    let priced = explanation::decode(text);
    let mut told = Told::new(charge.id, charge.account)?;
    told.provider.clone_from(&stored.provider);
    told.model.clone_from(&stored.model);
    told.charged = dollars(stored.charged);
    told.cost = stored.cost.map(dollars);
    let (own, lease) = match hold {
        Some(hold) if ids::is_hold_of_call(hold.id, charge.id) => (Some(hold.amount), None),
        hold => (None, hold.map(|hold| hold.amount)),
    };
    (told.held, told.leased) = (own.map(dollars), lease.map(dollars));
    told.overrun = Some(stored.overrun)
        .filter(|overrun| overrun.is_positive())
        .map(dollars);
    told.basis = Some(stored.basis.name());
    told.hold = stored.hold.map(|id| id.to_string());
    told.transfer = stored.transfer.map(|id| id.to_string());
    told.arithmetic = priced.as_ref().ok().map(arithmetic);
    told.print(priced.as_ref().ok(), json)?;
    priced.map(|_| ()).map_err(|error| {
        Failure::new(format!(
            "the charge's arithmetic can't be read: {error}; stored is {text:?}"
        ))
    })
}

/// A call that has no charge: its log says why.
async fn free(db: &Db, id: LogId, json: bool) -> Result<(), Failure> {
    let found = logs::find_anybodys(db, id).await.map_err(Failure::new)?;
    let Some((account, log)) = found else {
        return Err(Failure::new(format!(
            "there is neither a charge nor a log of the call {id}: is it the cf-aig-log-id of an answer, and \
             [database] the one that it is in? A call that cost nothing leaves no trace where its log was \
             turned off or has been removed"
        )));
    };
    let mut told = Told::new(id, account)?;
    told.because = Some(because(&log));
    told.provider = log.call.provider;
    told.model = log.call.model;
    told.cost = log.call.cost.map(dollars);
    told.print(None, json)
}

fn because(log: &Log) -> String {
    let call = &log.call;
    let error = call.error.as_deref().unwrap_or("no answer came");
    match call.key_source {
        _ if call.cached => "the answer was a kept one".to_owned(),
        KeySource::Request => "it went with a provider key that the request brought".to_owned(),
        KeySource::Stored => "it went with a provider key that is stored on the gateway".to_owned(),
        KeySource::None => format!("no provider was asked: {error}"),
        KeySource::Operator => match call.status_code {
            Some(status) if call.error.is_none() => {
                format!("the provider answered with the status {status}")
            }
            _ => format!("the provider's answer did not come: {error}"),
        },
    }
}

impl Told {
    /// Nothing but which call it is.
    fn new(id: LogId, account: AccountId) -> Result<Self, Failure> {
        let at = jiff::Timestamp::from_millisecond(id.at().millis()).map_err(Failure::new)?;
        Ok(Self {
            id: id.to_string(),
            at: at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string(),
            account: account.to_string(),
            provider: String::new(),
            model: String::new(),
            charged: dollars(Amount::ZERO),
            cost: None,
            held: None,
            leased: None,
            overrun: None,
            basis: None,
            hold: None,
            transfer: None,
            because: None,
            arithmetic: None,
        })
    }

    fn print(&self, priced: Option<&Priced>, json: bool) -> Result<(), Failure> {
        if json {
            println!("{}", serde_json::to_string(self).map_err(Failure::new)?);
            return Ok(());
        }
        println!("call: {}", self.id);
        println!("at: {}", self.at);
        println!("account: {}", self.account);
        println!("model: {}/{}", self.provider, self.model);
        for line in priced.map(explanation::explain).unwrap_or_default() {
            println!("{line}");
        }
        for (name, amount) in [("cost", self.cost), ("held", self.held)] {
            if let Some(amount) = amount {
                println!("{name}: {amount}");
            }
        }
        if let Some(leased) = self.leased {
            println!("leased: {leased}, for this call and others");
        }
        println!("charged: {}", self.charged);
        if let Some(overrun) = self.overrun {
            println!("overrun: {overrun}, which was not held and is written off");
        }
        for (name, text) in [("basis", self.basis), ("because", self.because.as_deref())] {
            if let Some(text) = text {
                println!("{name}: {text}");
            }
        }
        Ok(())
    }
}

fn arithmetic(priced: &Priced) -> Arithmetic {
    let lines = priced.charge.lines.iter().map(|line| Line {
        unit: line.unit.name(),
        priced_as: line.priced_as.name(),
        quantity: line.quantity,
        price: catalog::published(line.unit, &Rate::flat(line.picos)),
        per: catalog::per(line.unit),
    });
    let is_charged = |unit: Unit| priced.charge.lines.iter().any(|line| line.unit == unit);
    let used = priced.usage.iter();
    let also = priced.also.iter().map(|part| Part {
        model: part.model.clone(),
        arithmetic: arithmetic(&part.priced),
    });
    let terms = priced.usage.terms.iter();
    Arithmetic {
        rates: priced.version.clone(),
        terms: terms
            .map(|(term, value)| (term.name(), value.clone()))
            .collect(),
        lines: lines.collect(),
        uncharged: used
            .filter(|(unit, _)| !is_charged(*unit))
            .map(|(unit, quantity)| (unit.name(), quantity))
            .collect(),
        markup_percent: priced.charge.markup.to_string(),
        total: dollars(priced.charge.amount),
        also: also.collect(),
    }
}

fn dollars(amount: Amount) -> Dollars {
    Dollars::from_nanos(amount.nanos())
}
