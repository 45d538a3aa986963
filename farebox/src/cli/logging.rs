//! Where log lines go: standard error, so that standard output stays a command's own.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Logs as the configuration says. Farebox's own lines only: what libraries have to say below a
/// warning is about their insides.
pub(super) fn start(config: &LogConfig) {
    let filter = Targets::new()
        .with_default(tracing::Level::WARN)
        .with_target("farebox", config.level)
        .with_target("sandbox", config.level);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second subscriber in one process would be a mistake of ours, and the first one stays.
    let _ = match config.format {
        LogFormat::Text => registry.with(layer.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
}
