use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kaching_api::Catalogue;

use super::status::asker;
use crate::{
    App,
    arrival::Arrival,
    extract::{KeyCall, Offered, Public},
    problem::Result,
};

/// A product's features and plans as its customers may see them. The ETag is the `cat` of the leases.
#[utoipa::path(get, path = "/v1/catalogue", tag = "product",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of the catalogue that the client has")),
    responses(
    (status = 200, body = Catalogue, description = "Features and plans",
        headers(("ETag" = String, description = "The `cat` of leases, in quotes"))),
    (status = 304, description = "Nothing changed since the ETag of If-None-Match",
        headers(("ETag" = String, description = "The `cat` of leases, in quotes")))))]
pub(crate) async fn catalogue(
    State(app): State<App>,
    _: Public<KeyCall>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    offered: Offered,
) -> Result<Response> {
    let (asker, _turn) = asker(&app, &arrival, offered).await?;
    let found = app.authority.catalogue(asker).await;
    let catalogue = found.map_err(|error| app.failed(&arrival, error.into()))?;
    let etag = format!("\"{}\"", catalogue.etag);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or("");
    let same =
        known.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag);
    let kept = [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    // The bytes themselves are hashed into leases: they are sent as they are.
    Ok((kept, [(header::CONTENT_TYPE, "application/json")], catalogue.body.clone()).into_response())
}
