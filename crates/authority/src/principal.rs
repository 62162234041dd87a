//! A caller who proved who it is, with what it may do and see.

use std::collections::BTreeSet;

use kaching_base::{ErrorCode, Timestamp};
use kaching_domain::{Scope, tokens::may};

use crate::{Actor, Error, Result, Sight};

/// A caller whose proof was verified: an API token, a user of this machine over the local socket, or a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The actor, as audit entries name it.
    pub actor: Actor,
    /// The permitted operations.
    pub rights: Rights,
    /// The visible data.
    pub sight: Sight,
    /// Until when its proof is recent enough for an act that asks for a recent one. `None` where each request carries the
    /// proof itself, which is recent always.
    pub fresh_until: Option<Timestamp>,
}

/// The operations that a principal may call, and the end of this permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    pub scopes: BTreeSet<Scope>,
    /// When they end; `None` is never.
    pub until: Option<Timestamp>,
}

impl Principal {
    /// A user of the authority's own machine. The socket has the permissions of the data directory, so a user who can
    /// open it has every right.
    pub fn local(uid: u32) -> Self {
        Self { actor: Actor::Local(uid), rights: Rights::all(), sight: Sight::All, fresh_until: None }
    }

    /// Whether the principal is a user of the authority's own machine.
    pub fn is_local(&self) -> bool {
        matches!(self.actor, Actor::Local(_))
    }
}

impl Rights {
    /// Every right, without an end.
    pub fn all() -> Self {
        Self { scopes: [Scope::Admin].into(), until: None }
    }

    /// Returns whether the scopes include this one.
    pub fn may(&self, scope: Scope) -> bool {
        may(&self.scopes, scope)
    }

    /// Checks that these rights include those that are given to a token.
    ///
    /// # Errors
    /// `forbidden`, if the token would have another scope, or would work longer.
    pub(crate) fn check_grants(
        &self,
        scopes: Option<&BTreeSet<Scope>>,
        end: Option<Option<Timestamp>>,
    ) -> Result<()> {
        if let Some(scope) = scopes.into_iter().flatten().find(|scope| !self.may(**scope)) {
            return Err(forbidden(format!(
                "your token lacks the scope '{}', so it cannot give it to another token",
                scope.as_str()
            )));
        }
        match (self.until, end) {
            (Some(own), Some(given)) if given.is_none_or(|given| given > own) => Err(forbidden(format!(
                "your token ends at {own}, so a token that it creates cannot end later: let the token end by then, or use a token without an end"
            ))),
            _ => Ok(()),
        }
    }
}

fn forbidden(detail: String) -> Error {
    Error::coded(ErrorCode::Forbidden, detail)
}
