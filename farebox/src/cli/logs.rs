//! `farebox logs`: calls through a gateway, looked up on the command line.

use std::io::Write;

use api::{
    Log, LogBody, LogDeleteParams, LogDirection, LogFilter, LogListParams, LogOperator, LogParams,
};
use serde_json::json;

use crate::cli::Failure;
use crate::cli::args::{AtArgs, LogArgs, LogsArgs, LogsCommand, WhichArgs};
use crate::cli::client::{client, print};

pub(super) async fn run(args: LogsArgs) -> Result<(), Failure> {
    match args.command {
        LogsCommand::List {
            which,
            search,
            order_by,
            ascending,
            page,
            at,
        } => {
            let params = LogListParams {
                account_id: at.client.account.clone(),
                gateway_id: at.gateway.clone(),
                filters: filters(which)?,
                search,
                order_by: order_by.map(Into::into),
                direction: ascending.then_some(LogDirection::Asc),
                meta_info: false,
                page: page.page,
                per_page: page.per_page,
            };
            list(params, &at).await
        }
        LogsCommand::Get(args) => {
            let client = client(&args.at.client)?;
            let found = client.ai_gateway().logs().get(params(&args)).await;
            print(&found.map_err(Failure::new)?, args.at.client.json)
        }
        LogsCommand::Request(args) => {
            let client = client(&args.at.client)?;
            let found = client.ai_gateway().logs().request(params(&args)).await;
            write(&found.map_err(Failure::new)?, args.at.client.json)
        }
        LogsCommand::Response(args) => {
            let client = client(&args.at.client)?;
            let found = client.ai_gateway().logs().response(params(&args)).await;
            write(&found.map_err(Failure::new)?, args.at.client.json)
        }
        LogsCommand::Delete {
            which,
            all,
            limit,
            at,
        } => delete(filters(which)?, all, limit, &at).await,
    }
}

fn params(args: &LogArgs) -> LogParams {
    LogParams {
        account_id: args.at.client.account.clone(),
        gateway_id: args.at.gateway.clone(),
        log_id: args.id.clone(),
    }
}

/// The conditions, the span of time among them: from its beginning on, and before its end.
fn filters(which: WhichArgs) -> Result<Vec<LogFilter>, Failure> {
    let mut filters = which.filters;
    let since = which.span.since.map(|since| since.saturating_sub(1));
    for (operator, millis) in [
        (LogOperator::Gt, since),
        (LogOperator::Lt, which.span.until),
    ] {
        if let Some(millis) = millis {
            let time = jiff::Timestamp::from_millisecond(millis).map_err(Failure::new)?;
            filters.push(LogFilter::new("created_at", operator, time.to_string()));
        }
    }
    Ok(filters)
}

async fn list(params: LogListParams, at: &AtArgs) -> Result<(), Failure> {
    let client = client(&at.client)?;
    let found = client.ai_gateway().logs().list(params).await;
    let list = found.map_err(Failure::new)?;
    if at.client.json {
        return print(&list.result, true);
    }
    for log in &list.result {
        println!("{}", line(log));
    }
    if list.result_info.has_more {
        super::out::complain(format_args!(
            "there are more: --page {}",
            list.result_info.page + 1
        ));
    }
    Ok(())
}

fn line(log: &Log) -> String {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let count = |count: Option<i64>| or_none(count.map(|count| count.to_string()));
    format!(
        "{}  {}  {}  {}/{}  {} + {} tokens  {} dollars  {} ms",
        log.created_at,
        log.id,
        count(log.status_code),
        log.provider,
        log.model,
        count(log.tokens_in),
        count(log.tokens_out),
        or_none(log.cost.map(|cost| cost.to_string())),
        log.duration
    )
}

/// Writes a body as it is: with `--json` as a text in an object.
fn write(body: &LogBody, json: bool) -> Result<(), Failure> {
    if !json {
        let mut out = super::out::stdout();
        let written = out.write_all(&body.bytes).and_then(|()| out.flush());
        return written.map_err(Failure::new);
    }
    let text = std::str::from_utf8(&body.bytes)
        .map_err(|_| Failure::new("the body is no text: leave --json out to get its bytes"))?;
    print(
        &json!({ "content_type": body.content_type, "body": text }),
        true,
    )
}

async fn delete(
    filters: Vec<LogFilter>,
    all: bool,
    limit: Option<i64>,
    at: &AtArgs,
) -> Result<(), Failure> {
    if filters.is_empty() && !all {
        return Err(Failure::new(
            "say which logs, with --filter, --since or --until, or --all",
        ));
    }
    let params = LogDeleteParams {
        account_id: at.client.account.clone(),
        gateway_id: at.gateway.clone(),
        filters,
        limit,
        ..Default::default()
    };
    let client = client(&at.client)?;
    let removed = client.ai_gateway().logs().delete(params).await;
    print(&removed.map_err(Failure::new)?, at.client.json)
}
