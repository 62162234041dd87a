//! The authentication of operators' requests: a token or the local socket becomes a [`Principal`].

mod guesses;

use axum::http::{HeaderMap, header};
use kaching_authority::{Actor, Principal, domain::Scope};
use kaching_base::{ErrorCode, Secret, pasted};

use crate::{
    App, Peer,
    arrival::Arrival,
    extract::authorization,
    problem::{Rejected, Result},
};

impl App {
    /// Returns the principal of a request to the operator API: the holder of its API token, or else the user of this machine
    /// who opened the local socket. Runs before the request takes a place, so that strangers take none.
    ///
    /// # Errors
    /// `unauthenticated` if the request proves no caller, and `rate_limited` if its address failed too often or its
    /// token is used too often.
    pub(crate) async fn authenticate(&self, arrival: &Arrival, headers: &HeaderMap) -> Result<Principal> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return match arrival.peer {
                Peer::Local(uid) => Ok(Principal::local(uid)),
                Peer::Network(_) => Err(unauthenticated("operator calls need an API token")),
            };
        }
        let text = authorization(headers);
        let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(unauthenticated("operator calls take no other authorization"));
        }
        let unknown = || unauthenticated("this API token is unknown, archived or has ended");
        let principal = self.holder_of(arrival, Secret::new(pasted(secret)), unknown).await?;
        if let Actor::Token(id) = principal.actor {
            self.limit_token(id)?;
        }
        Ok(principal)
    }
}

fn unauthenticated(detail: &str) -> Rejected {
    let detail = format!("{detail}: send Authorization: Bearer kch_…");
    Rejected::new(ErrorCode::Unauthenticated, detail).challenge("Bearer")
}

/// The refusal of a principal that lacks this scope.
pub(crate) fn lacks(scope: Scope) -> Rejected {
    let detail = format!("this needs an API token with the scope '{}'", scope.as_str());
    Rejected::new(ErrorCode::Forbidden, detail)
}
