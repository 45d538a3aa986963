//! The command line: every command defined and documented in one place, carried out in a file each.

#[macro_use]
mod out;

mod admin;
mod args;
mod client;
mod custom_providers;
mod demo;
mod dev;
mod explain;
mod gateways;
mod holds;
mod ledger;
mod logging;
mod logs;
mod markup;
mod payment_methods;
mod price_list;
mod prices;
mod provider_keys;
mod reading;
mod reconcile;
mod refunds;
mod rerate;
mod secret;
mod serve;
mod show;
mod spending_limit;
mod topup_config;
mod tour;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use args::Cli;
use args::Command;

/// Why a command failed: one sentence for the operator, on standard error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Parses the arguments, runs the command and turns its outcome into an exit code: 0 done, 1 not done
/// or, for a check, not as it should be; 2 misunderstood.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Failure::new(error)),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            out::complain(format_args!("farebox: {failure}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Serve(args) => serve::run(&args).await?,
        Command::Dev(args) => dev::run(&args).await?,
        Command::Demo(args) => demo::run(&args).await?,
        Command::Migrate(args) => serve::migrate(&args).await?,
        Command::Account(args) => admin::account(args).await?,
        Command::User(args) => admin::user(args).await?,
        Command::Token(args) => admin::token(args).await?,
        Command::Keys(args) => admin::keys(args).await?,
        Command::Ledger(args) => return ledger::run(&args).await,
        Command::Reconcile(args) => return reconcile::run(&args).await,
        Command::Refund(args) => refunds::refund(args).await?,
        Command::Disputes(args) => refunds::disputes(args).await?,
        Command::Prices(args) => prices::run(args)?,
        Command::Markup(args) => markup::run(args).await?,
        Command::Explain(args) => explain::run(&args).await?,
        Command::Rerate(args) => rerate::run(&args).await?,
        Command::Topup(args) => client::topup(args).await?,
        Command::Balance(args) => client::balance(&args).await?,
        Command::Holds(args) => holds::run(args).await?,
        Command::SpendingLimit(args) => spending_limit::run(args).await?,
        Command::PaymentMethods(args) => payment_methods::run(args).await?,
        Command::Usage(args) => reading::usage(args).await?,
        Command::Invoices(args) => reading::invoices(args).await?,
        Command::Transactions(args) => reading::transactions(args).await?,
        Command::Gateways(args) => gateways::run(args).await?,
        Command::ProviderKeys(args) => provider_keys::run(args).await?,
        Command::CustomProviders(args) => custom_providers::run(args).await?,
        Command::Logs(args) => logs::run(args).await?,
        Command::Config => print!("{}", crate::config::DEFAULTS),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "farebox", &mut text);
            out::stdout().write_all(&text).map_err(Failure::new)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
