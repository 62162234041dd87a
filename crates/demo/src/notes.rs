use kaching_command::failure::Failure;
use kaching_example_notes::{Options, run};

/// Runs the notes as their own program would, and prints their address on one line.
pub fn run_notes(arguments: Vec<String>) -> Result<(), Failure> {
    super::node::log_to_stderr();
    let failure = |error: &dyn std::error::Error| Failure::refused(error.to_string());
    let options = Options::read(arguments.into_iter()).map_err(|error| failure(&error))?;
    run(&options, super::node::print_address).map_err(|error| failure(&error))
}
