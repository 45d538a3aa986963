//! Every command and option, with its help. What is typed; what it means is made of it elsewhere.

mod billing;
mod costs;
mod gateways;
mod logs;
mod providers;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(super) use billing::{
    HoldArgs, HoldsArgs, HoldsCommand, PaymentMethodArgs, PaymentMethodsArgs,
    PaymentMethodsCommand, SpendingLimitArgs, SpendingLimitCommand,
};
pub(super) use costs::{ExplainArgs, RerateArgs};
pub(super) use gateways::{GatewayArgs, GatewaysArgs, GatewaysCommand, PageArgs, SettingsArgs};
pub(super) use logs::{LogArgs, LogsArgs, LogsCommand, WhichArgs};
pub(super) use providers::{
    AtArgs, CustomProviderArgs, CustomProvidersArgs, CustomProvidersCommand, ProviderKeysArgs,
    ProviderKeysCommand, ToldArgs,
};

use crate::cli::reading::moment;

/// A self-hosted AI gateway with prepaid billing.
#[derive(Debug, Parser)]
#[command(name = "farebox", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve, with a configuration file of your own
    Serve(ConfigArgs),
    /// Serve for development: a sandbox stands in for Stripe and for providers of models, no money moves
    Dev(DevArgs),
    /// Show how credit is bought and spent on models, with every request and answer
    Demo(DemoArgs),
    /// Bring the database's schema to this version
    Migrate(ConfigArgs),
    /// Accounts: whom Farebox serves
    Account(AccountArgs),
    /// Users: people with an e-mail address and a global key
    User(UserArgs),
    /// API tokens
    Token(TokenArgs),
    /// The key that secrets in the database are sealed with
    Keys(KeysArgs),
    /// The books: check or export them
    Ledger(LedgerArgs),
    /// Compare Stripe's paid invoices, refunds and disputes with the ledger; exit code 1 where they differ
    Reconcile(ReconcileArgs),
    /// What models cost: show it, compare it with another list, take that over
    Prices(PricesArgs),
    /// What is added to the providers' prices
    Markup(MarkupArgs),
    /// What a call was charged and why, with its arithmetic
    Explain(ExplainArgs),
    /// What charges would be by the prices of now; nothing is changed
    Rerate(RerateArgs),
    /// Buy credit, or ask what became of it, through the API
    Topup(TopupArgs),
    /// Give a top-up's money back, through the API: needs a token with the permission of an operator
    Refund(RefundArgs),
    /// Payments that are taken back at the bank, through the API
    Disputes(DisputesArgs),
    /// What an account has, through the API
    Balance(BalanceArgs),
    /// Hold credit and take it in parts, through the API
    Holds(HoldsArgs),
    /// The most that an account may spend in a window of time, through the API
    SpendingLimit(SpendingLimitArgs),
    /// The cards that top-ups are charged to, through the API
    PaymentMethods(PaymentMethodsArgs),
    /// What an account has used, by hours or days, through the API
    Usage(UsageArgs),
    /// What an account was billed, or the running month with --preview, through the API
    Invoices(InvoicesArgs),
    /// Every transfer that touches an account, through the API
    Transactions(TransactionsArgs),
    /// Gateways and what is set on them, through the API
    Gateways(GatewaysArgs),
    /// Keys for providers that are stored on a gateway, through the API
    ProviderKeys(ProviderKeysArgs),
    /// Providers of an account's own, through the API
    CustomProviders(CustomProvidersArgs),
    /// Calls through a gateway: what they were, cost, sent and got, through the API
    Logs(LogsArgs),
    /// Print every option with its default, as a file to start from
    Config,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration file; without it the defaults and FAREBOX_… variables count
    #[arg(long, value_name = "FILE", env = "FAREBOX_CONFIG", global = true)]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// Where the database and the key are kept; without it in a temporary directory
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// A database of your own (sqlite://… or postgres://…) instead of a file in the directory
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// Print one JSON line once ready, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Stay up afterwards, for your own requests
    #[arg(long)]
    pub(super) keep: bool,
}

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    #[command(subcommand)]
    pub(super) command: AccountCommand,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Create an account
    Create {
        /// For people
        #[arg(long)]
        name: String,
        /// 32 hex characters; drawn if not given
        #[arg(long)]
        id: Option<String>,
    },
    /// List the accounts
    List,
}

