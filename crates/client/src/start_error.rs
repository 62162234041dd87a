use std::{io, path::PathBuf};

use kaching_api::{Contact, Holder, Problem};
use kaching_base::{ErrorCode, printable};
use kaching_license::RefusalCode;

use crate::{FingerprintError, LicenseKeyError, grant, settings::Settings};

/// Why a guard did not start, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The builder lacks something, or was given something that cannot be.
    #[error("{0}")]
    Setting(String),
    /// There is no license key.
    #[error(transparent)]
    LicenseKey(#[from] LicenseKeyError),
    /// There is no fingerprint.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// The state directory cannot be used.
    #[error(
        "the state directory {path} cannot be used: {source}; choose one that this program may write and that stays"
    )]
    StateDir {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another process holds the state directory, for another license or installation.
    #[error(
        "another process runs on the license state in {path}, with another license key, product or fingerprint: give \
         this one its own directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// There is no license key, neither from the program nor from anybody who entered one.
    #[error("there is no license key: the program needs one on its builder, or somebody has to enter it")]
    NoKey,
    /// It follows another process or node of its installation, which has no license that counts.
    #[error(
        "this installation's license is kept by another process or node, and nothing that counts came from there: {why}"
    )]
    NothingToFollow {
        /// Why, as a part of a sentence.
        why: String,
    },
    /// No license has this key, or it is mistyped.
    #[error("{}. Check the license key: it is the one that came with your purchase", detail.trim_end_matches('.'))]
    UnknownKey {
        /// `license_not_found` or `key_malformed`.
        code: ErrorCode,
        /// The authority's sentence.
        detail: String,
    },
    /// Other installations hold the license.
    #[error("{detail}{}", held_by(.holders))]
    Held {
        /// `activation_limit_reached` or `moves_exhausted`.
        code: RefusalCode,
        /// The authority's sentence.
        detail: String,
        /// The activations that hold the slots: each can be moved here with `takeover`, or released.
        holders: Vec<Holder>,
        /// The vendor's contact.
        contact: Option<Contact>,
    },
    /// The authority refuses, signed.
    #[error("the license does not allow this ({code}): {detail}{}", ask(.contact.as_ref()))]
    Refused {
        /// Why.
        code: RefusalCode,
        /// The authority's sentence.
        detail: String,
        /// The vendor's contact.
        contact: Option<Contact>,
    },
    /// The authority finds the request itself wrong.
    #[error("the license authority does not take the request ({code}): {detail}")]
    Rejected {
        /// The code.
        code: String,
        /// The authority's sentence, with the fields that are wrong.
        detail: String,
    },
    /// Another authority than the pinned one answers.
    #[error("the authority at {url} does not hold the root key that this program trusts: check the address{}", other(.answered))]
    WrongRoot {
        /// The address that was asked.
        url: String,
        /// The root keys that it says it holds.
        answered: Vec<String>,
    },
    /// No answer in time, and no lease from before that still counts.
    #[error("the license authority at {url} cannot be reached: {why}. Check the address and the network")]
    Unreachable {
        /// The address that was asked.
        url: String,
        /// Why, as a part of a sentence.
        why: String,
    },
}

impl StartError {
    pub(crate) fn of_refusal(code: &RefusalCode, detail: &str, problem: &Problem) -> Self {
        use ErrorCode::{ActivationLimitReached, MovesExhausted};
        let (code, detail, contact) = (code.clone(), detail.to_owned(), problem.contact.clone());
        match code {
            RefusalCode::Known(ActivationLimitReached | MovesExhausted) => {
                Self::Held { code, detail, holders: problem.holders.clone().unwrap_or_default(), contact }
            }
            _ => Self::Refused { code, detail, contact },
        }
    }

    pub(crate) fn of_problem(code: Option<ErrorCode>, problem: &Problem, settings: &Settings) -> Self {
        let mut detail = problem.detail.clone();
        match code {
            Some(code @ (ErrorCode::LicenseNotFound | ErrorCode::KeyMalformed)) => {
                Self::UnknownKey { code, detail }
            }
            Some(code) if code.signed() => {
                let (url, code) = (settings.url().to_owned(), problem.code.clone());
                Self::Unreachable {
                    url,
                    why: format!("it says {code} without a signature, which counts for nothing"),
                }
            }
            _ => {
                for error in &problem.errors {
                    detail.push_str(&format!(" {}: {}", error.pointer, error.detail));
                }
                Self::Rejected { code: problem.code.clone(), detail }
            }
        }
    }
}

/// The most holders that the sentence names; the error has all of them.
const NAMED: usize = 5;

fn held_by(holders: &[Holder]) -> String {
    // A move names the id.
    let named = holders.iter().take(NAMED).map(|Holder { id, name, kind, last_seen_at, .. }| {
        let name = name.as_ref().map(|name| format!("{}, ", printable(name))).unwrap_or_default();
        format!("{id} ({name}{kind}, last seen {last_seen_at})")
    });
    let more = holders.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    let listed: Vec<_> = named.chain(more).collect();
    if listed.is_empty() { String::new() } else { format!(" In use by {}", listed.join(", ")) }
}

fn ask(contact: Option<&Contact>) -> String {
    contact.and_then(grant::whom).map(|whom| format!(" Ask {whom}")).unwrap_or_default()
}

fn other(answered: &[String]) -> String {
    answered.first().map(|root| format!(" (it holds {root})")).unwrap_or_default()
}
