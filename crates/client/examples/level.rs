//! A level: the present size of an installation, checked before it grows.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… CHORUS_LICENSE_KEY=CHORUS-… cargo run --example level`

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

    // The present number, even above the limit: set at start, and when a node has gone.
    guard.set_level("nodes", 1)?;
    for nodes in 2..=100 {
        // Asked before one more joins. A yes is the level from then on.
        match guard.ensure("nodes", nodes) {
            Ok(()) => println!("node {nodes} joins"),
            Err(denied) => {
                println!("{denied}");
                if let Some(limit) = denied.limit {
                    println!("  {} of {} in use", limit.present, limit.max);
                }
                break;
            }
        }
    }
    guard.set_level("nodes", 2)?;

    // A changed level is reported with the next heartbeat.
    println!("The license: {}.", guard.heartbeat_now());
    for quota in guard.license().quotas {
        let max = quota.max.map_or_else(|| "unlimited".to_owned(), |max| max.to_string());
        println!("  {} {}: {} of {max}", quota.kind, quota.name, quota.used);
    }
    guard.shutdown()?;
    Ok(())
}
