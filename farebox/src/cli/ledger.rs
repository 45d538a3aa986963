//! `farebox ledger check` and `export`. They only read, so they run beside a server that has the file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use ledger::{Phase, Transfer};
use serde_json::{Value, json};

use crate::cli::args::{ExportFormat, LedgerArgs, LedgerCommand};
use crate::cli::{Failure, serve};
use crate::csv;
use crate::store::audit::{self, Audit};
use crate::store::db::Db;
use crate::store::{StoreError, journal};

pub(super) async fn run(args: &LedgerArgs) -> Result<ExitCode, Failure> {
    let config = serve::load(&args.config)?;
    let db = Db::open_read_only(&config.database).map_err(Failure::new)?;
    match &args.command {
        LedgerCommand::Check { json } => check(&db, *json).await,
        LedgerCommand::Export { format, output } => {
            let out: Box<dyn Write> = match output {
                Some(path) => Box::new(File::create(path).map_err(Failure::new)?),
                None => Box::new(super::out::stdout()),
            };
            export(&db, *format, BufWriter::new(out)).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn check(db: &Db, json: bool) -> Result<ExitCode, Failure> {
    let audit = audit::check(db).await.map_err(Failure::new)?;
    if json {
        println!("{}", serde_json::to_string(&audit).map_err(Failure::new)?);
    } else {
        print_audit(&audit);
    }
    Ok(if audit.is_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the check found, for people.
pub(super) fn print_audit(audit: &Audit) {
    println!(
        "{} transfers, {} customers, {} holds, {} completed top-ups, {} refunds and disputes, {} \
         charges of calls; the books sum to {}",
        audit.transfers,
        audit.customers,
        audit.holds,
        audit.completed_topups,
        audit.reversals,
        audit.charges,
        audit.sum
    );
    for finding in &audit.for_review {
        println!("FOR REVIEW  {}: {}", finding.row, finding.what);
    }
    for finding in &audit.problems {
        println!("WRONG  {}: {}", finding.row, finding.what);
    }
    match audit.problems.len() {
        0 => println!("the books are right"),
        count => println!("the books are WRONG: {count} findings"),
    }
}

/// Why an export stops.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] io::Error),
}

async fn export(db: &Db, format: ExportFormat, mut out: impl Write) -> Result<(), Failure> {
    let mut tx = db.begin_snapshot().await.map_err(Failure::new)?;
    let written = async {
        if matches!(format, ExportFormat::Csv) {
            writeln!(out, "{}", COLUMNS.join(","))?;
        }
        journal::read_all(&mut tx, |seq, transfer| -> Result<(), ExportError> {
            let row = row(seq, &transfer);
            match format {
                ExportFormat::Csv => writeln!(out, "{}", csv_line(&row))?,
                ExportFormat::Jsonl => writeln!(out, "{}", jsonl(&row))?,
            }
            Ok(())
        })
        .await?;
        out.flush()?;
        Ok::<_, ExportError>(())
    };
    written.await.map_err(Failure::new)
}

/// The columns of the export; `amount_nanos` are nano-units, 10^7 to the cent.
const COLUMNS: [&str; 11] = [
    "seq",
    "id",
    "at",
    "debit",
    "credit",
    "amount_nanos",
    "code",
    "phase",
    "hold",
    "expires_at",
    "reference",
];

fn row(seq: i64, transfer: &Transfer) -> [Value; 11] {
    let expires_at = match transfer.phase {
        Phase::Pending { expires_at } => Some(expires_at.millis()),
        _ => None,
    };
    [
        json!(seq),
        json!(transfer.id.to_string()),
        json!(transfer.at.millis()),
        json!(transfer.debit.to_string()),
        json!(transfer.credit.to_string()),
        json!(transfer.amount.nanos()),
        json!(transfer.code.name()),
        json!(phase(transfer.phase)),
        json!(transfer.phase.hold().map(|hold| hold.to_string())),
        json!(expires_at),
        json!(transfer.reference),
    ]
}

/// A phase as it is stored: without telling the last post, whoever reads the journal could not say what has
/// become of a hold's rest.
fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Post { last: true, .. } => "post_last",
        other => other.name(),
    }
}

fn jsonl(row: &[Value; 11]) -> Value {
    COLUMNS
        .iter()
        .map(|name| (*name).to_owned())
        .zip(row.iter().cloned())
        .collect()
}

fn csv_line(row: &[Value; 11]) -> String {
    csv::line(row.iter().map(|value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }))
}
