//! This binary was built without traces.

use kaching_server::config::PublicUrl;
use tracing_subscriber::util::SubscriberInitExt;

use super::not_started;
use crate::failure::Failure;

/// The traces of a binary without the feature `otel`: none.
pub struct NoTraces;

/// Starts the log alone. A collector in the environment may be meant for other programs.
pub(super) fn start(
    lines: impl SubscriberInitExt,
    collector: Option<&PublicUrl>,
    _: Option<&String>,
) -> Result<NoTraces, Failure> {
    if collector.is_some() {
        return Err(Failure::refused(
            "log.otlp is set, and this kaching was built without traces: build it with `--features otel`, or leave \
             log.otlp empty.",
        ));
    }
    lines.try_init().map_err(not_started)?;
    Ok(NoTraces)
}
