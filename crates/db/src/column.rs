use crate::param::is_text;

/// The value of a column in one row.
#[derive(Clone, Copy)]
pub enum Value<'r> {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// Yes or no; SQLite holds them as whole numbers.
    Bool(bool),
    /// A text.
    Text(&'r str),
    /// Bytes; a uuid on SQLite.
    Bytes(&'r [u8]),
    /// A uuid, on PostgreSQL.
    Uuid([u8; 16]),
}

/// A type that can be read from a column.
pub trait Column: Sized {
    /// The value, or what was expected instead (`a whole number`), in words for the error.
    ///
    /// # Errors
    /// If the column holds something else.
    fn from_value(value: Value<'_>) -> Result<Self, String>;
}

impl<'r> Value<'r> {
    pub(crate) fn from_sqlite(value: rusqlite::types::ValueRef<'r>) -> Result<Self, String> {
        use rusqlite::types::ValueRef;
        match value {
            ValueRef::Null => Ok(Self::Null),
            ValueRef::Integer(n) => Ok(Self::Int(n)),
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map(Self::Text).map_err(|_| "a text in UTF-8".to_owned())
            }
            ValueRef::Blob(bytes) => Ok(Self::Bytes(bytes)),
            ValueRef::Real(_) => Err("a whole number, not a fraction".to_owned()),
        }
    }
}

impl<'r> postgres::types::FromSql<'r> for Value<'r> {
    fn from_sql(
        ty: &postgres::types::Type,
        raw: &'r [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        use postgres::types::Type;
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Self::Int(i64::from(i32::from_be_bytes(raw.try_into()?))),
            Type::INT2 => Self::Int(i64::from(i16::from_be_bytes(raw.try_into()?))),
            Type::BOOL => Self::Bool(raw == [1]),
            Type::BYTEA => Self::Bytes(raw),
            Type::UUID => Self::Uuid(raw.try_into()?),
            _ => Self::Text(std::str::from_utf8(raw)?),
        })
    }

    fn from_sql_null(_: &postgres::types::Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &postgres::types::Type) -> bool {
        use postgres::types::Type;
        is_text(ty)
            || matches!(*ty, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::BYTEA | Type::UUID)
    }
}
