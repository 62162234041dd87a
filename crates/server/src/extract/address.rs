use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use kaching_base::ErrorCode;

use super::license_key::refuse_key;
use crate::{
    App,
    problem::{Rejected, Result},
    route::{Describe, Facts, VersionUse},
};

/// The `{id}` of a path, as it was sent. A text that cannot be an address names nothing: 404.
pub(crate) struct At(pub(crate) String);

/// The address of an object whose version the answer names, and which a change compares with `If-Match`.
pub(crate) struct AtVersioned(pub(crate) String);

/// The address of an object whose version a change compares with `If-Match`, while the answer is about something else.
pub(crate) struct AtCompared(pub(crate) String);

macro_rules! address {
    ($name:ident, $version:expr) => {
        impl FromRequestParts<App> for $name {
            type Rejection = Rejected;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
                address(parts, app).await.map(Self)
            }
        }

        impl Describe for $name {
            fn describe(facts: &mut Facts) {
                facts.is_addressed = true;
                facts.version = $version;
            }
        }
    };
}

address!(At, None);
address!(AtVersioned, Some(VersionUse::Answered));
address!(AtCompared, Some(VersionUse::Compared));

async fn address(parts: &mut Parts, app: &App) -> Result<String> {
    match Path::<String>::from_request_parts(parts, app).await {
        Ok(Path(text)) if text.len() <= 512 && !text.contains('\0') => {
            refuse_key(&text, "/id")?;
            Ok(text)
        }
        _ => Err(Rejected::new(ErrorCode::NotFound, "there is nothing with this address")),
    }
}
