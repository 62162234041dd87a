use postgres::error::{DbError, Severity, SqlState};

use crate::{Error, error::Fault};

/// The consequence of a failed statement for its transaction.
pub(super) fn of(name: &'static str, error: &postgres::Error) -> Fault {
    match error.as_db_error() {
        Some(db) if ended(db) => Fault::Lost(reason(error)),
        Some(db) => answered(name, db),
        None if lost(error) => Fault::Lost(reason(error)),
        None => Fault::Final(Error::Statement { name, reason: reason(error) }),
    }
}

/// Whether the connection is gone.
pub(super) fn lost(error: &postgres::Error) -> bool {
    use std::error::Error as _;
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}

/// Whether the server ended the connection with this.
pub(super) fn ended(db: &DbError) -> bool {
    !matches!(db.parsed_severity(), Some(Severity::Error)) || db.code().code().starts_with("08")
}

/// Describes the error without the values of parameters.
pub(super) fn reason(error: &postgres::Error) -> String {
    use std::error::Error as _;
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => words(db),
        (None, Some(source)) => format!("{error}: {source}").replacen(&format!(": {source}: "), ": ", 1),
        (None, None) => error.to_string(),
    }
}

fn words(db: &DbError) -> String {
    let code = db.code().code();
    // "Data exceptions" quote the data.
    if code.starts_with("22") {
        return format!("a value does not fit (SQLSTATE {code})");
    }
    format!("{} (SQLSTATE {code})", db.message())
}

fn answered(name: &'static str, db: &DbError) -> Fault {
    let code = db.code();
    // The last: a migration has changed what a prepared statement answers; it must be prepared again.
    let again = *code == SqlState::T_R_SERIALIZATION_FAILURE
        || *code == SqlState::T_R_DEADLOCK_DETECTED
        || db.routine() == Some("RevalidateCachedQuery");
    if again {
        return Fault::Again;
    }
    let error = if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE {
        Error::Deadline
    } else if *code == SqlState::UNIQUE_VIOLATION {
        Error::Unique(unique(db))
    } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
        Error::Constraint("foreign key".to_owned())
    } else if *code == SqlState::NOT_NULL_VIOLATION {
        let column = db.column().unwrap_or("?");
        Error::Constraint(format!("{}.{column}", db.table().unwrap_or("?")))
    } else if code.code().starts_with("23") {
        Error::Constraint(db.constraint().unwrap_or("?").to_owned())
    } else if *code == SqlState::DISK_FULL {
        Error::Full
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        Error::ReadOnly
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        Error::Unavailable(format!(
            "{}: name the role that owns its tables in the address, or have `reassign owned by` make this one their \
             owner",
            words(db)
        ))
    } else if code.code().starts_with("53") || code.code().starts_with("58") {
        Error::Unavailable(words(db))
    } else if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED {
        Error::Corrupt(words(db))
    } else {
        Error::Statement { name, reason: words(db) }
    };
    Fault::Final(error)
}

/// `table.a, table.b`, as SQLite says it: PostgreSQL's detail is `Key (a, b)=(…) already exists.` in any language.
fn unique(db: &DbError) -> String {
    let columns = db.detail().and_then(|detail| {
        let (columns, _) = detail.split_once(")=(")?;
        let (_, columns) = columns.split_once('(')?;
        (!columns.contains('(')).then_some(columns)
    });
    match (db.table(), columns) {
        (Some(table), Some(columns)) => {
            columns.split(", ").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
        }
        _ => db.constraint().unwrap_or("?").to_owned(),
    }
}
