//! Versions of the objects that operators change: they show whether an object has changed since it was read.
//!
//! A version is a MAC over the whole content of the object, not a counter: two changes in one microsecond, or
//! by two servers whose clocks differ, have two versions, and nothing has to be stored. It is keyed, so that nobody
//! can guess personal data by it.

use kaching_base::{Base64Url, ErrorCode};
use kaching_domain::Refused;

use crate::{Authority, Error, Expected, Op, Result, keys::KeyRing};

/// An object that is changed by several people.
pub trait Versioned {
    /// Its whole content as text, without values that change with time alone (the state of a license, the last use of a
    /// token).
    fn content(&self) -> String;

    /// Its present state, as the end of a sentence for people who read another version.
    fn summary(&self) -> Option<String> {
        None
    }
}

impl Authority {
    /// Returns the version of an object; opaque.
    pub fn version(&self, object: &impl Versioned) -> String {
        version(&self.keys(), object)
    }
}

fn version(keys: &KeyRing, object: &impl Versioned) -> String {
    Base64Url(keys.version(object.content().as_bytes())).to_string()
}

impl Op {
    /// Refuses if the caller expects another version of the object. To be called with its row locked, after the
    /// subject was named.
    ///
    /// # Errors
    /// `precondition_failed`, with what it is now.
    pub(crate) fn check_version(&mut self, object: &impl Versioned) -> Result<()> {
        self.version_checked = true;
        match &self.cx.expected {
            None | Some(Expected::Any) => Ok(()),
            Some(Expected::OneOf(versions)) if versions.contains(&version(&self.keys, object)) => Ok(()),
            Some(Expected::OneOf(_)) => {
                let now = object.summary().map(|summary| format!(", and now {summary}")).unwrap_or_default();
                let detail = format!(
                    "it was changed since you read it{now}: read it again, and repeat your change if it is still right"
                );
                Err(Refused::new(ErrorCode::PreconditionFailed, detail).into())
            }
        }
    }

    /// Refuses a request that expects a version if the operation compares none.
    pub(crate) fn expected_nothing(&self) -> Result<()> {
        if self.cx.expected.is_some() && !self.version_checked {
            return Err(Error::coded(
                ErrorCode::InvalidRequest,
                "this call compares no version: send it without If-Match",
            ));
        }
        Ok(())
    }
}
