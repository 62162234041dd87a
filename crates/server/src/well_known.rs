//! Discovery: the endpoints, and the keys that verify statements.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use kaching_api::{Discovery, Endpoints, Jwks};

use crate::{
    App,
    extract::{Open, Public},
    route::{Routes, route},
};

/// Keys may be kept for a minute: clients ask again where they meet an unknown one.
/// No longer than a key is published before it signs: [`kaching_authority::PUBLISHED_BEFORE`].
const CACHE_CONTROL_VALUE: &str = "public, max-age=60";

pub(crate) fn routes() -> Routes<App> {
    Routes::new().add(route!(discovery)).add(route!(jwks))
}

/// The endpoints and the keysets.
#[utoipa::path(get, path = "/.well-known/kaching", tag = "keys",
    responses((status = 200, body = Discovery, description = "The endpoints and the keysets")))]
async fn discovery(State(app): State<App>, _: Public<Open>) -> Json<Discovery> {
    let issuer = app.issuer();
    // An address of this machine that was on record by default may be that of an earlier start.
    let base = if issuer.is_loopback() { &app.base } else { &issuer };
    let at = |path: &str| format!("{}{path}", base.as_str());
    let keys = app.authority.keys();
    Json(Discovery {
        issuer: issuer.as_str().to_owned(),
        versions: vec![1],
        endpoints: Endpoints {
            activate: at("/v1/activate"),
            heartbeat: at("/v1/heartbeat"),
            deactivate: at("/v1/deactivate"),
            validate: at("/v1/validate"),
            status: at("/v1/status"),
            catalogue: at("/v1/catalogue"),
            changes: at("/v1/changes"),
            events: at("/v1/events"),
            reports: at("/v1/reports"),
            jwks: at("/.well-known/jwks.json"),
            openapi: at("/openapi.json"),
        },
        roots: keys.roots.iter().map(ToString::to_string).collect(),
        keysets: keys.keysets.clone(),
        epoch: keys.epoch,
    })
}

/// The signing keys, RFC 7517: any JWT library verifies a lease with them.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "keys",
    responses((status = 200, body = Jwks, description = "The keys")))]
async fn jwks(State(app): State<App>, _: Public<Open>) -> Response {
    let headers = [(header::CACHE_CONTROL, CACHE_CONTROL_VALUE), (header::CONTENT_TYPE, "application/json")];
    let keys = serde_json::to_vec(&app.authority.keys().jwks).expect("a key set is plain data");
    (headers, keys).into_response()
}
