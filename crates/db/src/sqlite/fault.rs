use rusqlite::ErrorCode;

use crate::{Error, error::Fault};

/// The consequence of a failed statement for its transaction.
pub(super) fn of(name: &'static str, error: rusqlite::Error) -> Fault {
    Fault::Final(meaning(name, error))
}

pub(super) fn meaning(name: &'static str, error: rusqlite::Error) -> Error {
    let (code, message) = match error {
        rusqlite::Error::SqliteFailure(code, message) => (code, message.unwrap_or_else(|| code.to_string())),
        // Its full text repeats the statement; the reason is enough.
        rusqlite::Error::SqlInputError { error, msg, .. } => (error, msg),
        other => return Error::Statement { name, reason: other.to_string() },
    };
    match code.code {
        ErrorCode::DiskFull => Error::Full,
        ErrorCode::ReadOnly => Error::ReadOnly,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt(message),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::Unavailable("another process holds it".to_owned())
        }
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::NoLargeFileSupport => Error::Unavailable(message),
        ErrorCode::ConstraintViolation => constraint(code.extended_code, &message),
        _ => Error::Statement { name, reason: message },
    }
}

/// SQLite says `UNIQUE constraint failed: table.a, table.b`, or `…: index 'name'`.
fn constraint(extended: i32, message: &str) -> Error {
    let what = message.split_once(": ").map_or(message, |(_, what)| what);
    let what = what.strip_prefix("index '").map_or(what, |name| name.trim_end_matches('\''));
    match extended {
        rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
        | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID => Error::Unique(what.to_owned()),
        rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Error::Constraint("foreign key".to_owned()),
        _ => Error::Constraint(what.to_owned()),
    }
}

/// The outcome of a COMMIT that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommitError {
    /// None of its writes will ever be seen.
    Undone(Error),
    /// The disk did not say what it kept: it may come back after a crash.
    Unknown(Error),
}

pub(super) fn commit(error: rusqlite::Error) -> CommitError {
    let failed = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
    match meaning("commit", error) {
        error if failed => CommitError::Unknown(error),
        error => CommitError::Undone(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failure(code: i32, message: &str) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message.to_owned()))
    }

    #[test]
    fn only_a_failed_disk_leaves_a_commit_unknown() {
        assert_eq!(
            commit(failure(ffi::SQLITE_FULL, "database or disk is full")),
            CommitError::Undone(Error::Full)
        );
        assert!(matches!(
            commit(failure(ffi::SQLITE_BUSY, "busy")),
            CommitError::Undone(Error::Unavailable(_))
        ));
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR] {
            assert!(matches!(commit(failure(code, "disk I/O error")), CommitError::Unknown(_)), "{code}");
        }
    }
}
