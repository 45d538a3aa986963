//! Farebox measured beside the floor it stands on: `cargo run --release -p bench`.
//!
//! A figure alone says more about the machine than about the program, so that each stands in one table
//! with what the machine can do at best, measured in the same run and in turns, and with their ratio.
//! docs/explanation/performance.md says how to read the tables. Nothing here is a test: no figure fails the run,
//! but books that do not add up afterwards do.

mod agents;
mod callers;
mod clock;
mod disk;
mod engine;
mod holds;
mod load;
mod logs;
mod plan;
mod proxy;
mod report;
mod status;
mod subject;

use clap::Parser;

use plan::{Args, Part, Plan};

/// Whatever ends a run before its time, told to the one who started it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    if args.generator {
        return load::generate();
    }
    if args.upstream {
        return proxy::upstream::serve();
    }
    report::logging();
    // As `farebox serve` does: as many threads as there are cores.
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(Plan::new(&args)?))
}

async fn run(plan: Plan) -> Result<(), Failure> {
    if plan.measures(Part::HoldsOfAgents) {
        agents::show()?;
    }
    if plan.is_only(Part::HoldsOfAgents) {
        return Ok(());
    }
    println!("{}", report::machine(&plan).await?);
    for engine in &plan.engines {
        if plan.measures(Part::Status) {
            status::measure(&plan, engine).await?;
        }
        if plan.measures(Part::Holds) {
            holds::measure(&plan, engine).await?;
        }
        if plan.measures(Part::Proxy) {
            proxy::measure(&plan, engine).await?;
        }
        if plan.measures(Part::Logs) {
            logs::measure(&plan, engine).await?;
        }
    }
    Ok(())
}
