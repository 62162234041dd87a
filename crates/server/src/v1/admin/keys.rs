mod create;
mod issuer;
mod list;
mod root;
mod show;
mod withdraw;

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .add(route!(create::create))
        .add(route!(list::list))
        .add(route!(issuer::issuer))
        .add(route!(root::root))
        .add(route!(show::show))
        .add(route!(withdraw::withdraw))
}
