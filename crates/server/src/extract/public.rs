use std::{convert::Infallible, marker::PhantomData, time::Duration};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    App,
    admission::Turn,
    problem::Result,
    route::{Audience, CallClass, Describe, Facts},
};

/// Anybody may call this route: the handler says so itself, and `K` says which kind of call it is.
pub(crate) struct Public<K>(PhantomData<K>);

/// A kind of calls that need no principal.
pub(crate) trait CallKind: Send + Sync + 'static {
    const AUDIENCE: Audience = Audience::Products;
    /// The places that calls of this kind take.
    const CLASS: Option<CallClass>;
    /// Whether it is answered when something happens.
    const WAITS: bool = false;
    /// The time that such a call may take in addition to the limit of others.
    const LONGEST_WAIT: Duration = Duration::ZERO;
    const IS_HEARTBEAT: bool = false;
}

/// For monitoring, and for programs that verify statements.
pub(crate) enum Open {}

impl CallKind for Open {
    const AUDIENCE: Audience = Audience::Anybody;
    const CLASS: Option<CallClass> = None;
}

/// The heartbeat of an activation.
pub(crate) enum HeartbeatCall {}

impl CallKind for HeartbeatCall {
    const CLASS: Option<CallClass> = Some(CallClass::Heartbeats);
    const IS_HEARTBEAT: bool = true;
}

/// Another call with the credential of an activation.
pub(crate) enum CredentialCall {}

impl CallKind for CredentialCall {
    const CLASS: Option<CallClass> = Some(CallClass::Heartbeats);
}

/// A call with a license key or a lease.
pub(crate) enum KeyCall {}

impl CallKind for KeyCall {
    const CLASS: Option<CallClass> = Some(CallClass::Keys);
}

/// A question that is answered when the license changes.
pub(crate) enum LongPoll {}

impl CallKind for LongPoll {
    const CLASS: Option<CallClass> = None;
    const WAITS: bool = true;
    const LONGEST_WAIT: Duration = Duration::from_secs(55);
}

/// A stream of changes, which begins immediately.
pub(crate) enum EventStream {}

impl CallKind for EventStream {
    const CLASS: Option<CallClass> = None;
    const WAITS: bool = true;
}

impl<K: CallKind> Public<K> {
    /// Waits for a turn among the calls of this kind; `None` where they take no places.
    ///
    /// # Errors
    /// `overloaded`, if it would wait too long.
    pub(crate) async fn turn(&self, app: &App) -> Result<Option<Turn>> {
        match K::CLASS {
            Some(class) => app.turn(class).await.map(Some),
            None => Ok(None),
        }
    }
}

impl<S: Send + Sync, K> FromRequestParts<S> for Public<K> {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(PhantomData))
    }
}

impl<K: CallKind> Describe for Public<K> {
    fn describe(facts: &mut Facts) {
        facts.audience = Some(K::AUDIENCE);
        facts.class = K::CLASS;
        facts.waits = K::WAITS;
        facts.longest_wait = K::LONGEST_WAIT;
        facts.is_heartbeat = K::IS_HEARTBEAT;
    }
}
