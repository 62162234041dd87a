use clap::Args;

use super::effective::{effective, toml};
use crate::{failure::Failure, output::Output, remote::AuthorityTarget, settings};

/// Show the settings in force, secrets hidden: defaults, then config.toml, then the environment
#[derive(Args)]
pub(crate) struct ShowConfig {}

impl ShowConfig {
    pub(super) fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        let config = settings::read(&target.data, &target.environment)?;
        let settings = effective(&config);
        output.either(&settings, || {
            let file = target.data.join("config.toml");
            let from = if file.exists() {
                format!("with {}", file.display())
            } else {
                format!("there is no {}", file.display())
            };
            format!("# In force; {from}\n{}", toml(&settings))
        })
    }
}
