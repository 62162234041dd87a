mod list;
mod move_activation;
mod release;
mod show;

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .add(route!(list::list))
        .add(route!(show::show))
        .add(route!(release::release))
        .add(route!(move_activation::move_activation))
}
