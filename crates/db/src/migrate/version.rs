/// A version as far as it is compared: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl Version {
    /// Reads `1.2.3`; what follows a `-` or `+` does not count.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(['-', '+']).next()?.split('.').map(|part| part.parse().ok());
        let version = Self([parts.next()??, parts.next()??, parts.next()??]);
        parts.next().is_none().then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(Version::parse("0.10.0") > Version::parse("0.9.9"));
        assert_eq!(Version::parse("1.2.3-rc.1"), Version::parse("1.2.3"));
        for text in ["", "1.2", "1.2.3.4", "1.x.3"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
