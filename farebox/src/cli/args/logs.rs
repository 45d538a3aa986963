//! What is typed to look calls up.

use api::{LogFilter, LogOperator, LogOrder};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::gateways::PageArgs;
use super::providers::AtArgs;
use super::{CREDENTIALS, SpanArgs};

#[derive(Debug, Args)]
#[command(after_help = CREDENTIALS)]
pub(in crate::cli) struct LogsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: LogsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LogsCommand {
    /// List them, newest first
    #[command(after_help = CREDENTIALS)]
    List {
        #[command(flatten)]
        which: WhichArgs,
        /// Only those with this somewhere in their metadata
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// By what they are ordered; by time if not given
        #[arg(long, value_enum)]
        order_by: Option<Order>,
        /// The smallest first
        #[arg(long)]
        ascending: bool,
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        at: AtArgs,
    },
    /// Everything about one call, with what it was charged and why
    #[command(after_help = CREDENTIALS)]
    Get(LogArgs),
    /// What was sent with a call, byte for byte
    #[command(after_help = CREDENTIALS)]
    Request(LogArgs),
    /// What came back from a call, byte for byte
    #[command(after_help = CREDENTIALS)]
    Response(LogArgs),
    /// Remove those that match, the oldest first; what calls were charged stays on record
    #[command(after_help = CREDENTIALS)]
    Delete {
        #[command(flatten)]
        which: WhichArgs,
        /// Remove all of them, where nothing else says which
        #[arg(long)]
        all: bool,
        /// How many at most; 10000 if not given
        #[arg(long)]
        limit: Option<i64>,
        #[command(flatten)]
        at: AtArgs,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArgs {
    /// Its id: the call's cf-aig-log-id
    pub(in crate::cli) id: String,
    #[command(flatten)]
    pub(in crate::cli) at: AtArgs,
}

/// Which logs.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhichArgs {
    /// Only those of which this holds, such as model=gpt-4o, model~gpt, success!=true, 'cost>0.01' or
    /// metadata.value=ada; may be repeated, and all must hold
    #[arg(long = "filter", value_name = "CONDITION", value_parser = condition)]
    pub(in crate::cli) filters: Vec<LogFilter>,
    #[command(flatten)]
    pub(in crate::cli) span: SpanArgs,
}

/// A key, an operator and a value, which is `null` for what is not there.
fn condition(text: &str) -> Result<LogFilter, String> {
    let wrong = || "write KEY=VALUE, KEY!=VALUE, KEY~PART, KEY<VALUE or KEY>VALUE".to_owned();
    let end = text.find(['=', '!', '~', '<', '>']).ok_or_else(wrong)?;
    let (key, rest) = text.split_at(end);
    let operators = [
        ("!=", LogOperator::Neq),
        ("=", LogOperator::Eq),
        ("~", LogOperator::Contains),
        ("<", LogOperator::Lt),
        (">", LogOperator::Gt),
    ];
    let mut found = operators
        .iter()
        .filter_map(|(sign, operator)| Some((*operator, rest.strip_prefix(*sign)?)));
    let (operator, value) = found.next().ok_or_else(wrong)?;
    if key.is_empty() || value.is_empty() {
        return Err(wrong());
    }
    let value = match value {
        "null" => Value::Null,
        text => text.into(),
    };
    Ok(LogFilter::new(key, operator, value))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Order {
    /// When the call came in
    CreatedAt,
    /// The provider
    Provider,
    /// The model
    Model,
    /// What kind of model
    ModelType,
    /// Whether it succeeded
    Success,
    /// Whether the answer was a kept one
    Cached,
    /// What it is worth
    Cost,
    /// Tokens read
    TokensIn,
    /// Tokens written
    TokensOut,
    /// How long it took
    Duration,
    /// What somebody thinks of it
    Feedback,
}

impl From<Order> for LogOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::CreatedAt => Self::CreatedAt,
            Order::Provider => Self::Provider,
            Order::Model => Self::Model,
            Order::ModelType => Self::ModelType,
            Order::Success => Self::Success,
            Order::Cached => Self::Cached,
            Order::Cost => Self::Cost,
            Order::TokensIn => Self::TokensIn,
            Order::TokensOut => Self::TokensOut,
            Order::Duration => Self::Duration,
            Order::Feedback => Self::Feedback,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_is_a_key_an_operator_and_a_value() {
        for (text, key, operator, value) in [
            ("model=gpt-4o", "model", LogOperator::Eq, json!("gpt-4o")),
            ("success!=true", "success", LogOperator::Neq, json!("true")),
            ("model~gpt", "model", LogOperator::Contains, json!("gpt")),
            ("cost<0.5", "cost", LogOperator::Lt, json!("0.5")),
            ("cost>1", "cost", LogOperator::Gt, json!("1")),
            ("feedback=null", "feedback", LogOperator::Eq, json!(null)),
            (
                "metadata.value=a=b",
                "metadata.value",
                LogOperator::Eq,
                json!("a=b"),
            ),
        ] {
            assert_eq!(condition(text), Ok(LogFilter::new(key, operator, value)));
        }
        for wrong in ["", "model", "=x", "model=", "model!x"] {
            assert!(condition(wrong).is_err(), "{wrong}");
        }
    }
}
