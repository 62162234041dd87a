use kaching_base::FingerprintKind;
use kaching_license::domain_name;

use crate::{Binding, Fingerprint};

/// Whether a license that is bound to these may be used on this. No bindings bind to nothing.
pub(crate) fn allow(bindings: &[Binding], kind: FingerprintKind, fingerprint: &Fingerprint) -> bool {
    bindings.is_empty()
        || bindings.iter().filter(|binding| binding.kind == kind).any(|binding| match kind {
            FingerprintKind::Domain => covers(&binding.value, fingerprint.as_str()),
            _ => binding.value == fingerprint.as_str(),
        })
}

/// `*.example.com` covers every name with one or more labels before `example.com`; no installation is at a `*`.
///
/// Names that an earlier version stored may be in another form, so both are compared in the canonical one.
fn covers(bound: &str, name: &str) -> bool {
    let (wildcard, bound) = bound.strip_prefix("*.").map_or((false, bound), |parent| (true, parent));
    let (Ok(bound), Ok(name)) = (domain_name(bound), domain_name(name)) else { return false };
    match wildcard {
        true => name.strip_suffix(&bound).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
        false => bound == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(values: &[&str]) -> Vec<Binding> {
        values
            .iter()
            .map(|value| Binding { kind: FingerprintKind::Domain, value: (*value).to_owned() })
            .collect()
    }

    fn allows(values: &[&str], kind: FingerprintKind, fingerprint: &str) -> bool {
        allow(&bound(values), kind, &Fingerprint::stored(fingerprint).unwrap())
    }

    #[test]
    fn compares_domains_by_their_labels() {
        let cases = [
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", ".example.com", false),
            ("example.com", "Example.com.", true),
            ("*.example.com", "a.example.com:443", false),
            ("*.example.com", "*.example.com", false),
            ("*.example.com", "a.example.com.evil.net", false),
            ("bücher.example", "xn--bcher-kva.example", true),
            ("*.xn--bcher-kva.example", "www.BÜCHER.example", true),
        ];
        for (value, name, expected) in cases {
            assert_eq!(allows(&[value], FingerprintKind::Domain, name), expected, "{value} {name}");
        }
    }

    #[test]
    fn compares_others_byte_for_byte() {
        let bindings = [Binding { kind: FingerprintKind::Cluster, value: "C1".to_owned() }];
        let check = |kind, text: &str| allow(&bindings, kind, &Fingerprint::stored(text).unwrap());
        assert!(check(FingerprintKind::Cluster, "C1"));
        assert!(!check(FingerprintKind::Cluster, "c1"));
        assert!(!check(FingerprintKind::Device, "C1"));
        assert!(allows(&[], FingerprintKind::Device, "anything"));
        assert!(allows(&["other.example", "a.example"], FingerprintKind::Domain, "a.example"));
    }
}
