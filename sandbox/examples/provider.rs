//! The sandbox's provider of models on its own, for scripts in other languages and benchmarks.
//!
//! Prints one line of JSON with its URL once it answers, and runs until it is interrupted.

use std::error::Error;

use sandbox::{Provider, ProviderConfig};

const USAGE: &str = "usage: provider [--listen ADDRESS] [--key KEY...] [--journal REQUESTS]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = Provider::start(config(std::env::args().skip(1))?).await?;
    println!("{{\"url\": \"{}\"}}", provider.url());
    tokio::signal::ctrl_c().await?;
    provider.shutdown().await;
    Ok(())
}

fn config(mut arguments: impl Iterator<Item = String>) -> Result<ProviderConfig, Box<dyn Error>> {
    let mut config = ProviderConfig::default();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match flag.as_str() {
            "--listen" => config.listen = value.parse()?,
            "--key" => config.keys.push(value),
            "--journal" => config.journal = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(config)
}
