use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_api::{SecretText, ValidateAnswer};
use kaching_license::{Digest, Moment, TrustedKeyset, request_hash};

use super::{
    bench_server::{BenchServer, PRODUCT, ServerOptions, answer_to},
    connection,
    disk::Disk,
    engines::Engines,
    figures::Figures,
    load::Caller,
    series::{Load, series},
};
use kaching_command::failure::Failure;

/// Signed validations of a key, with 1, 100 and 1000 installations on its license
#[derive(Args)]
pub struct Validate {
    #[command(flatten)]
    pub(super) load: Load,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Validate {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let load = self.load;
        self.engines
            .each(disk, ServerOptions::default(), async |server: &mut BenchServer<'_>| {
                let mut rows = Vec::new();
                for installations in INSTALLATIONS {
                    server.grow_each_license_to(installations).await?;
                    let callers = callers(server, load.connections, installations);
                    let (measured, _) = series(&*server, load, "validate", callers).await?;
                    let of = format!("{installations} on a license");
                    rows.extend(measured.into_iter().map(|row| Figures { of: Some(of.clone()), ..row }));
                }
                Ok(rows)
            })
            .await
    }
}

/// The numbers of installations on each license, in ascending order.
const INSTALLATIONS: [u32; 3] = [1, 100, 1000];

fn callers(server: &BenchServer<'_>, connections: u32, installations: u32) -> Vec<ValidateCaller> {
    let keys = (0..connections).zip(server.keys.iter().cycle());
    keys.map(|(number, key)| ValidateCaller {
        number,
        key: key.clone(),
        trusted: Arc::clone(&server.trusted),
        in_use: installations.into(),
        sent: 0,
        request: Digest([0; 32]),
        body: Vec::new(),
    })
    .collect()
}

/// Validates one key repeatedly.
struct ValidateCaller {
    number: u32,
    key: SecretText,
    trusted: Arc<TrustedKeyset>,
    /// The number of used slots that every answer must report.
    in_use: u64,
    /// The number of requests so far.
    sent: u64,
    /// The digest of the request, which the statement must name.
    request: Digest,
    body: Vec<u8>,
}

const PATH: &str = "/v1/validate";

impl Caller for ValidateCaller {
    fn write_request(&mut self, request: &mut Vec<u8>) -> bool {
        let (key, number, sent) = (self.key.expose(), self.number, self.sent);
        self.body.clear();
        write!(
            self.body,
            r#"{{"license_key":"{key}","product":"{PRODUCT}","nonce":"validate-{number:04}-{sent:012}"}}"#
        )
        .expect("writing to memory does not fail");
        self.request = request_hash("POST", PATH, "", &self.body);
        connection::post(request, PATH, None, &self.body);
        self.sent += 1;
        true
    }

    fn check_answer(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        connection::expect(200, status, body)?;
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
                return Err(
                    "an answer reports a wrong number of used slots: this is a fault of Kaching".to_owned()
                );
            }
        }
        Ok(())
    }
}
