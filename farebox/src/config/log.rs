//! `[log]`

use tracing::Level;

use super::reader::Reader;

/// What is written to standard error.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The least important lines that are written.
    pub level: Level,
    /// For whom.
    pub format: LogFormat,
}

/// For whom log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, an object a line.
    Json,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let instead = "write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
        let level = reader.parsed("log.level", level, instead);
        let format = reader.parsed("log.format", format, "write \"text\" or \"json\"");
        Self {
            level: level.unwrap_or(Level::INFO),
            format: format.unwrap_or(LogFormat::Text),
        }
    }
}

fn level(text: &str) -> Option<Level> {
    // The type's own parser takes numbers too, of which nobody knows which way they count.
    if text.bytes().all(|byte| byte.is_ascii_lowercase()) {
        text.parse().ok()
    } else {
        None
    }
}

fn format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}
