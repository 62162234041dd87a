use std::{hint::black_box, time::Duration};

use clap::Args;
use ed25519_dalek::{Signature, VerifyingKey};
use kaching_base::Base64Url;
use kaching_license::{Digest, Expected, Moment, PublicKey, TrustedKeyset};

use super::{
    bench_server::{BenchServer, PRODUCT, ServerOptions},
    disk::Disk,
    engines::SQLITE,
    figures::{Figures, rounded},
    heartbeat::HeartbeatCaller,
    load::{LoadPattern, now},
};
use kaching_command::failure::Failure;

/// The whole verification of a lease, against the Ed25519 verification of its signature alone
#[derive(Args)]
pub struct Verify {
    /// Seconds that are measured
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(super) seconds: u32,
    /// Measure this many times, and print the median with the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(super) runs: u32,
}

impl Verify {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = ServerOptions { installations: 1, ..ServerOptions::default() };
        let mut server = BenchServer::start(disk, &SQLITE, setting).await?;
        let callers =
            HeartbeatCaller::share_out(&mut server, 1).into_iter().map(HeartbeatCaller::for_leases).collect();
        let answered = server.load(callers, LoadPattern::All).await;
        let trusted = server.trusted.clone();
        server.remove().await;
        let lease =
            answered?.1.into_iter().flat_map(HeartbeatCaller::into_installations).next().map(|one| one.lease);
        let lease = lease.filter(|lease| !lease.is_empty());
        let lease = lease.ok_or_else(|| Failure::refused("The temporary authority gave no lease."))?;
        let span = Duration::from_secs(self.seconds.into()) / 2;
        let runs: Option<Vec<Figures>> = (0..self.runs).map(|_| compare(&trusted, &lease, span)).collect();
        let runs =
            runs.ok_or_else(|| Failure::refused("The lease does not verify: this is a fault of Kaching."))?;
        Ok(Figures::median(runs).into_iter().collect())
    }
}

/// Returns `None` if one of the two does not verify.
fn compare(trusted: &TrustedKeyset, lease: &str, span: Duration) -> Option<Figures> {
    let (message, key, signature) = bare(trusted, lease)?;
    let expected =
        Expected { aud: Some(PRODUCT), req: Some(request_of(trusted, lease)?), ..Expected::default() };
    // The two alternate, so that both run under the same conditions.
    let (mut whole, mut raw) = ((Duration::ZERO, 0), (Duration::ZERO, 0));
    while whole.0 + raw.0 < span * 2 {
        timed(&mut whole, || trusted.verify_lease(black_box(lease), &expected, Moment::Answer).is_ok())?;
        timed(&mut raw, || key.verify_strict(black_box(message.as_bytes()), &signature).is_ok())?;
    }
    let nanos = |(took, count): (Duration, u32)| took.as_secs_f64() * 1e9 / f64::from(count.max(1));
    Some(Figures {
        of: Some(format!("{:.1} us bare", nanos(raw) / 1000.0)),
        ns_per_check: Some(rounded(nanos(whole), 0)),
        checks: Some(u64::from(whole.1)),
        ratio: Some(rounded(nanos(whole) / nanos(raw), 3)),
        ..Figures::named("verify")
    })
}

fn timed((took, count): &mut (Duration, u32), mut verifies: impl FnMut() -> bool) -> Option<()> {
    const BATCH: u32 = 100;
    let began = now();
    let all = (0..BATCH).all(|_| black_box(verifies()));
    *took += began.elapsed();
    *count += BATCH;
    all.then_some(())
}

/// Returns the signed bytes of a lease, the key, and the signature.
fn bare<'l>(trusted: &TrustedKeyset, lease: &'l str) -> Option<(&'l str, VerifyingKey, Signature)> {
    let (message, signature) = lease.rsplit_once('.')?;
    let signature = Base64Url::decode_exact::<64>(signature.as_bytes())?;
    let key = trusted.keyset().keys.iter().find_map(|jwk| match &jwk.public {
        PublicKey::Ed25519(bytes) => VerifyingKey::from_bytes(bytes).ok(),
        PublicKey::Rsa3072(_) => None,
    })?;
    Some((message, key, Signature::from_bytes(&signature)))
}

fn request_of(trusted: &TrustedKeyset, lease: &str) -> Option<Digest> {
    Some(trusted.verify_lease(lease, &Expected::default(), Moment::Inspect).ok()?.req)
}
