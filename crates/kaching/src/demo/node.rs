use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use clap::Args;
use kaching_authority::{Clock as _, SystemClock};
use kaching_base::{Seconds, Timestamp};
use kaching_client::Clock;
use kaching_example_cluster::{Task, run};

use crate::failure::Failure;

/// The arguments of the example, behind `--`.
#[derive(Args)]
pub(crate) struct Node {
    /// Seconds by which this machine's clock is off, since it was started last.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    clock_off: i64,
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Node {
    /// Runs the guarded cluster as its own program would, and says its address on one line.
    pub(crate) fn run(self) -> Result<(), Failure> {
        log();
        let failure = |error: &dyn std::error::Error| Failure::refused(error.to_string());
        let task = Task::read(self.arguments.into_iter()).map_err(|error| failure(&error))?;
        let Task::Run(mut options) = task else { return Err(Failure::usage("a node runs")) };
        if self.clock_off != 0 {
            options.clock = Some(Arc::new(ClockOff(Seconds(self.clock_off))));
        }
        run(&options, say).map_err(|error| failure(&error))
    }
}

/// Where it listens, for the demo.
pub(super) fn say(address: SocketAddr) {
    // The demo that reads this may be gone; the process then ends with its group.
    let _ = writeln!(std::io::stdout().lock(), "{address}");
}

/// The clocks of a machine that was started a moment ago with a wrong date.
struct ClockOff(Seconds);

impl Clock for ClockOff {
    fn boot(&self) -> Duration {
        SystemClock.boot()
    }

    fn wall(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    fn boot_id(&self) -> String {
        format!("demo-{}", std::process::id())
    }
}

/// What the guard tells goes to standard error, which the demo keeps for the case that a step does not hold.
pub(super) fn log() {
    let filter = tracing_subscriber::EnvFilter::new("kaching_client=info");
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // A second log in one process would be a mistake of ours, and no reason not to run.
    let _ = lines.with_writer(std::io::stderr).try_init();
}
