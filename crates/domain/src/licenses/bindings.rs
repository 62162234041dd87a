use kaching_base::{FingerprintKind, LeasePolicy};
use kaching_license::domain_name;

use crate::{Binding, EditList, Invalid};

/// The bindings after an edit. Those to remove are named in any spelling of what is kept.
///
/// # Errors
/// As [`normalize`], for all that is kept.
pub(super) fn edited(
    present: &[Binding],
    edit: Option<&EditList<Binding>>,
    policy: &LeasePolicy,
) -> Result<Vec<Binding>, Invalid> {
    match edit {
        None => normalize(present, present, policy),
        Some(EditList::All(bindings)) => normalize(bindings, present, policy),
        Some(EditList::Change { add, remove }) => {
            let canonical = |binding: &Binding| match binding.kind {
                FingerprintKind::Domain => {
                    let value = domain("", &binding.value).unwrap_or_else(|_| binding.value.clone());
                    Binding { kind: binding.kind, value }
                }
                _ => binding.clone(),
            };
            let remove: Vec<Binding> = remove.iter().map(canonical).collect();
            let kept = present.iter().filter(|binding| !remove.contains(binding));
            normalize(&kept.chain(add).cloned().collect::<Vec<_>>(), present, policy)
        }
    }
}

/// The bindings as they are kept: domains in their canonical form, each one once. Those that the license has already are
/// kept as they are, although they might be refused today.
///
/// # Errors
/// If one is empty, too long, of a kind that the policy does not accept, not a domain name, or a public suffix.
pub(super) fn normalize(
    bindings: &[Binding],
    present: &[Binding],
    policy: &LeasePolicy,
) -> Result<Vec<Binding>, Invalid> {
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
            FingerprintKind::Domain if !present.contains(binding) => domain(&pointer, &binding.value)?,
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
    let (star, name) = value.strip_prefix("*.").map_or(("", value), |name| ("*.", name));
    let name = domain_name(name).map_err(|error| {
        let usable = error.usable().unwrap_or("app.example.com");
        let detail =
            format!("a domain is a host's name alone, or all names below one: use {usable} or *.{usable}");
        Invalid::new(pointer, detail)
    })?;
    let public = match star {
        "" => is_public(&name, Some(psl::Type::Icann)),
        // Some rules of the list make every name below one a suffix (`*.ck`).
        _ => is_public(&name, None) || is_public(&format!("x.{name}"), None),
    };
    if public {
        let detail =
            format!("{value} belongs to everybody who has a name there: bind the license to a name below it");
        return Err(Invalid::new(pointer, detail));
    }
    Ok(format!("{star}{name}"))
}

/// Whether the Public Suffix List has the name, among suffixes of this type where one is given. The exact name of a private
/// suffix is also one host, which belongs to somebody.
fn is_public(name: &str, of: Option<psl::Type>) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| {
        suffix.as_bytes() == name.as_bytes()
            && suffix.is_known()
            && of.is_none_or(|of| suffix.typ() == Some(of))
    })
}
