//! The operator API: `/v1/admin/<plural>/{id}/<verb>`.

mod activations;
mod audit;
mod clock;
mod customers;
mod features;
mod jobs;
mod keys;
mod licenses;
mod plans;
mod products;
mod system;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(products::routes())
        .merge(features::routes())
        .merge(plans::routes())
        .merge(customers::routes())
        .merge(licenses::routes())
        .merge(activations::routes())
        .merge(tokens::routes())
        .merge(keys::routes())
        .merge(jobs::routes())
        .merge(clock::routes())
        .merge(audit::routes())
        .merge(system::routes())
}
