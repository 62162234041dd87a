use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use kaching_authority::{Clock as _, SystemClock};
use kaching_base::{Seconds, Timestamp};
use kaching_client::Clock;
use kaching_example_cluster::{Task, run};

use kaching_command::failure::Failure;

/// Runs the guarded cluster as its own program would, and prints its address on one line. `clock_off` is by how many
/// seconds its machine's clock is wrong; `arguments` are those of the program.
pub fn run_node(clock_off: i64, arguments: Vec<String>) -> Result<(), Failure> {
    log_to_stderr();
    let failure = |error: &dyn std::error::Error| Failure::refused(error.to_string());
    let task = Task::read(arguments.into_iter()).map_err(|error| failure(&error))?;
    let Task::Run(mut options) = task else { return Err(Failure::usage("a node runs")) };
    if clock_off != 0 {
        options.clock = Some(Arc::new(ClockOff(Seconds(clock_off))));
    }
    run(&options, print_address).map_err(|error| failure(&error))
}

/// Prints the address on which the process listens, for the demo.
pub(super) fn print_address(address: SocketAddr) {
    // If the demo has ended, nobody reads this, and the process is about to be killed.
    let _ = writeln!(std::io::stdout().lock(), "{address}");
}

/// The clocks of a machine that has just booted with a wrong date.
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

/// Logs the messages of the guard to standard error, which the demo prints if a step does not hold.
pub(super) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::new("kaching_client=info");
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // A log that already exists is kept.
    let _ = lines.with_writer(std::io::stderr).try_init();
}
