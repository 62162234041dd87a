use axum::{extract::FromRequestParts, http::request::Parts};
use kaching_base::in_plain_words;
use serde::de::DeserializeOwned;

use crate::{
    App,
    problem::{Rejected, Result},
};

/// The parameters behind the question mark.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        parse(parts.uri.query().unwrap_or("")).map(Self)
    }
}

/// How something is archived.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Archive {
    /// Also while it is in use.
    #[serde(default)]
    pub(crate) force: bool,
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T> {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|e| Rejected::invalid("", format!("the query: {e}")))?;
    if let Some((name, _)) = pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        let pointer = format!("/{}", name.replace('\0', ""));
        return Err(Rejected::invalid(pointer, "a parameter may not contain the NUL character"));
    }
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        let detail = error.into_inner().to_string();
        let named = detail.split('`').nth(1).filter(|_| detail.contains("field `"));
        let name = named.map_or(path, str::to_owned);
        let pointer = if name == "." { String::new() } else { format!("/{name}") };
        Rejected::invalid(pointer, in_plain_words(&detail))
    })
}

/// The parameters of a list: those that all have, and its filters.
macro_rules! list_query {
    ($(#[$meta:meta])* $query:ident => $filter:ident { $($(#[$doc:meta])* $field:ident : $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(crate) struct $query {
            /// How many, 1 to 200; 50 unless said otherwise.
            #[param(minimum = 1, maximum = 200)]
            limit: Option<u32>,
            /// `next` of the page before.
            after: Option<String>,
            /// Words, or their beginnings, that must all be found.
            q: Option<String>,
            /// The name of a field, with `-` before it for the reverse.
            sort: Option<String>,
            $($(#[$doc])* #[serde(default)] $field: $type,)*
        }

        impl $query {
            fn list(self) -> kaching_authority::List<$filter> {
                let Self { limit, after, q, sort, $($field,)* } = self;
                let mut filter = $filter::default();
                $(filter.$field = $field;)*
                kaching_authority::List { limit, after, q, sort, filter }
            }
        }
    };
}
pub(crate) use list_query;
