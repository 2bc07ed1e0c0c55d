//! The log: lines for people or JSON for machines, on standard error.

use std::io::IsTerminal as _;

use bailiwick_config::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

/// Starts the log. What the program's own crates say counts from the configured level, what libraries say from `warn`.
pub(crate) fn start(settings: LogSettings, colors: bool) {
    let level = settings.level.as_str();
    let libraries = if level == "error" { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{libraries},bailiwick={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A closed standard error is no reason to stop serving.
        .log_internal_errors(false)
        .with_ansi(colors && std::io::stderr().is_terminal());
    // A log that is started twice (in tests) stays the first one.
    let _ = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
