use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::request::Parts,
    routing::{get, post},
};

use crate::Guard;

mod keys;
mod rejected;
mod views;
mod write_request;

use rejected::Rejected;

/// No body of these calls is longer, in bytes.
const LONGEST: usize = 64 * 1024;

/// Calls about the license for a product's own API, to be nested where the product wants them:
///
/// ```
/// # fn app(guard: kaching_client::Guard) -> axum::Router {
/// # struct Admin;
/// let licensing = kaching_client::router(guard)
///     .allow_writes(|request| request.extensions.get::<Admin>().is_some())
///     .into_router();
/// axum::Router::new().nest("/api/v1/licensing", licensing)
/// # }
/// ```
///
/// | call | request → answer |
/// |---|---|
/// | `POST /activate` | `{license_key}` → `{status, customer_id, expires_at, activation_id}`, or 400 |
/// | `POST /renew` | nothing, or `{license_key}` → as `GET /status`, after a heartbeat or an activation |
/// | `POST /validate` | `{license_key}` → `{is_valid, error, code}`, as the authority says, signed |
/// | `GET /status` | `{customer_id, license_type, expires_at, features, limits, quotas, state, days_left, upgrade}`, or 404 |
/// | `GET /lease` | what [`Guard::handover`] gives, for other nodes; 404 before the first lease |
///
/// `customer_id` is the vendor's reference of the customer where the license key names it (`CAIO-…`, `AGY-…`), else
/// null: neither lease nor authority names the customer to the product. `X-CAIO-Instance-ID`, if it comes with a license
/// key, is the fingerprint, of kind `instance`. A refusal is a problem document whose `detail` is a sentence for people.
///
/// Needs the feature `axum`.
#[must_use = "it is to be mounted: into_router()"]
pub fn router(guard: Guard) -> LicensingRouter {
    LicensingRouter { guard, allowed: Arc::new(|_| false) }
}

/// A [`router`] that is being made.
#[derive(Clone)]
#[must_use = "it is to be mounted: into_router()"]
pub struct LicensingRouter {
    guard: Guard,
    allowed: Arc<dyn Fn(&Parts) -> bool + Send + Sync>,
}

impl LicensingRouter {
    /// Allows the requests to activate, renew and validate for which this returns true. By default none is allowed. The
    /// product finds its own user in the request's extensions, where one of its layers has put it.
    pub fn allow_writes(self, allowed: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self { allowed: Arc::new(allowed), ..self }
    }

    /// The router itself.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/activate", post(keys::activate))
            .route("/renew", post(keys::renew))
            .route("/validate", post(keys::validate))
            .route("/status", get(views::status))
            .route("/lease", get(views::lease))
            .method_not_allowed_fallback(|| async { Rejected::method() })
            .layer(DefaultBodyLimit::max(LONGEST))
            .with_state(self)
    }
}
