use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use kaching_api::SecretText;
use kaching_base::{ActivationId, ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    LicensingRouter, Rejected,
    rejected::json,
    views::{self, show},
    write_request::WriteRequest,
};
use crate::{Fingerprint, Guard, LicenseKey};

/// A key that somebody entered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    license_key: SecretText,
}

/// The key to renew with.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    license_key: Option<SecretText>,
    license_file: Option<String>,
}

#[derive(Serialize)]
struct Activated {
    status: &'static str,
    customer_id: Option<String>,
    expires_at: Option<Timestamp>,
    activation_id: ActivationId,
}

#[derive(Serialize)]
struct Validated {
    is_valid: bool,
    error: Option<String>,
    code: String,
}

/// `POST /activate`
pub(super) async fn activate(
    State(router): State<LicensingRouter>,
    request: Request,
) -> Result<Response, Rejected> {
    let write = WriteRequest::read(&router, request).await?;
    let Entry { license_key } = write.body()?;
    enter(&router.guard, &license_key, write.fingerprint).await?;
    let license = router.guard.blocking(Guard::license).await.ok_or_else(Rejected::busy)?;
    let granted = license.granted.ok_or_else(views::nothing)?;
    Ok(json(&Activated {
        status: "activated",
        customer_id: license.customer,
        expires_at: granted.expires_at,
        activation_id: granted.activation,
    }))
}

/// `POST /renew`
pub(super) async fn renew(
    State(router): State<LicensingRouter>,
    request: Request,
) -> Result<Response, Rejected> {
    let write = WriteRequest::read(&router, request).await?;
    let renewal = if write.is_empty() { Renewal::default() } else { write.body()? };
    match renewal {
        Renewal { license_file: Some(_), .. } => {
            return Err(Rejected::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::InvalidRequest,
                "License files are not taken here yet: renew with the license key, or with nothing to ask the license \
                 authority again.",
            ));
        }
        Renewal { license_key: Some(license_key), .. } => {
            enter(&router.guard, &license_key, write.fingerprint).await?;
        }
        Renewal { .. } => drop(router.guard.heartbeat_async().await),
    }
    show(&router.guard).await
}

/// `POST /validate`
pub(super) async fn validate(
    State(router): State<LicensingRouter>,
    request: Request,
) -> Result<Response, Rejected> {
    let write = WriteRequest::read(&router, request).await?;
    let Entry { license_key } = write.body()?;
    let validated = router.guard.validate_async(key(&license_key), write.fingerprint).await;
    Ok(json(&match validated {
        Ok(validity) => Validated {
            is_valid: validity.valid,
            error: (!validity.valid).then_some(validity.detail),
            code: validity.code.to_string(),
        },
        // Without proof it is no yes, and no no either.
        Err(unknown) => {
            Validated { is_valid: false, error: Some(unknown.to_string()), code: "unknown".to_owned() }
        }
    }))
}

async fn enter(
    guard: &Guard,
    license_key: &SecretText,
    fingerprint: Option<Fingerprint>,
) -> Result<(), Rejected> {
    let entered = match fingerprint {
        Some(fingerprint) => guard.activate_as_async(key(license_key), fingerprint).await,
        None => guard.activate_async(key(license_key)).await,
    };
    entered.map_err(Rejected::from)
}

fn key(license_key: &SecretText) -> LicenseKey {
    LicenseKey::new(license_key.expose())
}
