mod create;
mod delete;
mod edit;
mod find;
mod key;
mod list;
mod reinstate;
mod rekey;
mod renew;
mod revoke;
mod show;
mod suspend;
mod transfer;
mod upgrade;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(find::find))
        .routes(routes!(show::show, edit::edit, delete::delete))
        .routes(routes!(key::key))
        .routes(routes!(suspend::suspend))
        .routes(routes!(reinstate::reinstate))
        .routes(routes!(revoke::revoke))
        .routes(routes!(upgrade::upgrade))
        .routes(routes!(renew::renew))
        .routes(routes!(rekey::rekey))
        .routes(routes!(transfer::transfer))
}
