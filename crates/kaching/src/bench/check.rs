use std::{hint::black_box, thread, time::Duration};

use clap::Args;
use kaching_client::{Fingerprint, Guard, LicenseKey};
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    figures::rounded,
    load::now,
    stand::{Disk, FEATURE, PRODUCT, Stand, tell},
};
use crate::{failure::Failure, output::Output};

/// Checks of a feature in a product, where the answer is yes: `Guard::require`
#[derive(Args)]
pub(crate) struct Check {
    /// Seconds that are measured
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
}

/// What was measured.
#[derive(Serialize)]
struct Cost {
    name: &'static str,
    ns_per_check: f64,
    checks: u64,
    /// Checks that said no.
    errors: u64,
}

impl Check {
    pub(super) async fn run(self, disk: &Disk, output: &Output) -> Result<(), Failure> {
        let stand = Stand::sqlite(disk).await?;
        let cost = stand.unless_interrupted(self.measure(&stand)).await;
        stand.strike().await;
        let cost = cost?;
        output.either(&cost, || format!("{:.1} ns a check, over {} checks", cost.ns_per_check, cost.checks))
    }

    async fn measure(&self, stand: &Stand) -> Result<Cost, Failure> {
        let key = stand.keys.first().map(|key| key.expose().to_owned()).unwrap_or_default();
        let fingerprint =
            Fingerprint::custom("bench-check").map_err(|error| Failure::refused(error.to_string()))?;
        let builder = Guard::builder(&format!("http://{}", stand.address), &stand.root())
            .product(PRODUCT)
            .license_key(LicenseKey::new(&key))
            .fingerprint(fingerprint)
            .state_dir(stand.path().join("product"));
        tell(&format!("{} s of checks", self.seconds));
        let span = Duration::from_secs(self.seconds.into());
        let (done, ended) = oneshot::channel();
        // The guard blocks its thread, as it does in a product.
        let body = move || {
            let cost = builder.start().map(|guard| checks(&guard, span));
            // Nobody waits any more where the command was interrupted.
            let _ = done.send(cost);
        };
        let failed =
            |error: &dyn std::error::Error| Failure::refused(format!("No check could be made: {error}."));
        thread::Builder::new().name("checks".to_owned()).spawn(body).map_err(|error| failed(&error))?;
        let cost = ended.await.map_err(|error| failed(&error))?;
        cost.map_err(|error| failed(&error))
    }
}

/// Checks until the time is up, on one thread.
fn checks(guard: &Guard, span: Duration) -> Cost {
    /// So many between two looks at the clock that they do not count.
    const BATCH: u64 = 100_000;
    let (mut checks, mut errors) = (0, 0);
    let began = now();
    let took = loop {
        for _ in 0..BATCH {
            errors += u64::from(black_box(guard.require(black_box(FEATURE))).is_err());
        }
        checks += BATCH;
        let took = began.elapsed();
        if took >= span {
            break took;
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "so many checks are never made")]
    let ns_per_check = rounded(took.as_secs_f64() * 1e9 / checks as f64, 2);
    Cost { name: "check", ns_per_check, checks, errors }
}
