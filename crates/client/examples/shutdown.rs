//! An orderly shutdown: finish the running job when the license stops, report the usage, give the slot back.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… CHORUS_LICENSE_KEY=CHORUS-… cargo run --example shutdown`

#![expect(clippy::print_stdout, reason = "an example prints for the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "an example has its settings from the environment")]

use std::{
    env::var,
    error::Error,
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use kaching_client::{Fingerprint, Guard, HealthStatus, LicenseKey};

fn main() -> Result<(), Box<dyn Error>> {
    let (stop, stopped) = channel();
    // A product has its root key compiled in.
    let guard = Guard::builder(&var("KACHING_URL")?, &var("KACHING_ROOT")?)
        .product("chorus")
        .license_key(LicenseKey::from_env("CHORUS_LICENSE_KEY")?)
        .fingerprint(Fingerprint::cluster("target/chorus/cluster-id")?)
        .state_dir("target/chorus/license")
        // Another installation can have the slot immediately.
        .release_on_shutdown(true)
        // By now checks deny, and the stop is on disk. Only the program itself ends its process.
        .on_stop(move |state| drop(stop.send(state.clone())))
        .start()?;
    guard.set_health(HealthStatus::Ok, None);

    for job in 1..=30 {
        println!("job {job} is done");
        guard.record("jobs", 1)?;
        match stopped.recv_timeout(Duration::from_secs(1)) {
            Ok(state) => {
                println!("No more jobs: {state}.");
                break;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }

    match guard.shutdown() {
        Ok(()) => println!("All usage is reported, and the slot is free."),
        Err(error) => println!("{error}."),
    }
    Ok(())
}
