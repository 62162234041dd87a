//! The contents of statements, parsed without the client's own code.

use kaching_base::Base64Url;
use serde_json::Value;

use crate::server::Answer;

/// A lease or a refusal, and when it was signed in truth.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) says: Says,
    pub(crate) rev: Option<u64>,
    pub(crate) epoch: u64,
    /// In whole seconds, as it is written.
    pub(crate) iat: i64,
    /// In microseconds.
    pub(crate) signed: i64,
    /// It was held back, and answers an earlier sending of the same bytes.
    pub(crate) held_back: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Says {
    Yes { activation: String, run_until: i64 },
    No { code: String },
}

/// The statement in an answer, in any of its members.
pub(crate) fn of(answer: &Answer, signed: i64) -> Option<Statement> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = ["lease", "statement", "refusal"].iter().find_map(|name| body[*name].as_str())?;
    let payload = Base64Url::<Vec<u8>>::decode(text.split('.').nth(1)?.as_bytes())?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let number = |name: &str| claims[name].as_i64();
    let says = match number("run_until") {
        Some(run_until) => Says::Yes { activation: claims["act"].as_str()?.to_owned(), run_until },
        None => Says::No { code: claims["code"].as_str()?.to_owned() },
    };
    let whole = |name: &str| claims[name].as_u64();
    Some(Statement {
        says,
        rev: whole("rev"),
        epoch: whole("epoch")?,
        iat: number("iat")?,
        signed,
        held_back: false,
    })
}

impl Statement {
    /// Whether it is one that stops a client.
    pub(crate) fn stops(&self) -> bool {
        match &self.says {
            Says::Yes { .. } => false,
            Says::No { code } => !["activation_limit_reached", "moves_exhausted"].contains(&code.as_str()),
        }
    }
}
