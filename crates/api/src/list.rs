use serde::{Deserialize, Serialize};

/// One page of a list; `next` is what `after` takes for the page behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct List<T> {
    /// The page.
    pub items: Vec<T>,
    /// Null on the last page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
}
