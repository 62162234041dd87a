use std::sync::Arc;

use crate::handover::HandoverSource;

/// The role of this process in its installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Holds the state directory and renews the lease at the authority.
    Holder,
    /// Runs on the lease of the process that holds the state directory, and replaces that process when it ends.
    Follower,
    /// Holds a state directory of its own and runs on the lease that another node hands over.
    Remote,
    /// Does nothing: the guard is shut down, and the state directory is free.
    Closed,
}

/// The source of the leases for the process that holds the state directory.
#[derive(Clone)]
pub(crate) enum LeaseSource {
    /// From the authority at this URL, which is checked and has no slash at its end.
    Authority(String),
    /// From another node of the installation.
    Node(Arc<dyn HandoverSource>),
}

impl Role {
    /// Whether another process or node renews the lease.
    pub(crate) fn follows(self) -> bool {
        matches!(self, Self::Follower | Self::Remote)
    }
}

impl LeaseSource {
    /// Returns the role of the process that holds the state directory.
    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Authority(_) => Role::Holder,
            Self::Node(_) => Role::Remote,
        }
    }
}
