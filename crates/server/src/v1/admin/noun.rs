//! The handlers that are alike for the nouns of the operator API: each noun states what differs.

/// A handler that shows one object with its version.
macro_rules! show {
    ($(#[$doc:meta])+ $path:literal needs $scope:ident, $described:literal: $answer:ident = $read:ident, $convert:ident) => {
        use axum::{extract::State, response::Response};

        use crate::{
            App, convert,
            extract::{AtVersioned, Caller, scope, shown},
            problem::Result,
        };

        $(#[$doc])+
        #[utoipa::path(get, path = $path, tag = "operator", responses(
            (status = 200, body = kaching_api::$answer, description = $described)))]
        pub(crate) async fn show(
            State(app): State<App>,
            caller: Caller<scope::$scope>,
            AtVersioned(address): AtVersioned,
        ) -> Result<Response> {
            Ok(shown(&app, &app.authority.$read(caller.sight(), address).await?, convert::$convert))
        }
    };
}

/// A handler that lists objects, with the filters that its query has besides the parameters of all lists.
macro_rules! list {
    (
        $(#[$doc:meta])+ $path:literal needs $scope:ident: $answer:ident = $read:ident, $convert:ident;
        $(#[$meta:meta])+ $query:ident => $filter:ident by $sorts:literal { $($filters:tt)* }
    ) => {
        use axum::{Json, extract::State};
        use kaching_authority::$filter;

        use crate::{
            App, convert,
            extract::{Caller, Params, list_query, scope},
            problem::Result,
        };

        list_query! {
            $(#[$meta])+
            $query => $filter by $sorts { $($filters)* }
        }

        $(#[$doc])+
        #[utoipa::path(get, path = $path, tag = "operator", params($query), responses(
            (status = 200, body = kaching_api::List<kaching_api::$answer>, description = "A page of them")))]
        pub(crate) async fn list(
            State(app): State<App>,
            caller: Caller<scope::$scope>,
            Params(query): Params<$query>,
        ) -> Result<Json<kaching_api::List<kaching_api::$answer>>> {
            Ok(Json(convert::page(app.authority.$read(caller.sight(), query.list()).await?, convert::$convert)))
        }
    };
}

/// A handler that archives an object, by force while it is in use.
macro_rules! archive {
    ($(#[$doc:meta])+ $path:literal needs $scope:ident, $described:literal: $answer:ident = $archive:ident, $convert:ident) => {
        use axum::{extract::State, http::StatusCode, response::Response};

        use crate::{
            App, convert,
            extract::{Archive, AtVersioned, Body, Caller, Changes, NoMembers, Params, scope},
            problem::Result,
        };

        $(#[$doc])+
        #[utoipa::path(delete, path = $path, tag = "operator", params(Archive), responses(
            (status = 200, body = kaching_api::$answer, description = $described)))]
        pub(crate) async fn archive(
            State(app): State<App>,
            caller: Caller<scope::$scope, Changes>,
            AtVersioned(address): AtVersioned,
            Params(archive): Params<Archive>,
            Body { sent, .. }: Body<NoMembers>,
        ) -> Result<Response> {
            let archived = |cx| app.authority.$archive(cx, address, archive.force);
            caller.change(&app, &sent, StatusCode::OK, convert::$convert, archived).await
        }
    };
}

pub(super) use {archive, list, show};
