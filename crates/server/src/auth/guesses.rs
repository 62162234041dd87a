//! The limiter of guesses: an address that sent too many unknown keys or tokens, or bad credentials, has to wait. Keys and
//! tokens that are known to be good pass.

use kaching_authority::{
    Principal,
    activations::Proof,
    license::{Authorization, Digest},
};
use kaching_base::{ErrorCode, Secret};
use sha2::{Digest as _, Sha256};

use crate::{
    App,
    arrival::Arrival,
    limits::{Budget, Purpose, SecretHash, limited, note},
    problem::{Rejected, Result},
};

impl App {
    /// Returns the budget of an address that failed too often; `None` for all others.
    pub(crate) fn spent(&self, arrival: &Arrival) -> Option<Budget> {
        let budget = self.limits.failures.budget(arrival.address?, self.now());
        (budget.remaining <= 0).then_some(budget)
    }

    /// Refuses a call without a proof from an address that failed too often.
    pub(crate) fn check_guesses(&self, arrival: &Arrival) -> Result<()> {
        self.spent(arrival).map_or(Ok(()), |spent| Err(self.too_many_failures(spent)))
    }

    /// Checks whether the database may look up this secret for an address that failed too often.
    pub(crate) fn may_look_up(&self, hash: &SecretHash, spent: Budget) -> Result<()> {
        match self.limits.failures.may_look_up(hash, self.now()) {
            true => Ok(()),
            false => Err(self.too_many_failures(spent)),
        }
    }

    pub(crate) fn too_many_failures(&self, spent: Budget) -> Rejected {
        let detail =
            "too many unknown keys or tokens or bad credentials came from this address; wait a little";
        limited(&self.metrics, spent, detail)
    }

    /// Verifies a credential's mac. A bad one counts against its sender's address; an outdated credential does not, so that
    /// many clients behind one address can all activate again. A good one counts as a call of its activation.
    pub(crate) fn prove(
        &self,
        arrival: &Arrival,
        authorization: Authorization,
        request: Digest,
        purpose: Purpose,
    ) -> Result<Proof> {
        match Proof::check(&self.authority.keys(), authorization, request) {
            Ok(proof) => {
                let shown = proof.authorization();
                match purpose {
                    Purpose::Heartbeat => self.limit_heartbeat(arrival, shown)?,
                    _ => self.limit_activation(shown.activation, shown.generation, purpose)?,
                }
                Ok(proof)
            }
            Err(error) => {
                self.check_guesses(arrival)?;
                self.count_failure(arrival);
                Err(error.into())
            }
        }
    }

    /// Counts an unknown or mistyped key of a call that is no error itself.
    pub(crate) fn count_guess(&self, arrival: &Arrival, code: &str) -> Result<()> {
        if is_guess(code) {
            self.check_guesses(arrival)?;
            self.count_failure(arrival);
        }
        Ok(())
    }

    /// Counts a failed call if it was a guess.
    pub(crate) fn failed(&self, arrival: &Arrival, rejected: Rejected) -> Rejected {
        self.count_guess(arrival, rejected.code()).err().unwrap_or(rejected)
    }

    /// Returns the principal that holds an API token.
    ///
    /// # Errors
    /// `rate_limited` if the address failed too often and the token is not one that is known to work; the error that
    /// `unknown` makes if the token does not work, which counts as a failure.
    pub(super) async fn holder_of(
        &self,
        arrival: &Arrival,
        secret: Secret<String>,
        unknown: impl FnOnce() -> Rejected,
    ) -> Result<Principal> {
        let hash: SecretHash = Sha256::digest(secret.expose().as_bytes()).into();
        let (failures, spent) = (&self.limits.failures, self.spent(arrival));
        if let Some(spent) = spent.filter(|_| !failures.is_known_token(&hash)) {
            self.may_look_up(&hash, spent)?;
        }
        match self.authority.authenticate(secret).await {
            Ok(principal) => {
                failures.learn_token(hash, self.now());
                Ok(principal)
            }
            Err(kaching_authority::Error::Invalid { .. }) => {
                failures.learn_unknown(hash, self.now());
                self.check_guesses(arrival)?;
                self.count_failure(arrival);
                Err(unknown())
            }
            Err(other) => Err(other.into()),
        }
    }

    fn count_failure(&self, arrival: &Arrival) {
        if let Some(address) = arrival.address {
            note(self.limits.failures.count(address, self.now()));
        }
    }
}

fn is_guess(code: &str) -> bool {
    [ErrorCode::LicenseNotFound, ErrorCode::KeyMalformed].iter().any(|guess| guess.as_str() == code)
}
