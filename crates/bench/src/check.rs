use std::{hint::black_box, thread, time::Duration};

use clap::Args;
use kaching_client::{Fingerprint, Guard, LicenseKey};
use tokio::sync::oneshot;

use super::{
    bench_server::{BenchServer, FEATURE, PRODUCT, ServerOptions},
    disk::Disk,
    engines::SQLITE,
    figures::{Figures, rounded},
    load::now,
};
use kaching_command::{failure::Failure, output::show_progress};

/// Checks of a licensed feature in a product: `Guard::require`
#[derive(Args)]
pub struct Check {
    /// Seconds that are measured
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(super) seconds: u32,
    /// Measure this many times, and print the median with the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(super) runs: u32,
}

impl Check {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let server = BenchServer::start(disk, &SQLITE, ServerOptions::default()).await?;
        let mut runs = Vec::new();
        for run in 0..self.runs {
            runs.push(disk.unless_interrupted(self.measure(&server, run)).await);
        }
        server.remove().await;
        Ok(Figures::median(runs.into_iter().collect::<Result<_, _>>()?).into_iter().collect())
    }

    async fn measure(&self, server: &BenchServer<'_>, run: u32) -> Result<Figures, Failure> {
        let key = server.keys.first().map(|key| key.expose().to_owned()).unwrap_or_default();
        let fingerprint =
            Fingerprint::custom("bench-check").map_err(|error| Failure::refused(error.to_string()))?;
        let builder = Guard::builder(&format!("http://{}", server.address), &server.root)
            .product(PRODUCT)
            .license_key(LicenseKey::new(&key))
            .fingerprint(fingerprint)
            .state_dir(server.path().join(format!("product-{run}")));
        show_progress(&format!("{} s of checks", self.seconds));
        let span = Duration::from_secs(self.seconds.into());
        let (done, ended) = oneshot::channel();
        // The guard blocks its thread, as it does in a product.
        let body = move || {
            let cost = builder.start().map(|guard| checks(&guard, span));
            // Nobody waits if the command was interrupted.
            let _ = done.send(cost);
        };
        let failed =
            |error: &dyn std::error::Error| Failure::refused(format!("No check could be made: {error}."));
        thread::Builder::new().name("checks".to_owned()).spawn(body).map_err(|error| failed(&error))?;
        let cost = ended.await.map_err(|error| failed(&error))?;
        cost.map_err(|error| failed(&error))
    }
}

/// Checks the feature on one thread until the time is up.
fn checks(guard: &Guard, span: Duration) -> Figures {
    /// Enough that reading the clock does not count.
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
    #[expect(clippy::cast_precision_loss, reason = "there are never that many checks")]
    let ns_per_check = rounded(took.as_secs_f64() * 1e9 / checks as f64, 2);
    Figures { ns_per_check: Some(ns_per_check), checks: Some(checks), errors, ..Figures::named("check") }
}
