//! What the authority tells beside its answers: on standard error, for people or for programs. `docs/LOGGING.md` says
//! what each level means.

#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "log/no_traces.rs"]
mod traces;

use std::{collections::BTreeMap, io};

use kaching_server::config::{Config, LogFormat};
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, registry};

use crate::failure::Failure;

pub(crate) use traces::Traces;

/// What other programs that speak OpenTelemetry are told the collector by.
pub(crate) const OTLP: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Starts the log of a server, as the settings say, and its traces. What is left of those is sent when they are dropped.
pub(crate) fn start(config: &Config, environment: &BTreeMap<String, String>) -> Result<Traces, Failure> {
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
    let everyones = environment.get(OTLP).filter(|url| !url.is_empty());
    traces::start(registry().with(lines.with_filter(filter)), config.log.otlp.as_ref(), everyones)
}

fn not_started(error: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("The log could not be started: {error}."))
}

/// Starts the log of a command that is its own server: only what failed, and why, since an answer does not say that.
pub(crate) fn failures() {
    let lines = fmt().with_max_level(tracing::Level::ERROR).with_writer(io::stderr);
    // A second start in one process finds the first one's log, which is as good.
    let _ = lines.without_time().with_target(false).try_init();
}
