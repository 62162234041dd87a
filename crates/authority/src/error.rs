use kaching_base::{ErrorCode, ParseError, Seconds};
use kaching_db as db;
use kaching_domain::{Invalid, Refused, Rejected};

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal by the rules. It was decided, and its record is kept.
    #[error("{}", .0.detail)]
    Refused(Box<Refused>),
    /// The request makes no sense, or names something that does not exist. Nothing was changed.
    #[error("{detail}")]
    Invalid {
        /// One of `invalid_request`, `not_found`, `already_exists`, `key_malformed`, `license_not_found`, …
        code: ErrorCode,
        /// One sentence for people.
        detail: String,
        /// The place in the request, as a JSON pointer.
        pointer: Option<String>,
    },
    /// `credential_invalid`, for a heartbeat whose number or generation is not the present one. Nothing but traces of
    /// a second holder was written.
    #[error("This credential does not prove the activation any more: activate again.")]
    OutdatedCredential {
        /// The activation's present generation.
        generation: u64,
        /// The number of the last heartbeat of that generation that was answered.
        number: u64,
    },
    /// The license has stored all that it may store on this day; nothing was changed.
    #[error("{detail}: wait as long as Retry-After says")]
    TooMany {
        /// The limit that was reached, as a clause.
        detail: &'static str,
        /// The time until it may have more.
        retry_after: Seconds,
    },
    /// The request came before under the same idempotency key; this was its answer.
    #[error("answered before")]
    Replayed(Replay),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Something that the authority needs is wrong, and people have to set it right. Nothing was changed.
    #[error("{0}")]
    Unusable(String),
    /// A fault of the authority; logged, and answered without detail.
    #[error("{0}")]
    Failure(String),
}

/// An answer that was given before. It may hold a key, so it does not show itself.
pub struct Replay(pub Vec<u8>);

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replay(…)")
    }
}

impl Error {
    /// A part of the request, named by its JSON pointer, makes no sense.
    pub fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        let (detail, pointer) = (detail.into(), Some(pointer.to_owned()));
        Self::Invalid { code: ErrorCode::InvalidRequest, detail, pointer }
    }

    /// There is no `what` (a noun with its name).
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::coded(ErrorCode::NotFound, format!("there is no {what}"))
    }

    /// A name is taken.
    pub fn exists(detail: impl Into<String>) -> Self {
        Self::coded(ErrorCode::AlreadyExists, detail)
    }

    /// An answer with a code of the closed list and its sentence.
    pub fn coded(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self::Invalid { code, detail: detail.into(), pointer: None }
    }

    /// The code of the answer, from the closed list.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refused) => refused.code,
            Self::Invalid { code, .. } => *code,
            Self::OutdatedCredential { .. } => ErrorCode::CredentialInvalid,
            Self::TooMany { .. } => ErrorCode::RateLimited,
            Self::Database(
                db::Error::Overloaded
                | db::Error::Deadline
                | db::Error::Unavailable(_)
                | db::Error::Full
                | db::Error::ReadOnly,
            )
            | Self::Unusable(_) => ErrorCode::Overloaded,
            Self::Database(db::Error::OutcomeUnknown) => ErrorCode::OutcomeUnknown,
            Self::Database(_) | Self::Failure(_) | Self::Replayed(_) => ErrorCode::Failure,
        }
    }

    /// Returns why the authority does not do its work, where that is the reason of the error. It holds no secret, nor the
    /// address of the database.
    pub fn out_of_order(&self) -> Option<&str> {
        Some(match self {
            Self::Unusable(what) => what,
            Self::Database(db::Error::Full) => "the authority's disk is full: nothing was changed",
            Self::Database(db::Error::ReadOnly) => {
                "the authority's database is read-only: nothing was changed"
            }
            Self::Database(db::Error::Unavailable(_)) => {
                "the authority does not reach its database: nothing was changed"
            }
            _ => return None,
        })
    }

    /// Whether this is about one row or object, so that the same may succeed for others.
    pub(crate) fn concerns_one_item(&self) -> bool {
        match self {
            Self::Database(error) => matches!(
                error,
                db::Error::Value(_)
                    | db::Error::Unique(_)
                    | db::Error::Constraint(_)
                    | db::Error::Statement { .. }
                    | db::Error::Panicked
            ),
            Self::Unusable(_) => false,
            _ => true,
        }
    }

    /// Whether this mostly ends within seconds and without people, as when the database fails over to its standby: then
    /// it is worth asking again soon.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(db::Error::Unavailable(_)))
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl Error {
    /// A stored value that cannot be read. That is a fault of the authority, not of the request.
    pub(crate) fn stored(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Failure(format!("the stored {what} cannot be read: {error}"))
    }

    /// A text of the request that does not parse, at this JSON pointer.
    pub fn parse(pointer: &str, error: &ParseError) -> Self {
        Self::invalid(pointer, error.to_string())
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(&invalid.pointer, invalid.detail)
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Invalid(invalid) => invalid.into(),
            Rejected::Refused(refused) => refused.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_that_is_away_is_asked_again_soon() {
        let away = Error::Database(db::Error::Unavailable("connection refused".to_owned()));
        assert!(away.is_transient() && away.out_of_order().is_some_and(|reason| !reason.contains("refused")));
        let clock = Error::Unusable("the clock jumped".to_owned());
        for error in [db::Error::Full.into(), db::Error::ReadOnly.into(), clock] {
            assert!(!error.is_transient() && error.out_of_order().is_some(), "{error}");
        }
        assert!(Error::Database(db::Error::Deadline).out_of_order().is_none());
    }
}
