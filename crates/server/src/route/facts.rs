use std::time::Duration;

use kaching_authority::domain::Scope;

/// What is known of a route before it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Who calls it; every handler has a parameter that says so.
    pub(crate) audience: Option<Audience>,
    /// The scope that an operator's token needs.
    pub(crate) scope: Option<Scope>,
    /// What proves the caller: one of these. Without any, anybody may call.
    pub(crate) proofs: Vec<Proof>,
    /// Whether a call without a proof is served as well.
    pub(crate) proof_is_optional: bool,
    /// The places that a call takes while it is served; `None` is no place.
    pub(crate) class: Option<CallClass>,
    /// Whether it answers when something happens, and not as soon as it can.
    pub(crate) waits: bool,
    /// How much longer than other calls it may take.
    pub(crate) longest_wait: Duration,
    /// Whether its path has the address of an object.
    pub(crate) is_addressed: bool,
    /// What the object's version means to it.
    pub(crate) version: Option<VersionUse>,
    /// Whether a repeat with the same `Idempotency-Key` has the effect of one call.
    pub(crate) is_repeatable: bool,
    /// Whether what comes of its calls is counted as that of heartbeats.
    pub(crate) is_heartbeat: bool,
}

/// Who calls a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anybody: monitoring, and programs that verify statements.
    Anybody,
    /// The client in a product.
    Products,
    /// Operators and their programs.
    Operators,
}

/// What proves a caller, as the `securitySchemes` of the description name it.
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

/// What the version of the object at an address means to its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionUse {
    /// A change compares it, and the answer names it.
    Answered,
    /// A change compares it.
    Compared,
}
