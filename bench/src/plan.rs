//! What is measured, for how long and on what: the command line, checked.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::Failure;
use crate::engine::Engine;

/// Measures Farebox beside the floor it stands on and prints Markdown tables.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Short rounds, to see that everything works; the figures are rough
    #[arg(long)]
    quick: bool,
    /// Measure on this PostgreSQL server too: a role that may create databases
    #[arg(
        long,
        value_name = "URL",
        env = "FAREBOX_TEST_POSTGRES",
        hide_env_values = true
    )]
    postgres: Option<String>,
    /// Measure on this engine only
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    /// Measure only this
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// nginx, to measure it beside Farebox's proxy: a file, or a name in PATH
    #[arg(long, value_name = "PROGRAM", default_value = "nginx")]
    nginx: PathBuf,
    /// ferrogw, likewise
    #[arg(long, value_name = "PROGRAM", default_value = "ferrogw")]
    ferrogw: PathBuf,
    /// The start-server.js of @portkey-ai/gateway, likewise; node must be in PATH
    #[arg(long, value_name = "FILE")]
    portkey: Option<PathBuf>,
    /// Of the proxies, only those whose names begin so; may be given more than once
    #[arg(long, value_name = "NAME")]
    through: Vec<String>,
    /// Where SQLite's files and the floor's go: a disk, not memory
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    dir: PathBuf,
    /// Load a server as standard input says: how the program calls itself
    #[arg(long, hide = true)]
    pub(crate) generator: bool,
    /// Be a provider of models: how the program calls itself
    #[arg(long, hide = true)]
    pub(crate) upstream: bool,
}

/// The engines, as the command line names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// In a file
    Sqlite,
    /// On the server that `--postgres` names
    Postgres,
}

/// One of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Requests to `topup/status`, beside a bare route
    Status,
    /// Holds through the committer, beside plain append and fdatasync
    Holds,
    /// Calls to models, beside nginx and peers
    Proxy,
    /// What recorded requests of coding agents hold and cost
    HoldsOfAgents,
    /// Lists of a million logs, beside their rows read by their ids
    Logs,
}

impl Args {
    fn engines(&self) -> Vec<Engine> {
        let wants = |name| self.engine.is_none_or(|engine| engine == name);
        let mut engines = Vec::new();
        if wants(EngineName::Sqlite) {
            engines.push(Engine::Sqlite);
        }
        if let Some(url) = &self.postgres
            && wants(EngineName::Postgres)
        {
            engines.push(Engine::Postgres(url.clone().into()));
        }
        engines
    }
}

/// Where the programs are that are measured beside Farebox's proxy.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) nginx: PathBuf,
    pub(crate) ferrogw: PathBuf,
    pub(crate) portkey: Option<PathBuf>,
}

/// The checked command line.
#[derive(Debug)]
pub(crate) struct Plan {
    /// On what to measure.
    pub(crate) engines: Vec<Engine>,
    /// Where files go.
    pub(crate) dir: PathBuf,
    /// How long one round lasts.
    pub(crate) round: Duration,
    /// How often the subject and its floor take turns; the median is shown.
    pub(crate) rounds: usize,
    /// Whether the figures are to be rough.
    pub(crate) is_quick: bool,
    /// What is measured beside the proxy.
    pub(crate) peers: Peers,
    through: Vec<String>,
    /// Among how many logs calls are looked up.
    pub(crate) logs: u64,
    only: Option<Part>,
}

impl Plan {
    /// Makes the folder, and refuses one that is not on a disk: there a commit waits for nothing.
    pub(crate) fn new(args: &Args) -> Result<Self, Failure> {
        std::fs::create_dir_all(&args.dir)?;
        let dir = args.dir.canonicalize()?;
        let kind = Command::new("stat")
            .args(["-f", "-c", "%T"])
            .arg(&dir)
            .output()?;
        if matches!(kind.stdout.trim_ascii(), b"tmpfs" | b"ramfs") {
            return Err(format!("{} is in memory: name a folder on a disk", dir.display()).into());
        }
        let engines = args.engines();
        if engines.is_empty() {
            return Err("name a PostgreSQL server with --postgres".into());
        }
        Ok(Self {
            engines,
            dir,
            round: Duration::from_millis(if args.quick { 500 } else { 2000 }),
            rounds: if args.quick { 1 } else { 3 },
            is_quick: args.quick,
            peers: Peers {
                nginx: args.nginx.clone(),
                ferrogw: args.ferrogw.clone(),
                portkey: args.portkey.clone(),
            },
            through: args.through.clone(),
            logs: if args.quick { 20_000 } else { 1_000_000 },
            only: args.only,
        })
    }

    /// Whether this part was asked for.
    pub(crate) fn measures(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// Whether nothing else was asked for.
    pub(crate) fn is_only(&self, part: Part) -> bool {
        self.only == Some(part)
    }

    /// Whether calls are to be measured through this.
    pub(crate) fn wants_gateway(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let named = |begin: &String| name.starts_with(&begin.to_lowercase());
        self.through.is_empty() || self.through.iter().any(named)
    }
}
