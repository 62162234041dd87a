//! What the authority tells beside its answers: on standard error, for people or for programs.

use std::io;

use kaching_server::config::{Config, LogFormat};
use tracing_subscriber::{EnvFilter, fmt};

use crate::failure::Failure;

/// Starts the log of a server, as the settings say.
pub(crate) fn start(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log.level).map_err(|error| {
        Failure::refused(format!(
            "log.level is a level like info, or a filter like info,kaching_db=debug: {error}."
        ))
    })?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_target(false).try_init(),
    };
    started.map_err(|error| Failure::refused(format!("The log could not be started: {error}.")))
}

/// Starts the log of a command that is its own server: only what failed, and why, since an answer does not say that.
pub(crate) fn failures() {
    let lines = fmt().with_max_level(tracing::Level::ERROR).with_writer(io::stderr);
    // A second start in one process finds the first one's log, which is as good.
    let _ = lines.without_time().with_target(false).try_init();
}
