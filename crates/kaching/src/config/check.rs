use std::path::Path;

use clap::Args;
use kaching_server::others_can_read;
use serde_json::json;

use crate::{failure::Failure, output::Output, remote::Choice, settings};

/// Say whether the settings make sense; changes nothing
#[derive(Args)]
pub(crate) struct Check {}

impl Check {
    pub(super) fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        let config = settings::read(&choice.data, &choice.environment)?;
        for path in [&config.server.tls_cert, &config.server.tls_key].into_iter().flatten() {
            readable(path)?;
        }
        let warnings = settings::exposed(&choice.environment);
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

fn readable(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path).map(drop).and_then(|()| others_can_read(path).map(drop)).map_err(|error| {
        Failure::refused(format!("The TLS file {} cannot be read: {error}.", path.display()))
    })
}
