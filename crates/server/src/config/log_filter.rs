use serde::{Deserialize, Deserializer};

use super::ConfigError;

/// A level (`info`), or a filter by crate (`info,kaching_db=debug`), as tracing-subscriber reads it. There a word that is
/// no level is the name of a crate, which shows nothing of any other: here it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogFilter {
    /// The filter itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for LogFilter {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        for part in parts(text) {
            // A span in a filter may hold values of its own: the level follows the last equals sign.
            let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
            if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
                return Err(ConfigError(format!(
                    "'{level}' is not a level: it is one of {}, alone or for a crate, as in info,kaching_db=debug",
                    LEVELS.join(", ")
                )));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// The parts between commas, but for those within a span.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |sign| {
        match sign {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        sign == ',' && depth == 0
    })
}

impl<'de> Deserialize<'de> for LogFilter {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
