//! The log, on standard error, for people or for programs. `docs/LOGGING.md` defines the levels.

#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "log/no_traces.rs"]
mod traces;

use std::{collections::BTreeMap, io};

use kaching_server::config::{Config, LogFormat};
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, registry};

use crate::failure::Failure;

#[cfg(not(feature = "otel"))]
pub use traces::NoTraces as Traces;
#[cfg(feature = "otel")]
pub use traces::Traces;

/// The environment variable that names the collector to every program with OpenTelemetry.
pub const OTLP: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Starts the log of a server and its traces by the settings. The remaining spans are sent when the result is dropped.
pub fn start(config: &Config, environment: &BTreeMap<String, String>) -> Result<Traces, Failure> {
    let filter = EnvFilter::try_new(config.log.level.as_str()).map_err(|error| {
        Failure::refused(format!(
            "log.level is a level like info, or a filter like info,kaching_db=debug: {error}."
        ))
    })?;
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match config.log.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_target(false).boxed(),
    };
    let of_environment = environment.get(OTLP).filter(|url| !url.is_empty());
    traces::start(registry().with(lines.with_filter(filter)), config.log.otlp.as_ref(), of_environment)
}

fn not_started(error: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("The log could not be started: {error}."))
}

/// Starts the log of a command that opens the authority itself. It has failures only: an answer does not give their reason.
pub fn failures() {
    let lines = fmt().with_max_level(tracing::Level::ERROR).with_writer(io::stderr);
    // If the log was started before, it is kept.
    let _ = lines.without_time().with_target(false).try_init();
}
