//! What is printed: Markdown on standard output, progress on standard error.

use std::sync::Arc;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::Failure;
use crate::callers::closed_loop;
use crate::clock::{Round, median};
use crate::disk::Appender;
use crate::engine::{self, Engine};
use crate::plan::Plan;

/// Logs as `farebox serve` does by default, so that what logging costs is part of the figures.
pub(crate) fn logging() {
    let filter = Targets::new()
        .with_default(tracing::Level::WARN)
        .with_target("farebox", tracing::Level::INFO);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
}

/// The machine in a sentence: cores, how long one `fdatasync` takes, how durable the server is.
pub(crate) async fn machine(plan: &Plan) -> Result<String, Failure> {
    let cores = std::thread::available_parallelism()?;
    let dir = tempfile::tempdir_in(&plan.dir)?;
    let appender = Appender::start(dir.path(), 1)?;
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let appender = appender.clone();
        let append = Arc::new(move |_| {
            let appender = appender.clone();
            async move { appender.append().await }
        });
        rounds.push(closed_loop(1, plan.round, append).await?);
    }
    let Round { p50, p99, .. } = Round::median_of(&rounds);
    let mut text =
        format!("{cores} cores; append and fdatasync: p50 {p50:.3} ms, p99 {p99:.3} ms.");
    for engine in &plan.engines {
        if let Engine::Postgres(server) = engine {
            text.push_str(&format!(
                "\nPostgreSQL: {}.",
                engine::durability(server).await?
            ));
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.push_str(&format!("\nLoad average before the run: {load}"));
    Ok(text)
}

/// A Markdown table's head.
pub(crate) fn head(title: &str, columns: &[&str]) {
    println!("\n### {title}\n\n| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

/// A Markdown table's row.
pub(crate) fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// The median of the rounds' own ratios: both sides of each were measured one after the other, so
/// that a neighbour who came and went has disturbed both or is outvoted.
pub(crate) fn ratio(subject: &[Round], floor: &[Round]) -> f64 {
    let pairs = subject.iter().zip(floor);
    median(
        pairs
            .map(|(subject, floor)| subject.per_second / floor.per_second)
            .collect(),
    )
}
