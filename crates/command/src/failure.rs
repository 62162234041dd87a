//! The failure of a command: one sentence and an exit code.

mod problem;

use std::{fmt, io};

use kaching_api::Problem;
use kaching_base::{ErrorCode, ParseError, Seconds, printable};

use crate::words::{sentence, span};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The authority refused: exit code 1.
    Answered(Box<Problem>),
    /// The command failed on this machine: exit code 1.
    Refused(String),
    /// Some of several changes failed, which the output has named: exit code 1.
    Partial(String),
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// The authority was not reached: exit code 3.
    Unreached(String),
    /// The connection was lost before the answer, so the outcome is unknown: exit code 3.
    Lost(String),
    /// The reader of the output closed it: exit code 0, without a message.
    ReaderLeft,
    /// The output could not be written: exit code 1.
    Unwritten(String),
    /// The command failed after a change that remains: its exit code, and at least 1.
    After {
        failure: Box<Self>,
        /// One sentence about the change.
        done: String,
    },
}

impl Failure {
    /// Returns a failure with an error's text as its sentence.
    pub fn from_error(error: impl fmt::Display) -> Self {
        Self::Refused(sentence(&error.to_string()))
    }

    pub fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(sentence.into())
    }

    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }

    pub fn unreached(sentence: impl Into<String>) -> Self {
        Self::Unreached(sentence.into())
    }

    /// Returns 0 for success, 1 for a refusal or failure, 2 for wrong usage, 3 if the authority was not reached.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ReaderLeft => 0,
            Self::Answered(_) | Self::Refused(_) | Self::Partial(_) | Self::Unwritten(_) => 1,
            Self::After { failure, .. } => failure.exit_code().max(1),
            Self::Usage(_) => 2,
            Self::Unreached(_) | Self::Lost(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(problem) => write_problem(f, problem),
            Self::Refused(sentence)
            | Self::Partial(sentence)
            | Self::Usage(sentence)
            | Self::Unreached(sentence)
            | Self::Lost(sentence) => f.write_str(sentence),
            Self::ReaderLeft => Ok(()),
            Self::Unwritten(why) => write!(f, "The output could not be written: {why}."),
            Self::After { failure, done } => match failure.as_ref() {
                Self::ReaderLeft => write!(f, "Nobody read the output, but it is done: {done}"),
                Self::Unwritten(why) => {
                    write!(f, "The output could not be written ({why}), but it is done: {done}")
                }
                other => write!(f, "{other}\n  Before that, this was done: {done}"),
            },
        }
    }
}

impl Failure {
    /// Adds the sentence about a change that remains, if there is one. The output of several changes has named it.
    pub fn after(self, done: Option<String>) -> Self {
        match done {
            Some(_) if matches!(self, Self::Partial(_)) => self,
            Some(done) => Self::After { failure: Box::new(self), done },
            None => self,
        }
    }

    /// Whether the authority answered with this code.
    pub fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Answered(problem) if problem.code == code.as_str())
    }
}

/// Writes the sentence with its code, the wrong members, the holders of slots, and advice.
fn write_problem(f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
    let said = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    write!(f, "{} ({})", printable(&sentence(said)), problem.code)?;
    for error in &problem.errors {
        // A sentence that equals the detail is not repeated.
        if error.detail != problem.detail {
            write!(f, "\n  {}: {}", error.pointer.trim_start_matches('/'), printable(&error.detail))?;
        }
    }
    for holder in problem.holders.iter().flatten() {
        let name = printable(holder.name.as_deref().unwrap_or("unnamed"));
        write!(f, "\n  {} holds a slot: {name}, a {} since {}", holder.id, holder.kind, holder.since)?;
    }
    if let Some(upgrade) = &problem.upgrade {
        write!(f, "\n  The plan {} would allow it.", upgrade.plan)?;
    }
    if let Some(seconds) = problem.retry_after_s {
        write!(f, "\n  Ask again in {}.", span(Seconds(i64::try_from(seconds).unwrap_or(i64::MAX))))?;
    }
    // The request id leads to the authority's log, where a failure is explained.
    if problem.status >= 500 { write!(f, " [{}]", problem.request_id) } else { Ok(()) }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderLeft,
            _ => Self::Unwritten(error.to_string()),
        }
    }
}
