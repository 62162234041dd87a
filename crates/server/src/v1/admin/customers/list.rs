use std::collections::BTreeMap;

use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::CustomerFilter;

use crate::{
    App, convert,
    extract::{Caller, Params, list_query, metadata, scope::Read},
    problem::Result,
};

list_query! {
    /// Which customers are listed.
    CustomerQuery => CustomerFilter by "^-?(created_at|name)$" {
        /// Only those with this tag.
        tag: Option<String>,
        /// Only those with this entry of metadata, as in `metadata[region]=eu`; may be given for several keys.
        #[serde(deserialize_with = "metadata")]
        #[param(style = DeepObject, explode = true)]
        metadata: BTreeMap<String, String>,
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists customers.
///
/// `q` searches names, companies and references; mail addresses are shown and searched only with the
/// scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/customers", tag = "operator", params(CustomerQuery), responses(
    (status = 200, body = api::List<api::Customer>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<CustomerQuery>,
) -> Result<Json<api::List<api::Customer>>> {
    let (personal, mut list) = (caller.sees_personal(), query.list());
    list.filter.personal = personal;
    let found = app.authority.customers(caller.sight(), list).await?;
    Ok(Json(convert::page(found, |customer| convert::customer(customer, personal))))
}
