//! Which types are parameters and columns: a closed list, for what both engines hold alike.

use std::borrow::Cow;

use kaching_base::{
    Anchor, Code, CopyPolicy, ErrorCode, FingerprintKind, Id, IdKind, Interval, LeaseAlgorithm, LicenseType,
    Mode, Period, Reference, Seconds, Timestamp,
};

use crate::{Column, Param, ToParam, Value};

/// A value that is kept as JSON in a text column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: serde::Serialize> ToParam for Json<T> {
    fn to_param(&self) -> Param<'_> {
        let text = serde_json::to_string(&self.0).expect("our types have string keys and never fail");
        Param::Text(Cow::Owned(text))
    }
}
impl<T: serde::de::DeserializeOwned> Column for Json<T> {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        let Value::Text(text) = value else { return Err("JSON".to_owned()) };
        // The parser's message may quote the value: only the position is reported.
        serde_json::from_str(text)
            .map(Self)
            .map_err(|e| format!("JSON of the expected shape (it differs at {}:{})", e.line(), e.column()))
    }
}

impl<T: ToParam + ?Sized> ToParam for &T {
    fn to_param(&self) -> Param<'_> {
        (**self).to_param()
    }
}

impl<T: ToParam> ToParam for Option<T> {
    fn to_param(&self) -> Param<'_> {
        self.as_ref().map_or(Param::Null, T::to_param)
    }
}
impl<T: Column> Column for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        if let Value::Null = value { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl ToParam for Param<'_> {
    fn to_param(&self) -> Param<'_> {
        match self {
            Param::Text(text) => Param::Text(Cow::Borrowed(text)),
            Param::Bytes(bytes) => Param::Bytes(Cow::Borrowed(bytes)),
            other => other.clone(),
        }
    }
}

impl ToParam for bool {
    fn to_param(&self) -> Param<'_> {
        Param::Bool(*self)
    }
}
impl Column for bool {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        match value {
            Value::Bool(b) => Ok(b),
            Value::Int(n @ (0 | 1)) => Ok(n == 1),
            _ => Err("yes or no".to_owned()),
        }
    }
}

macro_rules! whole {
    ($($int:ty),+) => {$(
        impl ToParam for $int {
            fn to_param(&self) -> Param<'_> {
                Param::Int(i64::from(*self))
            }
        }
        impl Column for $int {
            fn from_value(value: Value<'_>) -> Result<Self, String> {
                match value {
                    Value::Int(n) => <$int>::try_from(n).map_err(|_| "a smaller number".to_owned()),
                    _ => Err("a whole number".to_owned()),
                }
            }
        }
    )+};
}
whole!(i64, i32, u32, u16, u8);

impl ToParam for str {
    fn to_param(&self) -> Param<'_> {
        Param::Text(Cow::Borrowed(self))
    }
}
impl ToParam for String {
    fn to_param(&self) -> Param<'_> {
        self.as_str().to_param()
    }
}
impl ToParam for [u8] {
    fn to_param(&self) -> Param<'_> {
        Param::Bytes(Cow::Borrowed(self))
    }
}
impl ToParam for Vec<u8> {
    fn to_param(&self) -> Param<'_> {
        self.as_slice().to_param()
    }
}
impl<const N: usize> ToParam for [u8; N] {
    fn to_param(&self) -> Param<'_> {
        self.as_slice().to_param()
    }
}

fn text(value: Value<'_>) -> Result<&str, String> {
    if let Value::Text(text) = value { Ok(text) } else { Err("a text".to_owned()) }
}
impl Column for String {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        text(value).map(str::to_owned)
    }
}
impl Column for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        if let Value::Bytes(bytes) = value { Ok(bytes.to_owned()) } else { Err("bytes".to_owned()) }
    }
}
impl<const N: usize> Column for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        let expected = || format!("{N} bytes");
        if let Value::Bytes(bytes) = value {
            bytes.try_into().map_err(|_| expected())
        } else {
            Err(expected())
        }
    }
}

impl<K: IdKind> ToParam for Id<K> {
    fn to_param(&self) -> Param<'_> {
        Param::Uuid(*self.as_bytes())
    }
}
impl<K: IdKind> Column for Id<K> {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        let expected = || format!("an id ({})", K::PREFIX);
        match value {
            Value::Uuid(bytes) => Ok(Self::from_bytes(bytes)),
            Value::Bytes(bytes) => Ok(Self::from_bytes(bytes.try_into().map_err(|_| expected())?)),
            _ => Err(expected()),
        }
    }
}

impl ToParam for Timestamp {
    fn to_param(&self) -> Param<'_> {
        Param::Int(self.micros())
    }
}
impl Column for Timestamp {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        i64::from_value(value).map(Self::from_micros)
    }
}
impl ToParam for Seconds {
    fn to_param(&self) -> Param<'_> {
        Param::Int(self.0)
    }
}
impl Column for Seconds {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        i64::from_value(value).map(Self)
    }
}

macro_rules! names {
    ($($name:ty),+) => {$(
        impl ToParam for $name {
            fn to_param(&self) -> Param<'_> {
                self.as_str().to_param()
            }
        }
        impl Column for $name {
            // Verbatim: what was stored under an older rule can still be read.
            fn from_value(value: Value<'_>) -> Result<Self, String> {
                String::from_value(value).map(Self::verbatim)
            }
        }
    )+};
}
names!(Code, Reference);

/// Makes a closed set of words a parameter and a column: it needs `as_str(self) -> &'static str` and `FromStr`.
#[macro_export]
macro_rules! word_columns {
    ($($word:ty),+ $(,)?) => {$(
        impl $crate::ToParam for $word {
            fn to_param(&self) -> $crate::Param<'_> {
                $crate::ToParam::to_param(self.as_str())
            }
        }
        impl $crate::Column for $word {
            fn from_value(value: $crate::Value<'_>) -> ::std::result::Result<Self, String> {
                match value {
                    $crate::Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
                .ok_or_else(|| concat!("a word of ", stringify!($word)).to_owned())
            }
        }
    )+};
}
word_columns!(
    Anchor,
    CopyPolicy,
    ErrorCode,
    FingerprintKind,
    Interval,
    LeaseAlgorithm,
    LicenseType,
    Mode,
    Period
);
