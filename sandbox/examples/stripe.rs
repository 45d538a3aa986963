//! The sandbox's Stripe on its own, for scripts in other languages.
//!
//! Prints one line of JSON with its URL once it answers, and runs until it is interrupted.

use std::error::Error;
use std::net::SocketAddr;

use sandbox::{Stripe, StripeConfig, Webhook};

const USAGE: &str = "usage: stripe [--listen ADDRESS] [--key KEY] [--live] \
                     [--webhook URL --webhook-secret SECRET...]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stripe = Stripe::start(config(std::env::args().skip(1))?).await?;
    println!("{{\"url\": \"{}\"}}", stripe.url());
    tokio::signal::ctrl_c().await?;
    stripe.shutdown().await;
    Ok(())
}

fn config(mut arguments: impl Iterator<Item = String>) -> Result<StripeConfig, Box<dyn Error>> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut secret_key = "sk_test_sandbox".to_owned();
    let (mut livemode, mut url, mut secrets) = (false, None, Vec::new());
    while let Some(flag) = arguments.next() {
        if flag == "--live" {
            livemode = true;
            continue;
        }
        let value = arguments.next().ok_or(USAGE)?;
        match flag.as_str() {
            "--listen" => listen = value.parse()?,
            "--key" => secret_key = value,
            "--webhook" => url = Some(value),
            "--webhook-secret" => secrets.push(value),
            _ => return Err(USAGE.into()),
        }
    }
    let webhook = url.map(|url| Webhook { url, secrets });
    Ok(StripeConfig {
        listen,
        secret_key,
        webhook,
        livemode,
    })
}
