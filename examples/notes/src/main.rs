use std::{io::Write as _, process::ExitCode};

use kaching_example_notes::{Options, OptionsError, run};

fn main() -> ExitCode {
    let done = match Options::read(std::env::args().skip(1)) {
        Ok(options) => run(&options, |address| {
            // Standard output is closed, so there is nobody to report that to.
            let _ = writeln!(std::io::stdout().lock(), "Takes notes on http://{address}");
        }),
        Err(error @ OptionsError::Usage(_)) => return failed(&error, 2),
        Err(error) => return failed(&error, 1),
    };
    done.map_or_else(|error| failed(&error, 1), |()| ExitCode::SUCCESS)
}

fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "error: {error}");
    ExitCode::from(code)
}
