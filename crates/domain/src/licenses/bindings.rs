use kaching_base::{FingerprintKind, LeasePolicy};

use crate::{Binding, Invalid};

/// The bindings as they are kept: domains in lower-case punycode, each one once.
///
/// # Errors
/// If one is empty, too long, no domain name, or of a kind that the policy does not accept.
pub(super) fn normalize(bindings: &[Binding], policy: &LeasePolicy) -> Result<Vec<Binding>, Invalid> {
    if bindings.len() > 100 {
        return Err(Invalid::new("/bindings", "there are at most 100 bindings"));
    }
    let mut kept: Vec<Binding> = Vec::with_capacity(bindings.len());
    for (i, binding) in bindings.iter().enumerate() {
        let pointer = format!("/bindings/{i}");
        if !policy.kinds.is_empty() && !policy.kinds.contains(&binding.kind) {
            let detail = format!("the license accepts no fingerprint of kind {}", binding.kind);
            return Err(Invalid::new(pointer, detail));
        }
        let value = match binding.kind {
            FingerprintKind::Domain => domain(&pointer, &binding.value)?,
            _ => binding.value.clone(),
        };
        if value.is_empty() || value.len() > 256 || value.contains('\0') {
            return Err(Invalid::new(pointer, "a binding's value is 1 to 256 bytes long"));
        }
        let binding = Binding { kind: binding.kind, value };
        if !kept.contains(&binding) {
            kept.push(binding);
        }
    }
    Ok(kept)
}

/// A domain name, or all names below one.
fn domain(pointer: &str, value: &str) -> Result<String, Invalid> {
    let (start, name) = value.strip_prefix("*.").map_or(("", value), |name| ("*.", name));
    let malformed = || Invalid::new(pointer, "a domain looks like app.example.com or *.example.com");
    let ascii = idna::domain_to_ascii(name.trim_end_matches('.')).map_err(|_| malformed())?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if ascii.split('.').all(label) { Ok(format!("{start}{ascii}")) } else { Err(malformed()) }
}
