use std::time::Duration;

use kaching_authority::domain::Scope;

/// The facts of a route, known before it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The caller; every handler has a parameter that states it.
    pub(crate) audience: Option<Audience>,
    /// The scope that an operator's token needs.
    pub(crate) scope: Option<Scope>,
    /// The accepted proofs of the caller, of which one is needed. If there is none, anybody may call.
    pub(crate) proofs: Vec<Proof>,
    /// Whether a call without a proof is served as well.
    pub(crate) proof_is_optional: bool,
    /// The places that a call takes while it is served; `None` is no place.
    pub(crate) class: Option<CallClass>,
    /// Whether it answers when something happens, and not as soon as it can.
    pub(crate) waits: bool,
    /// The time that it may take in addition to the limit of other calls.
    pub(crate) longest_wait: Duration,
    /// Whether its path has the address of an object.
    pub(crate) is_addressed: bool,
    /// The effect of the object's version.
    pub(crate) version: Option<VersionUse>,
    /// Whether a repeat with the same `Idempotency-Key` has the effect of one call.
    pub(crate) is_repeatable: bool,
    /// Whether the outcomes of its calls are counted as those of heartbeats.
    pub(crate) is_heartbeat: bool,
}

/// The caller of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anybody: monitoring, and programs that verify statements.
    Anybody,
    /// The client in a product.
    Products,
    /// Operators and their programs.
    Operators,
}

/// A proof of the caller, by its name in the `securitySchemes` of the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Token,
    Lease,
    Key,
    Credential,
}

impl Proof {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Lease => "lease",
            Self::Key => "key",
            Self::Credential => "credential",
        }
    }
}

/// A class of calls, which share their places and leave those of the others alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallClass {
    /// With a credential.
    Heartbeats,
    /// With a license key or a lease.
    Keys,
    /// With an API token.
    Operators,
}

/// The effect of the version of an object on the route at its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionUse {
    /// A change compares it, and the answer names it.
    Answered,
    /// A change compares it.
    Compared,
}
