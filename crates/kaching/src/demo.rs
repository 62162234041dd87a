use clap::{Args, Subcommand};

use crate::{failure::Failure, output::Output};

/// Show the whole story in a minute, on a temporary authority that is removed at the end
#[derive(Args)]
pub(crate) struct Demo {
    #[command(subcommand)]
    process: Option<DemoProcess>,
}

/// The processes that the demo starts.
#[derive(Subcommand)]
enum DemoProcess {
    /// A guarded cluster
    #[command(hide = true)]
    Node(Node),
    /// A product that only a layer guards
    #[command(hide = true)]
    Notes(Notes),
}

#[derive(Args)]
struct Node {
    /// Seconds that this machine's clock is off, since it was started last.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    clock_off: i64,
    /// The arguments of the example.
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Args)]
struct Notes {
    /// The arguments of the example.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Demo {
    pub(crate) fn run(self, output: &Output) -> Result<(), Failure> {
        match self.process {
            Some(DemoProcess::Node(Node { clock_off, arguments })) => {
                kaching_demo::run_node(clock_off, arguments)
            }
            Some(DemoProcess::Notes(Notes { arguments })) => kaching_demo::run_notes(arguments),
            None => kaching_demo::tell_story(output),
        }
    }
}
