use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use kaching_base::ErrorCode;

use super::license_key::refuse_key;
use crate::{
    App,
    problem::{Rejected, Result},
};

/// The `{id}` of a path, as it stands there. What cannot be an address names nothing: 404.
pub(crate) struct At(pub(crate) String);

impl FromRequestParts<App> for At {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let address = Path::<String>::from_request_parts(parts, app).await;
        match address {
            Ok(Path(text)) if text.len() <= 512 && !text.contains('\0') => {
                refuse_key(&text, "/id")?;
                Ok(Self(text))
            }
            _ => Err(Rejected::new(ErrorCode::NotFound, "there is nothing with this address")),
        }
    }
}
