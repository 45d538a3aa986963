//! `farebox reconcile`: what Stripe has and what the ledger has, compared. It only reads, so it runs beside a
//! server that has the file.

use std::process::ExitCode;

use jiff::Timestamp as Moment;

use crate::billing::{self, Comparison};
use crate::cli::args::ReconcileArgs;
use crate::cli::{Failure, serve};
use crate::store::db::Db;
use crate::stripe::Stripe;

/// How far back it looks where nobody says, in milliseconds: as long as Stripe lists events, and a margin.
const REACH: i64 = 40 * 24 * 3_600_000;

pub(super) async fn run(args: &ReconcileArgs) -> Result<ExitCode, Failure> {
    let config = serve::load(&args.config)?;
    let db = Db::open_read_only(&config.database).map_err(Failure::new)?;
    let settings = config.stripe.settings();
    let settings = settings.ok_or_else(|| Failure::new("[stripe] secret_key is not set"))?;
    let stripe = Stripe::new(&settings).map_err(Failure::new)?;
    let now = Moment::now().as_millisecond();
    let since = args.since.unwrap_or(now.saturating_sub(REACH));
    let since = ledger::Timestamp::from_millis(since);
    let compared = billing::compare(&db, &stripe, since)
        .await
        .map_err(Failure::new)?;
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&compared).map_err(Failure::new)?
        );
    } else {
        print(&compared);
    }
    Ok(if compared.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(compared: &Comparison) {
    println!(
        "{} paid invoices, {} refunds and {} disputes at Stripe",
        compared.invoices, compared.refunds, compared.disputes
    );
    for one in &compared.differences {
        println!(
            "DIFFERS  {} (account {}): {}; {} cents at Stripe, {} here",
            one.object,
            one.account.as_deref().unwrap_or("unknown"),
            one.what,
            one.stripe_cents,
            one.ledger_cents
        );
    }
    match compared.differences.len() {
        0 => println!("Stripe and the ledger agree"),
        count => println!("{count} differences, {} cents in all", compared.drift_cents),
    }
}
