use std::collections::BTreeMap;

use axum::{extract::FromRequestParts, http::request::Parts};
use kaching_base::in_plain_words;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::license_key::refuse_key;
use crate::{
    App,
    problem::{Rejected, Result},
    route::{Describe, Facts},
};

/// The parameters behind the question mark.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        parse(parts.uri.query().unwrap_or("")).map(Self)
    }
}

impl<T> Describe for Params<T> {
    fn describe(_: &mut Facts) {}
}

/// The options of archiving.
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
    for (name, value) in &pairs {
        refuse_key(name, "")?;
        refuse_key(value, format!("/{name}"))?;
    }
    let query = with_metadata_in_one(pairs)?;
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

/// All of `metadata[KEY]=VALUE` as one parameter, which [`metadata`] reads: a query has no names that are not known.
fn with_metadata_in_one(pairs: Vec<(String, String)>) -> Result<String> {
    let mut metadata = BTreeMap::new();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if name == METADATA {
            let detail = "a filter by metadata names a key: metadata[KEY]=VALUE";
            return Err(Rejected::invalid("/metadata", detail));
        }
        match name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
            None => {
                query.append_pair(&name, &value);
            }
            Some(key) => {
                if metadata.insert(key.to_owned(), value).is_some() {
                    let detail = "an entry of metadata has one value: name each key once";
                    return Err(Rejected::invalid(format!("/{name}"), detail));
                }
            }
        }
    }
    if !metadata.is_empty() {
        let text = serde_json::to_string(&metadata).expect("it has text keys");
        query.append_pair(METADATA, &text);
    }
    Ok(query.finish())
}

const METADATA: &str = "metadata";

/// Reads the filters by metadata that [`Params`] has brought together.
pub(crate) fn metadata<'de, D: Deserializer<'de>>(
    d: D,
) -> std::result::Result<BTreeMap<String, String>, D::Error> {
    serde_json::from_str(&String::deserialize(d)?).map_err(serde::de::Error::custom)
}

/// The parameters of a list: the common ones, and its filters.
macro_rules! list_query {
    ($(#[$meta:meta])* $query:ident => $filter:ident by $sorts:literal { $($(#[$doc:meta])* $field:ident : $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(crate) struct $query {
            /// The number of items, 1 to 200; 50 by default.
            #[param(minimum = 1, maximum = 200)]
            limit: Option<u32>,
            /// `next` of the page before.
            after: Option<String>,
            /// Words, or their beginnings, that must all be found.
            q: Option<String>,
            /// The name of a field, with `-` before it for the reverse.
            #[param(pattern = $sorts)]
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
