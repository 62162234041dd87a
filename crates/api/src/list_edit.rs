use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

/// A change of a list in a PATCH: all of it, or `{"add": […], "remove": […]}`, which leaves the rest as it is, also
/// what somebody else adds at the same moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ListEdit<T> {
    /// All of it, in place of what is there.
    All(Vec<T>),
    /// The values to add and to remove; the others stay.
    Change {
        /// The values to add; values that are already there stay.
        #[serde(default)]
        add: Vec<T>,
        /// The values to remove.
        #[serde(default)]
        remove: Vec<T>,
    },
}

impl<T> ListEdit<T> {
    /// Returns the values to add and to remove; both are empty for an empty edit.
    pub fn change(add: Vec<T>, remove: Vec<T>) -> Option<Self> {
        if add.is_empty() && remove.is_empty() { None } else { Some(Self::Change { add, remove }) }
    }
}

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for ListEdit<T> {
    /// By hand, so that an error names its place and the member, which an untagged enum does not.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Shapes(PhantomData))
    }
}

struct Shapes<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + PartialEq> Visitor<'de> for Shapes<T> {
    type Value = ListEdit<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a list, or an object {"add": […], "remove": […]}"#)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(values)).map(ListEdit::All)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut add, mut remove) = (None, None);
        while let Some(name) = members.next_key::<String>()? {
            let list: &mut Option<Vec<T>> = match name.as_str() {
                "add" => &mut add,
                "remove" => &mut remove,
                other => return Err(A::Error::unknown_field(other, &["add", "remove"])),
            };
            if list.replace(members.next_value()?).is_some() {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
        }
        let (add, remove): (Vec<T>, Vec<T>) = (add.unwrap_or_default(), remove.unwrap_or_default());
        if add.iter().any(|value| remove.contains(value)) {
            return Err(A::Error::custom("the same value is in add and in remove: keep one"));
        }
        Ok(ListEdit::Change { add, remove })
    }
}
