use std::{io::Write as _, process::ExitCode};

use kaching_example_cluster::{OptionsError, Task, probe, run};

fn main() -> ExitCode {
    let done = match Task::read(std::env::args().skip(1)) {
        Ok(Task::Setup(setup, data)) => setup.keep(&data).map(|kept| said(&kept)),
        Ok(Task::Release(setup, data)) => setup.release(&data).map(|released| said(&released)),
        Ok(Task::Run(options)) => run(&options, |address| said(&format!("Takes jobs on http://{address}"))),
        Ok(Task::Health(address)) => probe(address),
        Err(error @ OptionsError::Usage(_)) => return failed(&error, 2),
        Err(error) => return failed(&error, 1),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

fn said(line: &str) {
    // Standard output is closed, so there is nobody to report that to.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "error: {error}");
    ExitCode::from(code)
}
