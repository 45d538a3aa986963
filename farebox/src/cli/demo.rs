//! `farebox demo`: starts everything in a temporary directory and takes the newcomer on the tour.

use std::net::SocketAddr;

use crate::cli::args::{DemoArgs, DevArgs};
use crate::cli::dev::{self, Dev};
use crate::cli::{Failure, serve, tour};

pub(super) async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let args_of_dev = DevArgs {
        listen,
        dir: None,
        database: None,
        json: false,
    };
    // The environment's keys at providers are none of a demonstration's business.
    let dev = Dev::start(&args_of_dev, &[dev::LOG]).await?;
    let toured = tour::take(&dev).await;
    if let (Ok(invoice), true) = (&toured, args.keep) {
        println!("\n── It stays up. Paste these (pip install cloudflare), Ctrl-C ends it ──\n");
        println!("{}\n\n{}", dev.snippet(invoice), dev.chat());
        println!(
            "\nBase URL  {}\nToken     {}",
            dev.base_url(),
            dev.access.token
        );
        serve::until_told_to_stop().await?;
    }
    dev.stop().await;
    toured.map(|_| ())
}
