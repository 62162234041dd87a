//! JSON that says nothing twice: parsers differ in which of two members they take.

use std::{borrow::Cow, cell::Cell, collections::BTreeSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

use crate::Invalid;

/// Reads a value in which no object, at any depth, has two members of one name.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Invalid> {
    let malformed = |e: &dyn fmt::Display| Invalid::Claims(e.to_string());
    let text = std::str::from_utf8(bytes).map_err(|e| malformed(&e))?;
    if !is_object(bytes) {
        return Err(malformed(&"they are not an object"));
    }
    let duplicate = Cell::new(false);
    let mut json = serde_json::Deserializer::from_str(text);
    match Once(&duplicate).deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => serde_json::from_str(text).map_err(|e| malformed(&e)),
        Err(_) if duplicate.get() => Err(Invalid::DuplicateMember),
        Err(e) => Err(malformed(&e)),
    }
}

/// Whether a value is an object. An array would be read as the members of a structure in their order.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
}

/// Walks a value; tells of a duplicate through its cell.
#[derive(Clone, Copy)]
struct Once<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<Name<'de>>()? {
            if !names.insert(name) {
                self.0.set(true);
                return Err(A::Error::custom("a member twice"));
            }
            members.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// Borrowed unless it is escaped: this walk is part of every verification.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
