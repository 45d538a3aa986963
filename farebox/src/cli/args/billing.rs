//! What is typed to hold credit, to limit spending and to look after the cards that are charged.

use api::{Cents, HoldState, LimitDuration, LimitStrategy};
use clap::{Args, Subcommand, ValueEnum};

use super::{CREDENTIALS, ClientArgs};

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct HoldsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: HoldsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum HoldsCommand {
    /// Hold credit, so that nothing else can spend it
    #[command(after_help = CREDENTIALS)]
    Create {
        /// In cents, with up to seven decimals
        amount: Cents,
        /// Refuse unless credit is sold in this currency
        #[arg(long)]
        currency: Option<String>,
        /// After how many seconds it ends by itself; 600 if not given
        #[arg(long, value_name = "SECONDS")]
        expires_in: Option<i64>,
        #[command(flatten)]
        notes: NotesArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Take a part of a hold, or the last one
    #[command(after_help = CREDENTIALS)]
    Capture {
        /// The hold
        id: String,
        /// In cents, with up to seven decimals
        amount: Cents,
        /// What was paid for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Release what is left; the amount may then be 0
        #[arg(long = "final")]
        last: bool,
        #[command(flatten)]
        notes: NotesArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Release what is left of a hold
    #[command(after_help = CREDENTIALS)]
    Void(HoldArgs),
    /// What has become of a hold
    #[command(after_help = CREDENTIALS)]
    Get(HoldArgs),
    /// List holds, newest first
    #[command(after_help = CREDENTIALS)]
    List {
        /// Only these
        #[arg(long, value_enum)]
        state: Option<State>,
        /// From 1 on
        #[arg(long)]
        page: Option<u32>,
        /// How many a page has, 100 at most
        #[arg(long)]
        per_page: Option<u32>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// What a caller says about a hold or a capture.
#[derive(Debug, Args)]
pub(in crate::cli) struct NotesArgs {
    /// A note of your own; may be repeated
    #[arg(long = "metadata", value_name = "NAME=VALUE", value_parser = note)]
    pub(in crate::cli) metadata: Vec<(String, String)>,
    /// Repeat a lost call under the same key: it is done once
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) idempotency_key: Option<String>,
}

fn note(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Args)]
pub(in crate::cli) struct HoldArgs {
    /// The hold
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) client: ClientArgs,
}

/// What has become of a hold.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum State {
    /// Some of it, or all, may still be captured
    Open,
    /// Captured in full, or closed by a final capture
    Captured,
    /// Released by a call
    Voided,
    /// Released because its time was over
    Expired,
}

impl From<State> for HoldState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Captured => Self::Captured,
            State::Voided => Self::Voided,
            State::Expired => Self::Expired,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct SpendingLimitArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: SpendingLimitCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SpendingLimitCommand {
    /// The limit, if there is one
    #[command(after_help = CREDENTIALS)]
    Get(ClientArgs),
    /// Set it, in place of any other
    #[command(after_help = CREDENTIALS)]
    Set {
        /// In cents; at least 100
        amount: i64,
        /// How long a window is
        #[arg(long, value_enum)]
        duration: Duration,
        /// How windows follow each other
        #[arg(long, value_enum)]
        strategy: Strategy,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Remove it
    #[command(after_help = CREDENTIALS)]
    Unset(ClientArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Duration {
    /// A day
    Daily,
    /// A week
    Weekly,
    /// A month
    Monthly,
}

impl From<Duration> for LimitDuration {
    fn from(duration: Duration) -> Self {
        match duration {
            Duration::Daily => Self::Daily,
            Duration::Weekly => Self::Weekly,
            Duration::Monthly => Self::Monthly,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Strategy {
    /// Days, weeks and months of the calendar, in UTC
    Fixed,
    /// The last 24 hours, 7 days or 30 days
    Sliding,
}

impl From<Strategy> for LimitStrategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Fixed => Self::Fixed,
            Strategy::Sliding => Self::Sliding,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct PaymentMethodsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: PaymentMethodsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PaymentMethodsCommand {
    /// List them, the default first
    #[command(after_help = CREDENTIALS)]
    List(ClientArgs),
    /// Begin to save a card, which becomes the default
    #[command(after_help = CREDENTIALS)]
    Setup {
        /// Answer a page of Stripe's that leads back there, instead of a secret for Stripe.js
        #[arg(long, value_name = "URL")]
        return_url: Option<String>,
        /// Repeat a lost call under the same key: it is done once
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Charge this one where a top-up names none
    #[command(after_help = CREDENTIALS)]
    Default(PaymentMethodArgs),
    /// Remove one for good
    #[command(after_help = CREDENTIALS)]
    Remove(PaymentMethodArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PaymentMethodArgs {
    /// Stripe's id (pm_…)
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) client: ClientArgs,
}

#[cfg(test)]
mod tests {
    use super::note;

    #[test]
    fn a_note_is_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(note("job=7"), pair("job", "7"));
        assert_eq!(note("url=a=b"), pair("url", "a=b"));
        assert_eq!(note("empty="), pair("empty", ""));
        assert!(note("job").is_err());
    }
}
