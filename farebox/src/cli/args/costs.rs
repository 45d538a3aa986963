//! What is typed to learn what calls cost.

use clap::Args;

use crate::cli::args::OutputArgs;
use crate::cli::reading::moment;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The call's id: cf-aig-log-id of its answer, which is its log's id
    #[arg(value_name = "REQUEST_ID")]
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RerateArgs {
    /// Calls from when on: 2026-11-01 (in UTC), a time with its zone, or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(in crate::cli) since: i64,
    /// Until when, exclusive
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(in crate::cli) until: Option<i64>,
    /// By the prices of which time; by those of each call's own time if not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(in crate::cli) at: Option<i64>,
    /// Whose calls; everybody's if not given
    #[arg(long)]
    pub(in crate::cli) account: Option<String>,
    /// Only show it: charges are never rewritten
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}
