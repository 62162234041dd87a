mod backup;
mod doctor;
mod reminders;
mod stats;

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .add(route!(stats::stats))
        .add(route!(reminders::reminders))
        .add(route!(doctor::doctor))
        .add(route!(backup::backup))
}
