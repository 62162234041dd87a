use kaching_base::{ActivationId, TokenId};

use super::{Purpose, limited, note};
use crate::{App, problem::Result};

impl App {
    /// Counts a call with a verified credential.
    pub(crate) fn limit_activation(
        &self,
        activation: ActivationId,
        generation: u64,
        purpose: Purpose,
    ) -> Result<()> {
        let detail = "this installation calls too often; wait as long as Retry-After says";
        let key = (activation, generation, purpose);
        self.limits.activations.pace(key, self.now(), &self.metrics, detail)
    }

    /// Counts a read with a verified lease.
    pub(crate) fn limit_lease(&self, activation: ActivationId) -> Result<()> {
        self.limit_activation(activation, 0, Purpose::Lease)
    }

    /// Counts a call with a token that works.
    pub(crate) fn limit_token(&self, token: TokenId) -> Result<()> {
        match self.limits.tokens.take(token, self.now()) {
            None => Ok(()),
            Some(Ok(budget)) => {
                note(budget);
                Ok(())
            }
            Some(Err(spent)) => {
                let detail = "this API token is used too often; wait as long as Retry-After says";
                Err(limited(&self.metrics, spent, detail))
            }
        }
    }
}