#[derive(Debug, Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    pub(super) command: UserCommand,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Create a user; the global key is shown once
    Create {
        /// The X-Auth-Email
        #[arg(long)]
        email: String,
        /// An account that the user is a member of; may be repeated
        #[arg(long = "account", required = true)]
        accounts: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    pub(super) command: TokenCommand,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token; it is shown once
    Create {
        /// The account that it acts for
        #[arg(long)]
        account: String,
        /// For people
        #[arg(long)]
        name: String,
        /// What it may do; may be repeated
        #[arg(long = "permission", required = true, value_enum)]
        permissions: Vec<Permission>,
        /// After how many seconds it expires
        #[arg(long, value_name = "SECONDS")]
        expires_in: Option<u64>,
    },
    /// List an account's tokens
    List {
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Refuse a token from now on
    Revoke {
        /// The token's id, not the token
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Permission {
    /// AI Gateway Read: read billing
    Read,
    /// AI Gateway Write: read billing and buy credit
    Write,
    /// AI Gateway Run: call models
    Run,
    /// Farebox Operator: give an account's money back; for whoever runs Farebox
    Operator,
}

impl Permission {
    pub(super) fn name(self) -> &'static str {
        let [read, write, run, operator] = crate::admin::PERMISSIONS;
        match self {
            Self::Read => read,
            Self::Write => write,
            Self::Run => run,
            Self::Operator => operator,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(subcommand)]
    pub(super) command: LedgerCommand,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Recompute everything from the transfers; exit code 1 and the rows where something is wrong
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the journal: every transfer, oldest first
    Export {
        /// How
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,
        /// Where to; without it to standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ExportFormat {
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    pub(super) command: KeysCommand,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Seal every secret with [security] key that previous_key has sealed; may be interrupted and repeated
    Rotate,
}

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// From when on: 2026-11-01 (in UTC), a time with its zone, or Unix milliseconds; 40 days if not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) since: Option<i64>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct RefundArgs {
    #[command(subcommand)]
    pub(super) command: RefundCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum RefundCommand {
    /// Refund a top-up, in full or in part
    #[command(after_help = CREDENTIALS)]
    Create {
        /// The payment_intent_id of the top-up (in_…)
        id: String,
        /// How much of the payment, in cents; all that is left if not given
        #[arg(long, value_name = "CENTS")]
        amount: Option<i64>,
        /// Why, for Stripe
        #[arg(long, value_enum)]
        reason: Option<Reason>,
        /// Repeat a lost call under the same key: it is refunded once
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// The refunds of a top-up, oldest first
    #[command(after_help = CREDENTIALS)]
    List {
        /// The payment_intent_id of the top-up (in_…)
        id: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Reason {
    /// It was paid twice
    Duplicate,
    /// The card's owner did not pay it
    Fraudulent,
    /// The customer has asked
    RequestedByCustomer,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct DisputesArgs {
    /// From 1 on, newest first
    #[arg(long)]
    pub(super) page: Option<i64>,
    /// How many a page has, 100 at most
    #[arg(long)]
    pub(super) per_page: Option<i64>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Debug, Args)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    pub(super) command: PricesCommand,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum PricesCommand {
    /// What counts: all lists, a provider's models, or everything about one model
    Show {
        /// Such as openai, or openai/gpt-4o by any name that it is called by
        #[arg(value_name = "PROVIDER[/MODEL]")]
        model: Option<String>,
        /// At which time: 2026-11-01 (in UTC), a time with its zone, or Unix milliseconds; now if not given
        #[arg(long, value_name = "TIME", value_parser = moment)]
        at: Option<i64>,
    },
    /// Set a model's prices in your own file, which [prices] file names, in place of those it has there
    #[command(
        after_help = "Prices are in dollars per million tokens (the ledger's currency), or as docs/reference/price-file.md \
                            says for other units. A running server sees the change within 5 seconds.\n\n\
                            Example: farebox prices set vllm/our-llama --input 0.2 --output 0.8"
    )]
    Set {
        /// Such as vllm/our-llama
        #[arg(value_name = "PROVIDER/MODEL")]
        model: String,
        /// Dollars per million tokens that it reads
        #[arg(long, value_name = "DOLLARS")]
        input: Option<String>,
        /// Dollars per million tokens that it writes
        #[arg(long, value_name = "DOLLARS")]
        output: Option<String>,
        /// Dollars per million tokens that it reads from its cache; the price of input if not given
        #[arg(long, value_name = "DOLLARS")]
        cache_read: Option<String>,
        /// The price of another unit, such as web_search=10 (docs/reference/price-file.md); may be repeated
        #[arg(long, value_name = "UNIT=DOLLARS")]
        rate: Vec<String>,
        /// Write to this file instead
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// What an import would change
    Diff {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Write what differs into your own file, which [prices] file names
    Import {
        #[command(flatten)]
        list: ListArgs,
        /// Write what is the same, too
        #[arg(long)]
        all: bool,
        /// Write to this file instead
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Where the prices are from, such as litellm-1.109.1: their versions begin with it. The file's
        /// name if not given
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// genai-prices' data.json, LiteLLM's model_prices_and_context_window.json, or a file of Farebox's
    pub(super) file: PathBuf,
    /// Only models of this pattern, such as openai/gpt-* ; may be repeated
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub(super) only: Vec<String>,
    /// By the prices of which time; now if not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) at: Option<i64>,
}

#[derive(Debug, Args)]
pub(super) struct MarkupArgs {
    #[command(subcommand)]
    pub(super) command: MarkupCommand,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum MarkupCommand {
    /// Add so many percent from now on, or take them off
    Set {
        /// Such as 20, or -2.5
        #[arg(allow_negative_numbers = true)]
        percent: String,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// All markups
    List,
    /// What was set counts no longer
    Remove {
        #[command(flatten)]
        scope: ScopeArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct ScopeArgs {
    /// Whose calls; everybody's if not given
    #[arg(long)]
    pub(super) account: Option<String>,
    /// Calls to what: a provider or a model of it; all if not given
    #[arg(long, value_name = "PROVIDER[/MODEL]")]
    pub(super) model: Option<String>,
}

/// How to reach the API. The variables are the official SDKs' own.
#[derive(Debug, Args)]
pub(super) struct ClientArgs {
    /// The address of the API, up to and with /client/v4
    #[arg(
        long,
        env = "CLOUDFLARE_BASE_URL",
        default_value = "http://127.0.0.1:8080/client/v4"
    )]
    pub(super) base_url: String,
    /// The account
    #[arg(long, env = "CLOUDFLARE_ACCOUNT_ID")]
    pub(super) account: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct TopupArgs {
    #[command(subcommand)]
    pub(super) command: TopupCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TopupCommand {
    /// Buy credit
    #[command(after_help = CREDENTIALS)]
    Create {
        /// In cents; at least 1000
        amount: i64,
        /// A card to charge instead of the default
        #[arg(long, value_name = "ID")]
        payment_method: Option<String>,
        /// Repeat a lost call under the same key: it is charged once
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// How small and how large a top-up may be
    #[command(after_help = CREDENTIALS)]
    Limits(ClientArgs),
    /// Whether a top-up would be taken, and why not
    #[command(after_help = CREDENTIALS)]
    Eligibility(ClientArgs),
    /// When the account tops itself up
    #[command(after_help = CREDENTIALS)]
    Config {
        #[command(subcommand)]
        command: TopupConfigCommand,
    },
    /// What became of a top-up
    #[command(after_help = CREDENTIALS)]
    Status {
        /// The payment_intent_id that `create` answered (in_…)
        id: String,
        /// Wait up to so many seconds until it is completed
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TopupConfigCommand {
    /// What is set, and why it does not top itself up just now
    #[command(after_help = CREDENTIALS)]
    Get(ClientArgs),
    /// Set it, in place of what was set; failures before count no more
    #[command(after_help = CREDENTIALS)]
    Set {
        /// What a top-up buys, in cents; at least 1000
        #[arg(long)]
        amount: i64,
        /// Below this much available one starts, in cents; at least 500
        #[arg(long)]
        threshold: i64,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Top up no more by itself
    #[command(after_help = CREDENTIALS)]
    Unset(ClientArgs),
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct BalanceArgs {
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// From when until when.
#[derive(Debug, Args)]
pub(super) struct SpanArgs {
    /// From when on: 2026-11-01 (in UTC), a time with its zone, or Unix milliseconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) since: Option<i64>,
    /// Until when, exclusive
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) until: Option<i64>,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct UsageArgs {
    /// How it is summed up, in UTC
    #[arg(long, value_enum, default_value = "day")]
    pub(super) by: By,
    #[command(flatten)]
    pub(super) span: SpanArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum By {
    /// By hours
    Hour,
    /// By days
    Day,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct InvoicesArgs {
    /// What was used since the month began instead
    #[arg(long, conflicts_with_all = ["kind", "page", "per_page"])]
    pub(super) preview: bool,
    /// Only these
    #[arg(long, value_enum)]
    pub(super) kind: Option<Kind>,
    /// From 1 on, newest first
    #[arg(long)]
    pub(super) page: Option<i64>,
    /// How many a page has, 100 at most
    #[arg(long)]
    pub(super) per_page: Option<i64>,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Kind {
    /// Somebody asked for the top-up
    Manual,
    /// The account topped itself up
    Auto,
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(super) struct TransactionsArgs {
    /// Only this kind: usage, top_up, promotion …
    #[arg(long)]
    pub(super) code: Option<String>,
    /// Only this hold and what resolves it
    #[arg(long, value_name = "ID")]
    pub(super) hold: Option<String>,
    /// Rather than newest first
    #[arg(long)]
    pub(super) oldest_first: bool,
    #[command(flatten)]
    pub(super) span: SpanArgs,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

const CREDENTIALS: &str = "Credentials are read from CLOUDFLARE_API_TOKEN, or CLOUDFLARE_EMAIL and \
     CLOUDFLARE_API_KEY, so that they are in no process list.";
