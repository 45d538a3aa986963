//! What is typed to look after gateways.

use std::path::PathBuf;

use api::{LogManagementStrategy, RetryBackoff, WindowTechnique};
use clap::{Args, Subcommand, ValueEnum};

use super::{CREDENTIALS, ClientArgs};

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct GatewaysArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: GatewaysCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GatewaysCommand {
    /// List them, oldest first
    #[command(after_help = CREDENTIALS)]
    List {
        /// Only those whose id contains this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Make one; what is not given has its default
    #[command(after_help = CREDENTIALS)]
    Create {
        /// 1 to 64 lower-case letters, digits and _, in words with - between
        id: String,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// What is set on one
    #[command(after_help = CREDENTIALS)]
    Get(GatewayArgs),
    /// Set something on one; what is not given stays
    #[command(after_help = CREDENTIALS)]
    Update {
        /// The gateway
        id: String,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
        /// A setting that is to be none, such as spend_limits; may be repeated
        #[arg(long, value_name = "NAME")]
        unset: Vec<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Remove one, with its keys and its logs
    #[command(after_help = CREDENTIALS)]
    Delete(GatewayArgs),
    /// Where a provider is called through one
    #[command(after_help = CREDENTIALS)]
    Url {
        /// The gateway
        id: String,
        /// Such as openai, or custom- and the slug of your own
        provider: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct GatewayArgs {
    /// The gateway
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) client: ClientArgs,
}

/// Which page of a list.
#[derive(Debug, Args)]
pub(in crate::cli) struct PageArgs {
    /// From 1 on
    #[arg(long)]
    pub(in crate::cli) page: Option<i64>,
    /// How many a page has
    #[arg(long)]
    pub(in crate::cli) per_page: Option<i64>,
}

/// What can be set on a gateway.
#[derive(Debug, Args)]
pub(in crate::cli) struct SettingsArgs {
    /// Only callers with a token that may run
    #[arg(long, value_name = "BOOL")]
    pub(in crate::cli) authentication: Option<bool>,
    /// Never the operator's keys
    #[arg(long, value_name = "BOOL")]
    pub(in crate::cli) byok_only: Option<bool>,
    /// Paid calls only with an account of the operator's of which the provider keeps nothing
    #[arg(long, value_name = "BOOL")]
    pub(in crate::cli) zdr: Option<bool>,
    /// Lower a call's output limit to what the credit affords, rather than refuse it
    #[arg(long, value_name = "BOOL")]
    pub(in crate::cli) clamp_max_tokens: Option<bool>,
    /// How long answers are kept; 0 is not at all
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::cli) cache_ttl: Option<i64>,
    /// Forget kept answers when settings change
    #[arg(long, value_name = "BOOL")]
    pub(in crate::cli) cache_invalidate_on_update: Option<bool>,
    /// Keep a log of each call
    #[arg(long, value_name = "BOOL")]
    pub(in crate::cli) collect_logs: Option<bool>,
    /// How many logs are kept, 10000 to 10000000
    #[arg(long, value_name = "LOGS")]
    pub(in crate::cli) log_management: Option<i64>,
    /// What happens then
    #[arg(long, value_enum)]
    pub(in crate::cli) log_management_strategy: Option<Full>,
    /// How many calls an interval takes; 0 is any number
    #[arg(long, value_name = "CALLS")]
    pub(in crate::cli) rate_limiting_limit: Option<i64>,
    /// How long an interval is
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::cli) rate_limiting_interval: Option<i64>,
    /// How intervals follow each other
    #[arg(long, value_enum)]
    pub(in crate::cli) rate_limiting_technique: Option<Technique>,
    /// How often a call is tried, 1 to 5
    #[arg(long, value_name = "TIMES")]
    pub(in crate::cli) retry_max_attempts: Option<i64>,
    /// The pause before the second attempt, up to 60000
    #[arg(long, value_name = "MILLISECONDS")]
    pub(in crate::cli) retry_delay: Option<i64>,
    /// How the pause grows
    #[arg(long, value_enum)]
    pub(in crate::cli) retry_backoff: Option<Backoff>,
    /// A file with what may be spent: {"enabled": …, "rules": […]}, as the API has it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) spend_limits: Option<PathBuf>,
}

/// What happens when a gateway has as many logs as it may.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Full {
    /// New calls leave none
    StopInserting,
    /// The oldest make room
    DeleteOldest,
}

impl From<Full> for LogManagementStrategy {
    fn from(full: Full) -> Self {
        match full {
            Full::StopInserting => Self::StopInserting,
            Full::DeleteOldest => Self::DeleteOldest,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Technique {
    /// One begins where the last one ends
    Fixed,
    /// Each moment has its own
    Sliding,
}

impl From<Technique> for WindowTechnique {
    fn from(technique: Technique) -> Self {
        match technique {
            Technique::Fixed => Self::Fixed,
            Technique::Sliding => Self::Sliding,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Backoff {
    /// It doesn't
    Constant,
    /// By itself each time
    Linear,
    /// It doubles
    Exponential,
}

impl From<Backoff> for RetryBackoff {
    fn from(backoff: Backoff) -> Self {
        match backoff {
            Backoff::Constant => Self::Constant,
            Backoff::Linear => Self::Linear,
            Backoff::Exponential => Self::Exponential,
        }
    }
}
