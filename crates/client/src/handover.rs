use serde::{Deserialize, Serialize};

/// What the holder of a lease gives to the other nodes of its installation: statements as they were signed, which each
/// node verifies up to its own pinned root. It names no secret: who has it can run nothing that the license does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handover {
    /// `keyset+jwt`.
    pub(crate) keyset: String,
    /// `lease+jwt`.
    pub(crate) lease: String,
    /// `refusal+jwt`, while the holder is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
    /// The catalogue's body, whose hash the lease names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) catalogue: Option<String>,
}

/// Where a node that follows gets what the holder hands over, by whatever means the product has.
///
/// Closures are sources, too.
pub trait Source: Send + Sync + 'static {
    /// What [`Guard::handover`](crate::Guard::handover) gave on the node that holds the lease, or on another that
    /// follows it. Asked twice a second, from a thread of its own; it may take its time, but should not hang.
    ///
    /// # Errors
    /// If no node can be asked; the guard runs on with what it has.
    fn fetch(&self) -> Result<Vec<u8>, SourceError>;
}

/// Why nothing was handed over.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

impl<F> Source for F
where
    F: Fn() -> Result<Vec<u8>, SourceError> + Send + Sync + 'static,
{
    fn fetch(&self) -> Result<Vec<u8>, SourceError> {
        self()
    }
}
