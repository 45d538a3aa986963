//! `farebox serve` and `farebox migrate`.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, system_clock};
use crate::cli::args::ConfigArgs;
use crate::cli::{Failure, logging};
use crate::config::Config;
use crate::http::{self, Served};
use crate::store::db::Db;
use crate::{control, jobs, store};

/// How long a shutdown waits for requests under way before it gives them up: as long as a request may
/// take, and what it leaves is healed at the next start.
const GRACE: Duration = Duration::from_secs(75);

pub(super) fn load(args: &ConfigArgs) -> Result<Config, Failure> {
    Config::load(args.config.as_deref(), std::env::vars()).map_err(Failure::new)
}

pub(super) async fn run(args: &ConfigArgs) -> Result<(), Failure> {
    let config = load(args)?;
    logging::start(&config.log);
    let (app, served) = start(config).await?;
    // Listened for before it is said: who reads that may end it at once.
    let told_to_stop = told_to_stop()?;
    tracing::info!(
        address = %served.address, metrics = ?served.metrics, livemode = app.stripe.livemode(),
        "farebox serves"
    );
    told_to_stop.await;
    stop(&app).await;
    Ok(())
}

/// Everything that a running Farebox consists of.
pub(super) async fn start(config: Config) -> Result<(Arc<App>, Served), Failure> {
    let app = App::start(config, system_clock())
        .await
        .map_err(Failure::new)?;
    let served = http::serve(&app).await.map_err(Failure::new)?;
    if let Some(path) = store::control_socket(&app.config.database) {
        // Without it the server works, and operators have to stop it to make a token.
        if let Err(error) = control::listen(&app, &path) {
            tracing::warn!(%error, path = %path.display(), "no control socket");
        }
    }
    jobs::start(&app);
    Ok((app, served))
}

pub(super) async fn until_told_to_stop() -> Result<(), Failure> {
    told_to_stop()?.await;
    Ok(())
}

/// Listens from now on, and is done when an init system or a person ends the server.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

pub(super) async fn stop(app: &App) {
    if tokio::time::timeout(GRACE, app.shut_down()).await.is_err() {
        tracing::warn!("some requests were still under way; the next start looks after them");
    }
}

pub(super) async fn migrate(args: &ConfigArgs) -> Result<(), Failure> {
    let config = load(args)?;
    let db = Db::open(&config.database).map_err(Failure::new)?;
    let applied = store::migrate::migrate(&db).await.map_err(Failure::new)?;
    match applied.as_slice() {
        [] => println!("the schema is up to date"),
        names => println!("applied: {}", names.join(", ")),
    }
    Ok(())
}
