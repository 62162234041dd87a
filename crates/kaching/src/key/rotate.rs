use clap::{Args, ValueEnum};
use kaching_api::{KeyCreate, KeyPurpose};
use kaching_base::LeaseAlgorithm;

use crate::{failure::Failure, flags::words, output::Output, remote::Client};

/// Create a new signing key that replaces the present one, which verifies until its end
#[derive(Args)]
pub(crate) struct RotateKey {
    /// The statements that it signs
    #[arg(long, value_enum, default_value_t = Purpose::Lease)]
    purpose: Purpose,
    /// Its algorithm; EdDSA unless set
    #[arg(long, value_parser = words!(LeaseAlgorithm))]
    alg: Option<LeaseAlgorithm>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Purpose {
    /// Leases, refusals and validations
    Lease,
}

impl RotateKey {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let Purpose::Lease = self.purpose;
        let body = KeyCreate { purpose: KeyPurpose::Lease, alg: self.alg };
        let answer = client.post(super::path(), &body).await?;
        output.done(
            &answer,
            "A new key is published now and signs in a minute; the old one verifies to its end. `kaching key list` shows both.",
        )
    }
}
