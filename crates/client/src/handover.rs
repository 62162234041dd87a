use serde::{Deserialize, Serialize};

/// The statements that the holder of a lease gives to the other nodes of its installation, as they were signed. Each node
/// verifies them up to its own pinned root. They hold no secret, and allow nothing but what the license allows.
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

/// Fetches the handover of the holder for a node that follows it, by the product's own means.
///
/// Closures are sources, too.
pub trait HandoverSource: Send + Sync + 'static {
    /// Returns what [`Guard::handover`](crate::Guard::handover) returned on the node that holds the lease, or on another
    /// that follows it. It is called twice a second on a thread of its own. It may be slow, but should not hang.
    ///
    /// # Errors
    /// If no node can be asked; the guard runs on with what it has.
    fn fetch(&self) -> Result<Vec<u8>, HandoverError>;
}

/// Why nothing was handed over.
pub type HandoverError = Box<dyn std::error::Error + Send + Sync>;

impl<F> HandoverSource for F
where
    F: Fn() -> Result<Vec<u8>, HandoverError> + Send + Sync + 'static,
{
    fn fetch(&self) -> Result<Vec<u8>, HandoverError> {
        self()
    }
}
