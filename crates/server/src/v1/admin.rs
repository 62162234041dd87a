//! The operator API: `/v1/admin/<plural>/{id}/<verb>`.

mod activations;
mod audit;
mod clock;
mod customers;
mod features;
mod jobs;
mod keys;
mod licenses;
mod noun;
mod plans;
mod products;
mod system;
mod tokens;

use crate::{App, route::Routes};

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
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
