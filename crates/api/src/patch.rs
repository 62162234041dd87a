//! The difference between an absent member of a PATCH body and one that is null.

use serde::{Deserialize, Deserializer};

/// A member that may be null: absent is `None`, null is `Some(None)`.
pub(crate) fn nullable<'de, D, T>(d: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(d).map(Some)
}

/// A member that may not be null: absent is `None`, null is refused.
pub(crate) fn present<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(d).map(Some)
}

/// Limits by name, where null takes one away: the derive has no words for a nullable value of a map.
#[cfg(feature = "openapi")]
pub(crate) fn limits_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Ref, Schema, Type};
    let limit = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .item(Ref::from_schema_name("Limit"))
        .build();
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(Schema::OneOf(limit)))
        .description(Some("Limits to set; null takes one away."))
        .into()
}
