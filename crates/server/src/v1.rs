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

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn product_routes() -> Routes<App> {
    Routes::new()
        .add(route!(activate::activate))
        .add(route!(heartbeat::heartbeat))
        .add(route!(deactivate::deactivate))
        .add(route!(validate::validate))
        .add(route!(status::status))
        .add(route!(catalogue::catalogue))
        .add(route!(changes::changes))
        .add(route!(events::events))
        .add(route!(reports::report))
}
