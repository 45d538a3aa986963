//! What a stream costs that is open and brings nothing: memory.

use std::time::Duration;

use crate::Failure;
use crate::engine::Engine;
use crate::load::{Generator, Load, STREAM_END};
use crate::plan::Plan;
use crate::proxy::gateway::Gateway;
use crate::proxy::memory::{raise_file_limit, resident};
use crate::proxy::upstream::{IDLE, Upstream};
use crate::report;

/// How many streams are to be open at once.
const OPEN: usize = 10_000;

/// Files that a process needs beside two for each stream.
const OTHER_FILES: u64 = 500;

/// Opens streams through each gateway in turn, looks at its memory, and lets them end.
pub(crate) async fn measure(
    plan: &Plan,
    engine: &Engine,
    upstream: &Upstream,
    gateways: &[Gateway],
) -> Result<(), Failure> {
    let files = raise_file_limit();
    let fit = usize::try_from(files.saturating_sub(OTHER_FILES) / 2)?;
    let wanted = if plan.is_quick { OPEN / 10 } else { OPEN };
    let count = wanted.min(fit);
    let columns = [
        "through",
        "streams open",
        "MiB before",
        "MiB with them",
        "KiB a stream",
    ];
    report::head(&format!("Streams that wait, {}", engine.name()), &columns);
    let mut seen = Vec::new();
    for gateway in gateways {
        // What a process has once used it keeps.
        let process = gateway.process.filter(|process| !seen.contains(process));
        let Some(process) = process else {
            continue;
        };
        seen.push(process);
        let before = resident(process)?;
        let opened = open(gateway, count).await;
        let with = resident(process)?;
        // Those that did open must not wait for ever.
        upstream.go().await?;
        let ended = match opened {
            Ok(generator) => tokio::task::spawn_blocking(move || generator.ended()).await?,
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => report::row(&row(gateway, count, before, with)),
            Err(error) => report::row(&[gateway.name.to_owned(), format!("not {count}: {error}")]),
        }
    }
    if count < wanted {
        println!(
            "\n{files} files may be open at once: raise the limit (ulimit -n) for {wanted} streams."
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "KiB, for people")]
fn row(gateway: &Gateway, count: usize, before: u64, with: u64) -> Vec<String> {
    vec![
        gateway.name.to_owned(),
        count.to_string(),
        format!("{:.0}", before as f64 / 1024.0),
        format!("{:.0}", with as f64 / 1024.0),
        format!("{:.1}", with.saturating_sub(before) as f64 / count as f64),
    ]
}

async fn open(gateway: &Gateway, count: usize) -> Result<Generator, Failure> {
    let body = format!(
        r#"{{"model":"gpt-4o","max_tokens":64,"stream":true,"messages":[{{"role":"user","content":"{IDLE}"}}]}}"#
    );
    let load = Load {
        address: gateway.address,
        connections: count,
        round: Duration::ZERO,
        request: gateway.request(&body),
        body: STREAM_END.to_owned(),
    };
    tokio::task::spawn_blocking(move || Generator::open(&load)).await?
}
