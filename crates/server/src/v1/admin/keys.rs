mod create;
mod issuer;
mod list;
mod root;
mod show;
mod withdraw;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(issuer::issuer))
        .routes(routes!(root::root))
        .routes(routes!(show::show))
        .routes(routes!(withdraw::withdraw))
}
