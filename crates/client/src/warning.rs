use std::fmt;

use kaching_base::{ActivationId, Timestamp};

/// A problem that people should look into, although nothing stops for it. It reads as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The machine's clock does not fit what is known; it counts for nothing until the authority has answered.
    Clock,
    /// The credential was displaced twice within a day: another process runs on a copy of the state directory or with
    /// the same fingerprint.
    Copy {
        /// The activation that they share.
        activation: ActivationId,
    },
    /// The authority's keys end soon, and were not renewed.
    Keys {
        /// When they end.
        end: Timestamp,
    },
    /// Something between here and the authority lets no stream live, so that changes are asked for instead.
    Stream {
        /// The interference, as a part of a sentence.
        why: String,
    },
    /// The state cannot be written, so that a restart may need the authority.
    State {
        /// The system's error.
        why: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => f.write_str(
                "This machine's clock was set back or far ahead: it does not count until the license authority has \
                 answered.",
            ),
            Self::Copy { activation } => write!(
                f,
                "Another process uses this installation's license: a copy of its state directory, or a second \
                 installation with the same fingerprint. Give each installation its own. The vendor sees who displaced \
                 whom with: kaching audit list --target {activation}"
            ),
            Self::Keys { end } => write!(
                f,
                "The license authority's keys end on {end}, and no newer ones have come: tell your vendor."
            ),
            Self::Stream { why } => write!(
                f,
                "Changes of the license may come late, because on the way {why}: let the proxy pass on /v1/events \
                 without buffering, and keep connections that are quiet for a minute."
            ),
            Self::State { why } => write!(
                f,
                "The license state cannot be written ({why}): make room or rights, or a restart may not find its \
                 license."
            ),
        }
    }
}
