use std::{future::Future, marker::PhantomData};

use axum::{
    Json,
    extract::{FromRequestParts, MatchedPath},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use kaching_authority::{Cx, Error, Expected, Once, Principal, Rights, Sight, Versioned, domain::Scope};
use kaching_base::ErrorCode;
use serde::Serialize;

use super::{body::Sent, scope::Right, version};
use crate::{
    App, Peer,
    admission::Turn,
    arrival::Arrival,
    auth::lacks,
    problem::{Rejected, Result},
    route::{Audience, CallClass, Describe, Facts, Proof},
};

pub(crate) mod scope;

/// A principal with the right that `S` names, for a route that reads, or for one that [`Changes`] something.
pub(crate) struct Caller<S, A = Reads> {
    principal: Principal,
    arrival: Arrival,
    route: String,
    idempotency_key: Option<String>,
    expected: Option<Expected>,
    /// Held until the caller is answered; those on this machine need none, so that they can look at a flood.
    _turn: Option<Turn>,
    scope: PhantomData<(S, A)>,
}

/// A route whose answer no repeat needs: it only reads, or hands out what is too long or too secret to be kept.
pub(crate) enum Reads {}

/// A route that changes something, whose answer is kept under an `Idempotency-Key`.
pub(crate) enum Changes {}

/// Whether a route [`Reads`] or [`Changes`].
pub(crate) trait Effect: Send + Sync + 'static {
    const IS_REPEATABLE: bool;
}

impl Effect for Reads {
    const IS_REPEATABLE: bool = false;
}

impl Effect for Changes {
    const IS_REPEATABLE: bool = true;
}

impl<S: Right, A: Effect> Describe for Caller<S, A> {
    fn describe(facts: &mut Facts) {
        facts.audience = Some(Audience::Operators);
        facts.proofs = vec![Proof::Token];
        facts.scope = Some(S::SCOPE);
        facts.class = Some(CLASS);
        facts.is_repeatable = A::IS_REPEATABLE;
    }
}

/// Operators' calls take places of their own.
const CLASS: CallClass = CallClass::Operators;

impl<S: Right, A: Effect> FromRequestParts<App> for Caller<S, A> {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let arrival = *parts.extensions.get::<Arrival>().ok_or_else(|| Rejected::failure("no arrival"))?;
        let principal = app.authenticate(&arrival, &parts.headers).await?;
        if !principal.rights.may(S::SCOPE) {
            return Err(lacks(S::SCOPE));
        }
        // Strangers take no place.
        let _turn = match arrival.peer {
            Peer::Network(_) => Some(app.turn(CLASS).await?),
            Peer::Local(_) => None,
        };
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = format!("{} {route}", parts.method);
        let idempotency_key = idempotency_key(&parts.headers)?;
        let expected = version::expected(&parts.headers)?;
        Ok(Self { principal, arrival, route, idempotency_key, expected, _turn, scope: PhantomData })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let printable = value.to_str().ok().filter(|text| (1..=255).contains(&text.len()));
    printable.map(|text| Some(text.to_owned())).ok_or_else(|| {
        Rejected::new(ErrorCode::InvalidRequest, "an Idempotency-Key is 1 to 255 printable ASCII characters")
    })
}

impl<S: Right, A> Caller<S, A> {
    /// Returns the data that the caller may read.
    pub(crate) fn sight(&self) -> &Sight {
        &self.principal.sight
    }

    /// Returns the operations that the caller may call.
    pub(crate) fn rights(&self) -> &Rights {
        &self.principal.rights
    }

    /// Requires this right as well.
    pub(crate) fn needs(&self, scope: Scope) -> Result<()> {
        if self.rights().may(scope) { Ok(()) } else { Err(lacks(scope)) }
    }

    /// Whether the caller sees mail and network addresses.
    pub(crate) fn sees_personal(&self) -> bool {
        self.rights().may(Scope::PersonalRead)
    }

    /// Whether it is a user of the authority's own machine, who may read its data directory as well.
    pub(crate) fn is_local(&self) -> bool {
        self.principal.is_local()
    }

    /// Returns the context of the operation: its actor and its request.
    pub(crate) fn cx(&self) -> Cx {
        let Arrival { request, address, .. } = self.arrival;
        Cx {
            request: Some(request),
            address,
            expected: self.expected.clone(),
            ..Cx::of(self.principal.actor)
        }
    }
}

impl<S: Right> Caller<S, Changes> {
    /// Runs an operation that changes an object, and answers with what `convert` makes of it and with its new version.
    pub(crate) async fn change<T, A, R>(
        self,
        app: &App,
        sent: &Sent,
        status: StatusCode,
        convert: impl Fn(&T) -> A + Clone + Send + Sync + 'static,
        run: impl FnOnce(Cx) -> R,
    ) -> Result<Response>
    where
        T: Versioned + 'static,
        A: Serialize,
        R: Future<Output = kaching_authority::Result<T>>,
    {
        self.answer(sent, status, convert, run, |changed| Some(app.authority.version(changed))).await
    }

    /// Runs an operation whose result is no object that has a version.
    pub(crate) async fn run<T, A, R>(
        self,
        sent: &Sent,
        status: StatusCode,
        convert: impl Fn(&T) -> A + Clone + Send + Sync + 'static,
        run: impl FnOnce(Cx) -> R,
    ) -> Result<Response>
    where
        T: 'static,
        A: Serialize,
        R: Future<Output = kaching_authority::Result<T>>,
    {
        self.answer(sent, status, convert, run, |_| None).await
    }

    /// With an idempotency key, the answer is rendered within the operation's transaction and remembered
    /// with it.
    async fn answer<T, A, R>(
        self,
        sent: &Sent,
        status: StatusCode,
        convert: impl Fn(&T) -> A + Clone + Send + Sync + 'static,
        run: impl FnOnce(Cx) -> R,
        version: impl FnOnce(&T) -> Option<String>,
    ) -> Result<Response>
    where
        T: 'static,
        A: Serialize,
        R: Future<Output = kaching_authority::Result<T>>,
    {
        let cx = self.cx();
        let (kind, id) = self.principal.actor.describe();
        let once = self.idempotency_key.map(|key| {
            let (scope, convert) = (format!("{kind}:{id} {}", self.route), convert.clone());
            Once::new(key, scope, sent.digest(), move |result: &T| {
                let mut answer = status.as_str().as_bytes().to_vec();
                answer.extend(serde_json::to_vec(&convert(result)).expect("an answer is plain data"));
                answer
            })
        });
        let cx = Cx { once, ..cx };
        match run(cx).await {
            Ok(result) => {
                let etag = version(&result).map(|version| (header::ETAG, version::etag(&version)));
                Ok((status, HeaderMap::from_iter(etag), Json(convert(&result))).into_response())
            }
            Err(Error::Replayed(answer)) => replay(answer.0),
            Err(error) => Err(error.into()),
        }
    }
}

fn replay(mut answer: Vec<u8>) -> Result<Response> {
    let body = answer.split_off(3.min(answer.len()));
    let status = StatusCode::from_bytes(&answer)
        .map_err(|_| Rejected::failure("a remembered answer has no status"))?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::HeaderName::from_static("idempotency-replayed"), "true"),
    ];
    Ok((status, headers, body).into_response())
}
