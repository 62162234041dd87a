/// The result of a database operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a transaction did not succeed; no variant holds the value of a parameter.
///
/// Nothing was changed, unless the variant is [`OutcomeUnknown`](Self::OutcomeUnknown).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full, or others kept getting in the way: ask again later.
    #[error("the database is busy: ask again in a moment")]
    Overloaded,
    /// Time was up before it could be committed.
    #[error("the database did not answer in time: nothing was changed, ask again")]
    Deadline,
    /// There is no connection, or the file cannot be used.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// The answer to COMMIT was lost, or a sync to disk failed.
    #[error("it is not known whether the change took effect: look before you ask again")]
    OutcomeUnknown,
    /// The transaction's closure panicked.
    #[error("a fault in the program ended the transaction: nothing was changed")]
    Panicked,
    /// The disk, or the space that was granted, is full.
    #[error("the database's disk is full: nothing was changed, make room and ask again")]
    Full,
    /// A write where only reading is possible.
    #[error("the database is read-only: nothing was changed")]
    ReadOnly,
    /// The file or a table is damaged.
    #[error("the database is damaged: {0}; restore it from a backup")]
    Corrupt(String),
    /// A value exists already: `table.column` (`table.a, table.b` for several), or the index's name if it is over an
    /// expression.
    #[error("{0} exists already")]
    Unique(String),
    /// Another constraint does not hold: a foreign key, a check, a missing value.
    #[error("a constraint does not hold: {0}")]
    Constraint(String),
    /// A statement is wrong, or finds another number of rows than it promises.
    #[error("{name}: {reason}")]
    Statement {
        /// The transaction's name.
        name: &'static str,
        /// The database's message, without values.
        reason: String,
    },
    /// A column holds what its type cannot be read from.
    #[error("the database holds an unexpected value: {0}")]
    Value(String),
    /// The database was closed by this process.
    #[error("the database is closed: the process is ending")]
    Closed,
    /// A later version has changed the schema so that this one cannot serve it.
    #[error("the database needs version {needed} or later, this is {ours}: install the newer version")]
    SchemaTooNew {
        /// The lowest version that may serve it.
        needed: String,
        /// The version of this program.
        ours: String,
    },
    /// The migrations in the program and in the database do not fit.
    #[error("migration {name}: {reason}")]
    Migration {
        /// The migration's name.
        name: String,
        /// The cause and the remedy.
        reason: String,
    },
}

impl Error {
    /// A short word for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Deadline => "deadline",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Panicked => "panicked",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Corrupt(_) => "corrupt",
            Self::Unique(_) | Self::Constraint(_) => "constraint",
            Self::Statement { .. } | Self::Value(_) | Self::Migration { .. } => "failed",
            Self::Closed => "closed",
            Self::SchemaTooNew { .. } => "schema_too_new",
        }
    }
}

/// A failed statement: the error, and whether its transaction may run again.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The error is final.
    Final(Error),
    /// Another transaction was in the way: this one may run again.
    Again,
    /// The connection is gone, and with it the transaction.
    Lost(String),
}

impl Fault {
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Final(error) => error.clone(),
            Self::Again => Error::Overloaded,
            Self::Lost(reason) => Error::Unavailable(reason.clone()),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}
