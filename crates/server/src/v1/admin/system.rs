mod backup;
mod doctor;
mod reminders;
mod stats;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(stats::stats))
        .routes(routes!(reminders::reminders))
        .routes(routes!(doctor::doctor))
        .routes(routes!(backup::backup))
}
