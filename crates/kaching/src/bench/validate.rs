use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_api::{SecretText, ValidateAnswer};
use kaching_license::{Digest, Moment, TrustedKeyset, request_hash};

use super::{
    disk::Disk,
    engines::Engines,
    figures::Figures,
    load::Caller,
    series::{Load, series},
    stand::{PRODUCT, Setting, Stand, answer_to},
    wire,
};
use crate::failure::Failure;

/// Signed answers whether a key would do, with 1, 100 and 1000 installations on a license
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
                let mut rows = Vec::new();
                for installations in INSTALLATIONS {
                    stand.grow_each(installations).await?;
                    let callers = callers(stand, load.connections, installations);
                    let (measured, _) = series(&*stand, load, "validate", callers).await?;
                    let of = format!("{installations} on a license");
                    rows.extend(measured.into_iter().map(|row| Figures { of: Some(of.clone()), ..row }));
                }
                Ok(rows)
            })
            .await
    }
}

/// How many installations are on each license, the fewest first.
const INSTALLATIONS: [u32; 3] = [1, 100, 1000];

fn callers(stand: &Stand<'_>, connections: u32, installations: u32) -> Vec<Validating> {
    let keys = (0..connections).zip(stand.keys.iter().cycle());
    keys.map(|(number, key)| Validating {
        number,
        key: key.clone(),
        trusted: Arc::clone(&stand.trusted),
        in_use: installations.into(),
        sent: 0,
        request: Digest([0; 32]),
        body: Vec::new(),
    })
    .collect()
}

/// Asks for one key again and again.
struct Validating {
    number: u32,
    key: SecretText,
    trusted: Arc<TrustedKeyset>,
    /// The slots that its answers have to name as used.
    in_use: u64,
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
            let slots = answer.quotas.iter().find(|quota| quota.name.as_str() == "activations");
            if slots.is_none_or(|slots| slots.used != self.in_use) {
                return Err("an answer does not name the slots that are in use: this is a fault of Kaching"
                    .to_owned());
            }
        }
        Ok(())
    }
}
