use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::List;

use crate::{
    App, convert,
    extract::{Caller, Params, scope::Read},
    problem::Result,
};

/// Which page.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReminderQuery {
    /// The number of items, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists the licenses whose end date is 30, 14, 7 or 1 days away, or nearer; mail addresses only with the scope
/// `personal:read`.
#[utoipa::path(get, path = "/v1/admin/reminders", tag = "operator", params(ReminderQuery), responses(
    (status = 200, body = api::List<api::Reminder>, description = "A page of them, the nearest first")))]
pub(crate) async fn reminders(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(ReminderQuery { limit, after }): Params<ReminderQuery>,
) -> Result<Json<api::List<api::Reminder>>> {
    let list = List { limit, after, q: None, sort: None, filter: () };
    let (personal, found) = (caller.sees_personal(), app.authority.reminders(caller.sight(), list).await?);
    Ok(Json(convert::page(found, |reminder| convert::reminder(reminder, personal))))
}
