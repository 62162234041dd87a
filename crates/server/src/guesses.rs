//! Those who guess keys and credentials are slowed down, by address.

use kaching_authority::{
    activations::Proof,
    license::{Authorization, Digest},
};
use kaching_base::ErrorCode;

use crate::{
    App,
    edge::{self, Arrival},
    limits::limited,
    problem::{Rejected, Result},
};

impl App {
    /// Refuses a call by key from an address that failed too often, before the key is looked at.
    pub(crate) fn may_guess(&self, arrival: &Arrival) -> Result<()> {
        let Some(address) = arrival.address else { return Ok(()) };
        let budget = self.limits.failures.budget(address, self.now());
        if budget.remaining > 0 {
            return Ok(());
        }
        let detail = "too many unknown keys or bad credentials came from this address; wait a little";
        Err(limited(&self.metrics, budget, detail))
    }

    /// Refuses a bad mac, which counts against its sender's address alone; an outdated credential does not, so that
    /// many clients behind one address can all activate again. A good one counts as a call of its activation.
    pub(crate) fn prove(
        &self,
        arrival: &Arrival,
        authorization: Authorization,
        request: Digest,
    ) -> Result<Proof> {
        match Proof::check(&self.authority.keys(), authorization, request) {
            Ok(proof) => {
                let Authorization { activation, generation, .. } = *proof.authorization();
                self.pace_activation(activation, generation)?;
                Ok(proof)
            }
            Err(error) => {
                self.may_guess(arrival)?;
                if let Some(address) = arrival.address {
                    edge::note(self.limits.failures.count(address, self.now()));
                }
                Err(error.into())
            }
        }
    }

    /// Counts a key that is unknown or mistyped, where that is not an error of the call.
    pub(crate) fn guessed(&self, arrival: &Arrival, code: &str) {
        if let Some(address) = arrival.address
            && is_guess(code)
        {
            edge::note(self.limits.failures.count(address, self.now()));
        }
    }

    /// Counts what failed, and tells how much is left.
    pub(crate) fn failed(&self, arrival: &Arrival, rejected: Rejected) -> Rejected {
        let Some(address) = arrival.address.filter(|_| is_guess(rejected.code())) else { return rejected };
        edge::note(self.limits.failures.count(address, self.now()));
        rejected
    }
}

fn is_guess(code: &str) -> bool {
    [ErrorCode::LicenseNotFound, ErrorCode::KeyMalformed].iter().any(|guess| guess.as_str() == code)
}
