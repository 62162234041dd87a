mod archive;
mod create;
mod edit;
mod list;
mod show;

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .add(route!(create::create))
        .add(route!(list::list))
        .add(route!(show::show))
        .add(route!(edit::edit))
        .add(route!(archive::archive))
}
