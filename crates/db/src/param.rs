use std::borrow::Cow;

/// A parameter of a statement.
#[derive(Clone)]
pub enum Param<'a> {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// Yes or no; 1 or 0 on SQLite.
    Bool(bool),
    /// A text; PostgreSQL takes none with a NUL character.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// `uuid` on PostgreSQL, a blob of 16 bytes on SQLite.
    Uuid([u8; 16]),
}

/// A type that can be a parameter.
pub trait ToParam {
    /// The parameter, borrowing where it can.
    fn to_param(&self) -> Param<'_>;
}

/// The parameters of a statement in the order of `?1`, `?2`, …: `params![license.id, now, None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        (&[$($crate::ToParam::to_param(&$value)),*] as &[$crate::Param<'_>])
    };
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Null => ValueRef::Null,
            Param::Int(n) => ValueRef::Integer(*n),
            Param::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Bytes(bytes) => ValueRef::Blob(bytes),
            Param::Uuid(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

type Failure = Box<dyn std::error::Error + Sync + Send>;

// `Debug` is asked for by the trait; it shows the kind only, for a parameter may be a secret.
impl std::fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Param::Null => "null",
            Param::Int(_) => "int",
            Param::Bool(_) => "bool",
            Param::Text(_) => "text",
            Param::Bytes(_) => "bytes",
            Param::Uuid(_) => "uuid",
        })
    }
}

impl postgres::types::ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<postgres::types::IsNull, Failure> {
        use postgres::types::{IsNull, Type};
        match self {
            Param::Null => return Ok(IsNull::Yes),
            Param::Int(n) if *ty == Type::INT8 => out.extend_from_slice(&n.to_be_bytes()),
            Param::Int(n) if *ty == Type::INT4 => out.extend_from_slice(&i32::try_from(*n)?.to_be_bytes()),
            Param::Int(n) if *ty == Type::INT2 => out.extend_from_slice(&i16::try_from(*n)?.to_be_bytes()),
            Param::Bool(b) if *ty == Type::BOOL => out.extend_from_slice(&[u8::from(*b)]),
            Param::Text(text) if is_text(ty) => out.extend_from_slice(text.as_bytes()),
            Param::Bytes(bytes) if *ty == Type::BYTEA => out.extend_from_slice(bytes),
            Param::Uuid(bytes) if matches!(*ty, Type::UUID | Type::BYTEA) => out.extend_from_slice(bytes),
            other => return Err(format!("a parameter is {other:?} where {ty} is expected").into()),
        }
        Ok(IsNull::No)
    }

    // Which pairs fit is decided above, by the value as well as by the type.
    fn accepts(_: &postgres::types::Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

pub(crate) fn is_text(ty: &postgres::types::Type) -> bool {
    use postgres::types::Type;
    matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}
