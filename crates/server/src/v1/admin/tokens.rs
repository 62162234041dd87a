mod archive;
mod create;
mod edit;
mod list;
mod show;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create, list::list)).routes(routes!(
        show::show,
        edit::edit,
        archive::archive
    ))
}
