//! The origin of an operation: its actor, request, address and preconditions.

use std::{any::Any, net::IpAddr, sync::Arc};

use kaching_base::{OperatorId, RequestId, TokenId};

/// The origin of a request; passed to every operation that changes something.
#[derive(Clone)]
pub struct Cx {
    pub actor: Actor,
    pub request: Option<RequestId>,
    pub address: Option<IpAddr>,
    /// Set where the caller gave an idempotency key.
    pub once: Option<Once>,
    /// Set where the caller changes only what it has read.
    pub expected: Option<Expected>,
}

/// The versions of which an object must have one for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever it has, as long as it exists.
    Any,
    /// One of these.
    OneOf(Vec<String>),
}

/// The actor, as audit entries name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person who operates the authority.
    Operator(OperatorId),
    /// A program with an API token.
    Token(TokenId),
    /// A product's client.
    Client,
    /// The authority itself, by the name of its job.
    System(&'static str),
    /// A user of this machine, by user id, over the local socket.
    Local(u32),
}

impl Actor {
    /// The kinds that audit entries carry.
    pub const KINDS: [&str; 5] = ["operator", "token", "client", "system", "local"];

    /// The kind and id that audit entries carry.
    pub fn describe(&self) -> (&'static str, String) {
        match self {
            Self::Operator(id) => ("operator", id.to_string()),
            Self::Token(id) => ("token", id.to_string()),
            Self::Client => ("client", String::new()),
            Self::System(job) => ("system", (*job).to_owned()),
            Self::Local(uid) => ("local", uid.to_string()),
        }
    }
}

impl Cx {
    /// The authority itself acts, in this job.
    pub fn system(job: &'static str) -> Self {
        Self::of(Actor::System(job))
    }

    /// This actor, with nothing else known.
    pub fn of(actor: Actor) -> Self {
        Self { actor, request: None, address: None, once: None, expected: None }
    }
}

/// A request that has the effect of one however often it comes.
///
/// The answer is rendered inside the transaction, so that it is remembered exactly when the change is kept.
#[derive(Clone)]
pub struct Once {
    pub(crate) key: String,
    pub(crate) scope: String,
    pub(crate) body: [u8; 32],
    render: Arc<Render>,
}

/// Makes the answer's bytes of an operation's result, if that is of the expected type.
type Render = dyn Fn(&dyn Any) -> Option<Vec<u8>> + Send + Sync;

impl Once {
    /// `scope` is the caller and the route, `body` a hash of the request; `render` makes the answer's bytes of
    /// the operation's result.
    pub fn new<T: 'static>(
        key: String,
        scope: String,
        body: [u8; 32],
        render: impl Fn(&T) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let render = Arc::new(move |result: &dyn Any| result.downcast_ref::<T>().map(&render));
        Self { key, scope, body, render }
    }

    /// Renders the answer to this result; `None` if it is of another type than `new` was given.
    pub(crate) fn answer(&self, result: &dyn Any) -> Option<Vec<u8>> {
        (self.render)(result)
    }
}
