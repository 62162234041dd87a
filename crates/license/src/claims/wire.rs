//! Readers of claims for which serde's own are too lenient or, for names made elsewhere, too strict.

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, Limit, Limits, Timestamp};
use serde::{Deserialize, Deserializer, de::Error};

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
    let limits = BTreeMap::<String, Limit>::deserialize(d)?;
    Ok(limits.into_iter().map(|(name, limit)| (Code::verbatim(name), limit)).collect())
}
