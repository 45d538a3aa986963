//! `farebox usage`, `farebox invoices` and `farebox transactions`: an account's history on the command line.

use std::io::Write;

use api::{
    InvoiceHistoryParams, InvoiceKind, InvoicePreviewParams, TransactionOrder, TransactionsParams,
    UsageGrouping, UsageHistoryParams,
};

use crate::cli::Failure;
use crate::cli::args::{By, ClientArgs, InvoicesArgs, Kind, TransactionsArgs, UsageArgs};
use crate::cli::client::{client, print};

/// How many transfers are asked for at a time.
const PER_PAGE: i64 = 1000;

pub(super) async fn usage(args: UsageArgs) -> Result<(), Failure> {
    let params = UsageHistoryParams {
        account_id: args.client.account.clone(),
        value_grouping_window: match args.by {
            By::Hour => UsageGrouping::Hour,
            By::Day => UsageGrouping::Day,
        },
        start_time: args.span.since,
        end_time: args.span.until,
    };
    let client = client(&args.client)?;
    let asked = client.ai_gateway().billing().usage_history(params);
    let history = asked.await.map_err(Failure::new)?;
    if args.client.json {
        return print(&history, true);
    }
    for window in history.history {
        println!("{}  {}", time(window.start_time)?, window.aggregated_value);
    }
    Ok(())
}

pub(super) async fn invoices(args: InvoicesArgs) -> Result<(), Failure> {
    if args.preview {
        return preview(&args.client).await;
    }
    let params = InvoiceHistoryParams {
        account_id: args.client.account.clone(),
        kind: args.kind.map(|kind| match kind {
            Kind::Manual => InvoiceKind::Manual,
            Kind::Auto => InvoiceKind::Auto,
        }),
        page: args.page,
        per_page: args.per_page,
    };
    let client = client(&args.client)?;
    let asked = client.ai_gateway().billing().invoice_history(params);
    let history = asked.await.map_err(Failure::new)?;
    if args.client.json {
        return print(&history, true);
    }
    for invoice in &history.invoices {
        println!(
            "{}  {}  {}  {} of {} {}  {}",
            time(invoice.created)?,
            invoice.id,
            invoice.status,
            invoice.amount_paid,
            invoice.amount_due,
            invoice.currency,
            invoice.invoice_origin
        );
    }
    if history.pagination.has_more {
        super::out::complain(format_args!(
            "there are more: --page {}",
            history.pagination.page + 1
        ));
    }
    Ok(())
}

async fn preview(args: &ClientArgs) -> Result<(), Failure> {
    let params = InvoicePreviewParams {
        account_id: args.account.clone(),
    };
    let client = client(args)?;
    let asked = client.ai_gateway().billing().invoice_preview(params);
    let preview = asked.await.map_err(Failure::new)?;
    if args.json {
        return print(&preview, true);
    }
    for line in &preview.invoice_lines {
        let description = line.description.as_deref().unwrap_or("-");
        println!("{}  {description}  x {}", line.amount, line.quantity);
    }
    println!("{} {} altogether", preview.amount_due, preview.currency);
    Ok(())
}

/// Prints all of them, page by page: with `--json` an object a line.
pub(super) async fn transactions(args: TransactionsArgs) -> Result<(), Failure> {
    let client = client(&args.client)?;
    let mut params = TransactionsParams {
        account_id: args.client.account.clone(),
        code: args.code,
        hold: args.hold,
        start_time: args.span.since,
        end_time: args.span.until,
        order: args.oldest_first.then_some(TransactionOrder::Asc),
        per_page: Some(PER_PAGE),
        cursor: None,
    };
    let mut out = super::out::stdout();
    loop {
        let asked = client.ai_gateway().billing().transactions(params.clone());
        let page = asked.await.map_err(Failure::new)?;
        for one in &page.transactions {
            let line = if args.client.json {
                serde_json::to_string(one).map_err(Failure::new)?
            } else {
                format!(
                    "{}  {}  {} {}  {}  {}",
                    time(one.at / 1000)?,
                    one.id,
                    one.code,
                    one.phase,
                    one.change,
                    one.reference
                )
            };
            writeln!(out, "{line}").map_err(Failure::new)?;
        }
        params.cursor = page.next_cursor;
        if params.cursor.is_none() {
            return Ok(());
        }
    }
}

/// Unix seconds as people write a time, in UTC.
fn time(seconds: i64) -> Result<String, Failure> {
    let time = jiff::Timestamp::from_second(seconds).map_err(Failure::new)?;
    Ok(time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// A moment in Unix milliseconds, out of a day (its beginning in UTC), a time with its zone, or the
/// number itself.
pub(super) fn moment(text: &str) -> Result<i64, String> {
    if let Ok(millis) = text.parse() {
        return Ok(millis);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let day: jiff::civil::Date = text
        .parse()
        .map_err(|_| "write 2026-11-01, 2026-11-01T12:00:00Z or Unix milliseconds".to_owned())?;
    let begin = day.to_zoned(jiff::tz::TimeZone::UTC);
    let begin = begin.map_err(|error| error.to_string())?;
    Ok(begin.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_a_day_a_time_or_a_number() {
        assert_eq!(moment("2023-11-14"), Ok(1_699_920_000_000));
        assert_eq!(moment("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert_eq!(moment("2023-11-14T23:13:20+01:00"), Ok(1_700_000_000_000));
        assert_eq!(moment("1700000000000"), Ok(1_700_000_000_000));
        assert!(moment("yesterday").is_err());
    }
}
