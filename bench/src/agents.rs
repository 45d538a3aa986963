//! What coding agents' requests hold, beside what they cost: recorded requests, bounded by the prices that are
//! compiled in. Nothing is measured here, so that it takes no time.

use std::path::Path;

use farebox::catalog::Catalog;
use farebox::proxy::{QuoteRequest, quote};
use http::{HeaderMap, HeaderName, HeaderValue};
use ledger::{Amount, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::Failure;

/// Where the recordings are; bench/recordings/README.md says how they were made.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings");

/// A hold is at most so many times what the call costs (docs/explanation/how-much-credit-a-call-needs.md).
const RATIO_MAX: i64 = 20;

#[derive(Deserialize)]
struct Recording {
    agent: String,
    model: String,
    provider: String,
    path: String,
    headers: std::collections::BTreeMap<String, String>,
    body: Value,
    usage: Value,
}

/// Prints the table.
pub(crate) fn show() -> Result<(), Failure> {
    println!("\n| agent and model | held at the start | at most | cost | held / cost |");
    println!("|---|---|---|---|---|");
    let mut files: Vec<_> = std::fs::read_dir(FOLDER)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::path);
    let is_recording = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let mut largest = 0;
    for path in files
        .iter()
        .map(std::fs::DirEntry::path)
        .filter(|path| is_recording(path))
    {
        let recording: Recording = serde_json::from_slice(&std::fs::read(&path)?)?;
        largest = largest.max(row(&recording)?);
    }
    println!("\nThe largest ratio is {largest}, and {RATIO_MAX} is the aim.");
    Ok(())
}

/// A row of the table. Returns its ratio.
fn row(recording: &Recording) -> Result<i64, Failure> {
    let catalog = Catalog::open("usd", None)?;
    let at = now()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &recording.headers {
        headers.insert(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(value)?,
        );
    }
    let mut body = recording.body.clone();
    // The compat endpoint takes the provider's name off the model's.
    let prefix = format!("{}/", recording.provider);
    if let Some(bare) = body["model"]
        .as_str()
        .and_then(|name| name.strip_prefix(&prefix))
    {
        body["model"] = Value::from(bare);
    }
    let body = serde_json::to_vec(&body)?;
    let quote = quote(
        &catalog,
        at,
        &QuoteRequest {
            provider: &recording.provider,
            path: &recording.path,
            headers: &headers,
            body: &body,
        },
    );
    let quote = quote.map_err(|error| error.message)?;
    let usage = |names: &[&str]| {
        let found = names
            .iter()
            .find_map(|name| recording.usage[*name].as_u64());
        found.unwrap_or_default()
    };
    // The sandbox takes a word for a token. A real model reads what the tokenizer counts.
    let output = usage(&["output_tokens", "completion_tokens", "candidatesTokenCount"]);
    let cost = quote
        .cost(at, quote.input_tokens, output)
        .map_err(|error| error.message)?;
    let ratio = quote.likely.nanos() / cost.nanos().max(1);
    println!(
        "| {}, {} | ${} | ${} | ${} | {ratio} |",
        recording.agent,
        recording.model,
        dollars(quote.likely),
        dollars(quote.most),
        dollars(cost),
    );
    Ok(ratio)
}

fn dollars(amount: Amount) -> String {
    let places = amount.nanos() / 100_000;
    format!("{}.{:04}", places / 10_000, places % 10_000)
}

fn now() -> Result<Timestamp, Failure> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}
