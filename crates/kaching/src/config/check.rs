use std::path::Path;

use clap::Args;
use kaching_server::{CertificateState, check_certificate, others_can_read};
use serde_json::json;

use crate::{failure::Failure, output::Output, remote::Choice, settings};

/// Say whether the settings make sense; changes nothing
#[derive(Args)]
pub(crate) struct Check {}

impl Check {
    pub(super) fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        let config = settings::read(&choice.data, &choice.environment)?;
        let mut warnings = settings::exposed(&choice.environment);
        if let (Some(chain), Some(key)) = (&config.server.tls_cert, &config.server.tls_key) {
            for path in [chain, key] {
                readable(path)?;
            }
            let state = check_certificate(chain, key, output.now)
                .map_err(|error| settings::sentence(&error.to_string()))?;
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

/// Where backups are to be written; a server would only say in the night that it is not there.
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
