//! Version 1 of the protocol: the calls of products here, those of operators in `admin`.

mod activate;
pub(crate) mod admin;
mod catalogue;
mod changes;
mod deactivate;
mod events;
mod heartbeat;
mod reports;
mod status;
mod validate;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) fn product_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(activate::activate))
        .routes(routes!(heartbeat::heartbeat))
        .routes(routes!(deactivate::deactivate))
        .routes(routes!(validate::validate))
        .routes(routes!(status::status))
        .routes(routes!(catalogue::catalogue))
        .routes(routes!(changes::changes))
        .routes(routes!(events::events))
        .routes(routes!(reports::report))
}
