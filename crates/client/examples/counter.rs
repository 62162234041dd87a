//! A counter: usage adds up in memory, then on disk, then with heartbeats at the authority.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… CHORUS_LICENSE_KEY=CHORUS-… cargo run --example counter`

#![expect(clippy::print_stdout, reason = "an example prints for the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "an example has its settings from the environment")]

use std::{env::var, error::Error};

use kaching_client::{Fingerprint, Guard, LicenseKey};

fn main() -> Result<(), Box<dyn Error>> {
    // A product has its root key compiled in.
    let guard = Guard::builder(&var("KACHING_URL")?, &var("KACHING_ROOT")?)
        .product("chorus")
        .license_key(LicenseKey::from_env("CHORUS_LICENSE_KEY")?)
        .fingerprint(Fingerprint::cluster("target/chorus/cluster-id")?)
        .state_dir("target/chorus/license")
        .start()?;

    for job in 1..=10 {
        guard.check()?;
        println!("job {job} is done");
        // In memory immediately, on disk within a second: the job waits for neither. Usage is reported exactly once, even if
        // an answer is lost, and after the next start if the program ends before.
        guard.record("jobs", 1)?;
    }

    println!("The license: {}.", guard.heartbeat_now());
    // A shutdown reports the rest.
    guard.shutdown()?;
    Ok(())
}
