//! A failure for programs: a problem document as in the API.

use kaching_api::Problem;
use kaching_base::ErrorCode;

use super::Failure;

impl Failure {
    /// Returns the document for standard error with `--json`. `None` if the reader has closed the output.
    pub fn problem(&self) -> Option<Problem> {
        let problem = match self {
            Self::ReaderLeft => return None,
            Self::Answered(problem) => Problem::clone(problem),
            Self::Usage(_) => Problem::new(ErrorCode::InvalidRequest, String::new()),
            Self::Lost(_) => Problem::new(ErrorCode::OutcomeUnknown, String::new()),
            Self::Unreached(_) => of_here("unreached", "The authority was not reached", 503),
            Self::Partial(_) => of_here("partial", "Some of the changes failed", 500),
            Self::Refused(_) | Self::Unwritten(_) => {
                of_here("failed", "The command failed on this machine", 500)
            }
            Self::After { failure, .. } => match failure.problem() {
                Some(problem) => problem,
                None => of_here("failed", "Nobody read the output", 500),
            },
        };
        let detail = match self {
            Self::Answered(problem) => problem.detail.clone(),
            other => other.to_string(),
        };
        Some(Problem { detail, ..problem })
    }
}

/// Returns a problem of the command line, whose code is not one of the API.
fn of_here(code: &str, title: &str, status: u16) -> Problem {
    Problem {
        kind: format!("{}{code}", Problem::TYPE),
        title: title.to_owned(),
        status,
        code: code.to_owned(),
        ..Problem::new(ErrorCode::Failure, String::new())
    }
}
