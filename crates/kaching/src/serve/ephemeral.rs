//! `serve --ephemeral`: an authority for the tests of a product.

use std::{collections::BTreeMap, net::SocketAddr};

use kaching_base::Seconds;
use kaching_command::serve::{ephemeral_settings, serve_ephemeral};

use super::Serve;
use crate::{failure::Failure, seed};

impl Serve {
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// Refuses the flags that would be dangerous, or useless, for an authority that keeps its data.
    pub(super) fn refuse_tests_alone(&self) -> Result<(), Failure> {
        if self.clock_offset.is_some() {
            return Err(Failure::usage(
                "--clock-offset is only for --ephemeral: an authority that keeps its data follows the clock of its machine.",
            ));
        }
        if self.seed {
            return Err(Failure::usage(
                "--seed is only for --ephemeral: run `kaching seed` while this authority serves.",
            ));
        }
        Ok(())
    }

    /// Serves for a test. `data` says whether the command line names a data directory.
    pub(crate) async fn run_ephemeral(
        self,
        data: bool,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let keeps = [("--data", data), ("--database", self.database.is_some())];
        if let Some((flag, _)) = keeps.iter().find(|(_, given)| *given) {
            return Err(Failure::usage(format!(
                "--ephemeral keeps no data, and {flag} says where data is kept: leave out one of them."
            )));
        }
        let (clock_offset, seeded) = (self.clock_offset.unwrap_or(Seconds(0)), self.seed);
        let mut config = self.config(ephemeral_settings(environment)?)?;
        if !config.server.listen.ip().is_loopback() && config.server.admin_listen.is_none() {
            // The usual port of operators may be taken by an authority that keeps its data.
            config.server.admin_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        let seed = seeded.then_some(seed::with_test_licenses);
        serve_ephemeral(config, environment, clock_offset, seed).await
    }
}
