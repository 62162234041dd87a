//! A feature that some licenses have: asked by its code at the moment of use, and the answer shown as it is.
//!
//! `KACHING_URL=http://127.0.0.1:7700 KACHING_ROOT=kaching-root:… CHORUS_LICENSE_KEY=CHORUS-… cargo run --example feature_gate`

#![expect(clippy::print_stdout, reason = "an example prints for the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "an example has its settings from the environment")]

use std::{env::var, error::Error, thread, time::Duration};

use kaching_client::{Denied, Fingerprint, Guard, LicenseKey};

fn main() -> Result<(), Box<dyn Error>> {
    // A product has its root key compiled in.
    let guard = Guard::builder(&var("KACHING_URL")?, &var("KACHING_ROOT")?)
        .product("chorus")
        .license_key(LicenseKey::from_env("CHORUS_LICENSE_KEY")?)
        .fingerprint(Fingerprint::cluster("target/chorus/cluster-id")?)
        .state_dir("target/chorus/license")
        .start()?;

    // Asked again each time: what an upgrade or a suspension has changed meanwhile, the next answer says.
    for _ in 0..6 {
        match link_clusters(&guard) {
            Ok(()) => println!("The clusters are linked."),
            Err(denied) => show(&denied),
        }
        thread::sleep(Duration::from_secs(5));
    }
    guard.shutdown()?;
    Ok(())
}

fn link_clusters(guard: &Guard) -> Result<(), Denied> {
    guard.require("federation")?;
    Ok(())
}

/// The sentence is all that most people need; the parts are for an interface of your own.
fn show(denied: &Denied) {
    println!("{denied}");
    println!("  code: {}", denied.code_text());
    if let Some(upgrade) = &denied.upgrade {
        println!("  plan that has it: {} ({})", upgrade.name, upgrade.plan);
    }
}
