mod batch;
mod create;
mod delete;
mod edit;
mod find;
mod key;
mod keys;
mod list;
mod reinstate;
mod rekey;
mod renew;
mod revoke;
mod show;
mod suspend;
mod transfer;
mod upgrade;

use crate::{
    App,
    route::{Routes, route},
};

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .add(route!(create::create))
        .add(route!(batch::batch))
        .add(route!(list::list))
        .add(route!(find::find))
        .add(route!(show::show))
        .add(route!(edit::edit))
        .add(route!(delete::delete))
        .add(route!(key::key))
        .add(route!(keys::keys))
        .add(route!(suspend::suspend))
        .add(route!(reinstate::reinstate))
        .add(route!(revoke::revoke))
        .add(route!(upgrade::upgrade))
        .add(route!(renew::renew))
        .add(route!(rekey::rekey))
        .add(route!(transfer::transfer))
}
