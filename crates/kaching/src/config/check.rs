use std::path::Path;

use clap::Args;
use kaching_server::{CertificateState, check_certificate, others_can_read};
use serde_json::json;

use crate::{failure::Failure, output::Output, remote::AuthorityTarget, settings};

/// Check the settings; changes nothing
#[derive(Args)]
pub(crate) struct CheckConfig {}

impl CheckConfig {
    pub(super) fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        let config = settings::read(&target.data, &target.environment)?;
        let mut warnings = settings::exposed(&target.environment);
        if let (Some(chain), Some(key)) = (&config.server.tls_cert, &config.server.tls_key) {
            for path in [chain, key] {
                readable(path)?;
            }
            let state = check_certificate(chain, key, output.now).map_err(Failure::from_error)?;
            match state {
                CertificateState::Valid => {}
                CertificateState::EndsSoon(why) | CertificateState::Invalid(why) => warnings.push(why),
            }
        }
        if let Some(directory) = &config.backup.directory {
            listable(directory)?;
        }
        output.either(&json!({ "ok": true, "warnings": warnings }), || {
            let mut text = String::new();
            for warning in &warnings {
                text.push_str(&format!("{} {warning}\n", output.style.warn("warning:")));
            }
            text.push_str("The settings make sense.");
            text
        })
    }
}

/// Checks the directory of backups. A server would report a missing one only at the time of its first backup.
fn listable(directory: &Path) -> Result<(), Failure> {
    std::fs::read_dir(directory).map(drop).map_err(|error| {
        let directory = directory.display();
        Failure::refused(format!(
            "The backup.directory {directory} cannot be used: {error}. Make it, or name another."
        ))
    })
}

fn readable(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path).map(drop).and_then(|()| others_can_read(path).map(drop)).map_err(|error| {
        Failure::refused(format!("The TLS file {} cannot be read: {error}.", path.display()))
    })
}
