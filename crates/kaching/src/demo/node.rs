use clap::Args;
use kaching_example_cluster::{Options, run};

use crate::failure::Failure;

/// The arguments of the example, behind `--`.
#[derive(Args)]
pub(crate) struct Node {
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Node {
    /// Runs the guarded cluster as its own program would, and says its address on one line.
    pub(crate) fn run(self) -> Result<(), Failure> {
        log();
        let failure = |error: &dyn std::error::Error| Failure::refused(error.to_string());
        let options = Options::read(self.arguments.into_iter()).map_err(|error| failure(&error))?;
        run(&options, |address| {
            use std::io::Write as _;
            // The demo that reads this may be gone; the cluster then ends with its process group.
            let _ = writeln!(std::io::stdout().lock(), "{address}");
        })
        .map_err(|error| failure(&error))
    }
}

/// What the guard tells goes to standard error, which the demo keeps for the case that a step does not hold.
fn log() {
    let filter = tracing_subscriber::EnvFilter::new("kaching_client=info");
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // A second log in one process would be a mistake of ours, and no reason not to run.
    let _ = lines.with_writer(std::io::stderr).try_init();
}
