use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_api::{SecretText, ValidateAnswer};
use kaching_license::{Digest, Moment, TrustedKeyset, request_hash};

use super::{
    activate::prepare,
    disk::Disk,
    engines::Engines,
    figures::Figures,
    load::Caller,
    series::{Load, series},
    stand::{PRODUCT, Setting, Stand, answer_to},
    wire,
};
use crate::failure::Failure;

/// Questions whether a key would do, each with a signed answer; they only read
#[derive(Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(super) load: Load,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Validate {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let load = self.load;
        self.engines
            .each(disk, Setting::default(), async |stand: &mut Stand<'_>| {
                // As when they are in use: one installation on each.
                let keys = u32::try_from(stand.keys.len()).unwrap_or(u32::MAX);
                prepare(&*stand, keys, keys).await?;
                let keys = (0..load.connections).zip(stand.keys.iter().cycle());
                let callers = keys.map(|(number, key)| Validating {
                    number,
                    key: key.clone(),
                    trusted: Arc::clone(&stand.trusted),
                    sent: 0,
                    request: Digest([0; 32]),
                    body: Vec::new(),
                });
                Ok(series(&*stand, load, "validate", callers.collect()).await?.0)
            })
            .await
    }
}

/// Asks for one key again and again.
struct Validating {
    number: u32,
    key: SecretText,
    trusted: Arc<TrustedKeyset>,
    /// How many were sent.
    sent: u64,
    /// What the statement must answer.
    request: Digest,
    body: Vec<u8>,
}

const PATH: &str = "/v1/validate";

impl Caller for Validating {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let (key, number, sent) = (self.key.expose(), self.number, self.sent);
        self.body.clear();
        write!(
            self.body,
            r#"{{"license_key":"{key}","product":"{PRODUCT}","nonce":"validate-{number:04}-{sent:012}"}}"#
        )
        .expect("memory takes every write");
        self.request = request_hash("POST", PATH, "", &self.body);
        wire::post(request, PATH, None, &self.body);
        self.sent += 1;
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        wire::expect(200, status, body)?;
        if self.sent.is_multiple_of(64) {
            let answer: ValidateAnswer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            let statement = answer.statement.unwrap_or_default();
            let validation =
                self.trusted.verify_validation(&statement, &answer_to(self.request), Moment::Answer);
            if !validation.map_err(|error| error.to_string())?.valid {
                return Err(answer.detail);
            }
        }
        Ok(())
    }
}
