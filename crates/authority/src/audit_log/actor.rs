use std::str::FromStr;

use kaching_base::ParseError;

use crate::Actor;

/// The actor whose entries are listed: all of a kind (`token`), or one (`token:tok_…`, `local:0`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorFilter {
    /// One of [`Actor::KINDS`].
    Kind(&'static str),
    /// A kind and an id, as in the column `actor`.
    One(String),
}

impl FromStr for ActorFilter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (kind, id) = text.split_once(':').map_or((text, None), |(kind, id)| (kind, Some(id)));
        let known = Actor::KINDS.into_iter().find(|known| *known == kind);
        match (known, id) {
            (Some(kind), None) => Ok(Self::Kind(kind)),
            (Some(_), Some(id)) if !id.contains(char::is_control) => Ok(Self::One(text.to_owned())),
            _ => Err(ParseError::new(format!(
                "an actor is one of {}, or one of them with its id, as in local:0",
                Actor::KINDS.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_kind_or_one_actor() {
        assert_eq!("token".parse(), Ok(ActorFilter::Kind("token")));
        assert_eq!("local:0".parse(), Ok(ActorFilter::One("local:0".to_owned())));
        assert_eq!("system:a:b".parse(), Ok(ActorFilter::One("system:a:b".to_owned())));
        for text in ["", "root", "tok_01", ":", "Local:0", "local:\0"] {
            let reason = text.parse::<ActorFilter>().unwrap_err().to_string();
            assert!(reason.contains("operator, token, client, system, local"), "{reason}");
        }
    }
}
