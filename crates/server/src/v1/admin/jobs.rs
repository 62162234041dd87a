mod list;
mod retry;
mod show;

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new().add(route!(list::list)).add(route!(show::show)).add(route!(retry::retry))
}
