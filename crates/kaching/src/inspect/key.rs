use kaching_api::{SecretText, ValidateAnswer, ValidateRequest};
use kaching_license::{KeyFormat, LicenseKey};
use serde_json::{Value, json};

use super::Inspection;
use crate::{
    failure::Failure,
    remote::{AuthorityTarget, IfMissing, Path},
};

/// Says what a license key is, and what the authority at hand knows of it.
pub(super) async fn inspect(text: &str, target: &AuthorityTarget) -> Result<Inspection, Failure> {
    let Ok(key) = LicenseKey::parse(text) else {
        return Ok(Inspection {
            what: "license_key".to_owned(),
            verified: Some(false),
            verdict:
                "This is neither a signed statement nor a license key: a character is missing or mistyped."
                    .to_owned(),
            header: Value::Null,
            says: Value::Null,
        });
    };
    let format = match key.format() {
        KeyFormat::Short => "short",
        KeyFormat::CaioV1 => "caio-v1",
        KeyFormat::CaioV2 => "caio-v2",
        KeyFormat::Agency => "agency",
    };
    let (verified, verdict, license) = match known(&key, target).await {
        Ok(answer) => (Some(answer.valid), answer.detail, json!(answer.license)),
        Err(failure @ (Failure::Unreached(_) | Failure::Lost(_))) => {
            let verdict =
                format!("The key is well formed; whether a license has it is not known here. {failure}");
            (None, verdict, Value::Null)
        }
        Err(failure) => return Err(failure),
    };
    let says = json!({ "format": format, "license": license });
    Ok(Inspection { what: "license_key".to_owned(), verified, verdict, header: Value::Null, says })
}

async fn known(key: &LicenseKey, target: &AuthorityTarget) -> Result<ValidateAnswer, Failure> {
    let mut client = target.connect(IfMissing::Refuse).await?;
    let body = ValidateRequest {
        license_key: Some(SecretText::new(key.expose().to_owned())),
        product: None,
        fingerprint: None,
        kind: None,
        features: None,
        nonce: None,
    };
    let answer = client.post(Path::at("/v1/validate"), &body).await;
    client.close().await;
    answer?.read()
}
