//! What is typed to store keys for providers, and to name providers of an account's own.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::gateways::PageArgs;
use super::{CREDENTIALS, ClientArgs};

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct ProviderKeysArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: ProviderKeysCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ProviderKeysCommand {
    /// List them, oldest first; of a key only its last characters are shown
    #[command(after_help = CREDENTIALS)]
    List {
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        at: AtArgs,
    },
    /// Store one, which is read from standard input or from a file, so that it is in no process list
    #[command(after_help = CREDENTIALS)]
    Add {
        /// Such as openai, or custom- and the slug of your own
        provider: String,
        /// How calls name it
        #[arg(long, default_value = "default")]
        alias: String,
        /// Use it where a call names none
        #[arg(long)]
        default: bool,
        /// Where the key is; without it on standard input
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        #[command(flatten)]
        at: AtArgs,
    },
    /// Remove one
    #[command(after_help = CREDENTIALS)]
    Remove {
        /// Its id, as the list has it
        id: String,
        #[command(flatten)]
        at: AtArgs,
    },
}

/// On which gateway.
#[derive(Debug, Args)]
pub(in crate::cli) struct AtArgs {
    /// The gateway
    #[arg(long, value_name = "ID", default_value = "default")]
    pub(in crate::cli) gateway: String,
    #[command(flatten)]
    pub(in crate::cli) client: ClientArgs,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct CustomProvidersArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: CustomProvidersCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CustomProvidersCommand {
    /// List them by their names
    #[command(after_help = CREDENTIALS)]
    List {
        /// Only those whose id, name or slug contains this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only those that can be called, or can't
        #[arg(long, value_name = "BOOL")]
        enable: Option<bool>,
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Name one; it can be called once it is enabled
    #[command(after_help = CREDENTIALS)]
    Create {
        /// Calls name it by custom- and this
        slug: String,
        #[command(flatten)]
        told: ToldArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// What is known of one
    #[command(after_help = CREDENTIALS)]
    Get(CustomProviderArgs),
    /// Change one; what is not given stays
    #[command(after_help = CREDENTIALS)]
    Update {
        /// Its id, as the list has it
        id: String,
        #[command(flatten)]
        told: ToldArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Remove one
    #[command(after_help = CREDENTIALS)]
    Delete(CustomProviderArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CustomProviderArgs {
    /// Its id, as the list has it
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) client: ClientArgs,
}

/// What is told of a provider.
#[derive(Debug, Args)]
pub(in crate::cli) struct ToldArgs {
    /// For people
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    /// What paths are appended to: https, at an address of the public Internet
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) provider_url: Option<String>,
    /// Whether it can be called
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(in crate::cli) enable: Option<bool>,
    /// For people
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) description: Option<String>,
    /// A file with a JSON object of headers that are sent along; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) headers_file: Option<PathBuf>,
}
