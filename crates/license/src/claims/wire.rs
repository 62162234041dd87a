//! Readers of claims for which serde's own are too lenient or, for names made elsewhere, too strict.

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, Limit, Limits, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

/// NumericDate in whole seconds.
pub(crate) mod numeric_date {
    use serde::Serializer;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(moment: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(moment.seconds())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        moment(i64::deserialize(d)?)
    }
}

/// A NumericDate that may be null but not absent.
pub(super) mod nullable_date {
    use serde::Serializer;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(moment: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => s.serialize_i64(moment.seconds()),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<i64>::deserialize(d)?.map(moment).transpose()
    }
}

fn moment<E: Error>(seconds: i64) -> Result<Timestamp, E> {
    if (0..=Timestamp::MAX.seconds()).contains(&seconds) {
        Ok(Timestamp::from_seconds(seconds))
    } else {
        Err(E::custom("a time is whole seconds between the years 1970 and 9999"))
    }
}

/// A claim that is an object: an array would be read as its members in their order.
pub(super) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(d: D) -> Result<T, D::Error> {
    let members = Map::deserialize(d)?;
    T::deserialize(Value::Object(members)).map_err(Error::custom)
}

/// As [`object`], where it may be absent.
pub(super) fn known_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    d: D,
) -> Result<Option<T>, D::Error> {
    object(d).map(Some)
}

/// A claim that may be absent but not null.
pub(super) fn known<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// A code as it was signed: one that was imported may have another form than ours.
pub(super) fn one_code<'de, D: Deserializer<'de>>(d: D) -> Result<Code, D::Error> {
    String::deserialize(d).map(Code::verbatim)
}

pub(super) fn known_code<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Code>, D::Error> {
    one_code(d).map(Some)
}

pub(super) fn codes<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeSet<Code>, D::Error> {
    Ok(Vec::<String>::deserialize(d)?.into_iter().map(Code::verbatim).collect())
}

pub(super) fn limits<'de, D: Deserializer<'de>>(d: D) -> Result<Limits, D::Error> {
    let limits = BTreeMap::<String, Map<String, Value>>::deserialize(d)?;
    let limit = |members| Limit::deserialize(Value::Object(members)).map_err(Error::custom);
    limits.into_iter().map(|(name, members)| Ok((Code::verbatim(name), limit(members)?))).collect()
}
