//! A start without network: once a lease was verified, the product starts on it as long as it lasts.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… CHORUS_LICENSE_KEY=CHORUS-… cargo run --example offline_start`
//!
//! Run it, stop the authority, and run it again.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example prints for the person who runs it"
)]
#![expect(clippy::disallowed_methods, reason = "an example has its settings from the environment")]

use std::{env::var, error::Error, process::ExitCode, time::Duration};

use kaching_client::{Fingerprint, Guard, LicenseKey, State};

fn main() -> ExitCode {
    match start() {
        Ok(guard) => {
            match guard.state() {
                State::Active { .. } => println!("Started, in contact with the license authority."),
                State::Offline { until } => println!("Started without contact; it may run until {until}."),
                other => println!("Started: {other}."),
            }
            // A clock that was set back, keys that end soon, a disk that is full: nothing stops for these.
            for warning in guard.warnings() {
                println!("{warning}");
            }
            ExitCode::SUCCESS
        }
        // Each is a sentence that says what to do.
        Err(error) => {
            eprintln!("Not started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<Guard, Box<dyn Error>> {
    // A product has its root key compiled in.
    let guard = Guard::builder(&var("KACHING_URL")?, &var("KACHING_ROOT")?)
        .product("chorus")
        .license_key(LicenseKey::from_env("CHORUS_LICENSE_KEY")?)
        // Both on a volume that stays: without them there is nothing to start on.
        .fingerprint(Fingerprint::cluster("target/chorus/cluster-id")?)
        .state_dir("target/chorus/license")
        // No network holds up the start for longer than this.
        .start_timeout(Duration::from_secs(5))
        .start()?;
    Ok(guard)
}
