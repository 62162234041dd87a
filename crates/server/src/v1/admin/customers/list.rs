use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::CustomerFilter;

use crate::{
    App,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
    shape,
};

list_query! {
    /// Which customers are listed.
    Query => CustomerFilter {
        /// Only those with this tag.
        tag: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists customers; mail addresses are shown and searched only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/customers", tag = "operator", params(Query), responses(
    (status = 200, body = api::List<api::Customer>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<Query>,
) -> Result<Json<api::List<api::Customer>>> {
    let (personal, mut list) = (caller.sees_personal(), query.list());
    list.filter.personal = personal;
    let found = app.authority.customers(list).await?;
    Ok(Json(shape::page(found, |customer| shape::customer(customer, personal))))
}
