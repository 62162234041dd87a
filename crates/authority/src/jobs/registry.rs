use super::JobKind;
use crate::plans::ApplyJob;

/// Every kind of job of the authority itself.
pub(crate) static KINDS: [JobKind; 1] = [JobKind::of::<ApplyJob>()];
