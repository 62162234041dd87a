use kaching_base::{Code, ErrorCode, FingerprintKind, Timestamp};

use super::bindings;
use crate::{Binding, Fingerprint, License, Refused, State};

/// Whether the license lets an installation run, in the order in which reasons are reported: product, status, dates,
/// kind, bindings. `asked` is the product that asks, `product` the one that is licensed.
///
/// # Errors
/// The first reason why not.
pub fn admit(
    license: &License,
    product: &Code,
    asked: Option<&Code>,
    installation: Option<(FingerprintKind, &Fingerprint)>,
    now: Timestamp,
) -> Result<(), Refused> {
    if let Some(asked) = asked.filter(|asked| *asked != product) {
        let detail = format!("This license is for {product}; {asked} needs a license of its own.");
        return Err(Refused::new(ErrorCode::ProductMismatch, detail));
    }
    state(license, now)?;
    let Some((kind, fingerprint)) = installation else { return Ok(()) };
    accepts_kind(license, kind)?;
    if bindings::allow(&license.bindings, kind, fingerprint) { Ok(()) } else { Err(elsewhere(license)) }
}

/// Returns why the bindings of the license do not include a fingerprint of any kind.
pub fn bound_elsewhere(license: &License, fingerprint: &Fingerprint) -> Option<Refused> {
    let allowed = license.bindings.is_empty()
        || license
            .bindings
            .iter()
            .any(|binding| bindings::allow(std::slice::from_ref(binding), binding.kind, fingerprint));
    (!allowed).then(|| elsewhere(license))
}

fn elsewhere(license: &License) -> Refused {
    let detail = format!(
        "This license is bound to {}: use it there, or ask your vendor to bind it to this installation.",
        places(&license.bindings)
    );
    Refused::new(ErrorCode::BindingMismatch, detail)
}

/// Whether the license accepts this kind of fingerprint.
///
/// # Errors
/// If it names the kinds that it accepts, and not this one.
pub fn accepts_kind(license: &License, kind: FingerprintKind) -> Result<(), Refused> {
    let policy = license.policy();
    if policy.kinds.is_empty() || policy.kinds.contains(&kind) {
        return Ok(());
    }
    let accepted: Vec<_> = policy.kinds.iter().map(|kind| kind.as_str()).collect();
    let detail = format!("This license is for a {}, not for a {kind}.", accepted.join(" or a "));
    Err(Refused::new(ErrorCode::KindNotAllowed, detail))
}

fn state(license: &License, now: Timestamp) -> Result<(), Refused> {
    let (code, detail) = match license.state(now) {
        State::Active | State::InGrace => return Ok(()),
        State::Revoked => {
            (ErrorCode::LicenseRevoked, "The license was revoked: ask your vendor for a new one.".to_owned())
        }
        State::Suspended => (ErrorCode::LicenseSuspended, suspended(license)),
        State::NotYetValid => {
            (ErrorCode::LicenseNotYetValid, format!("The license starts on {}.", start(license.starts_at)))
        }
        State::Expired => (
            ErrorCode::LicenseExpired,
            format!("The license expired on {}: renew it to run again.", end(license.expires_at)),
        ),
    };
    Err(Refused::new(code, detail))
}

fn suspended(license: &License) -> String {
    let why = license.suspended_reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("The license is suspended{why}: ask your vendor to reinstate it.")
}

/// A date for people; `None` if there is none.
pub(crate) fn start(at: Option<Timestamp>) -> String {
    at.map(Timestamp::in_words).unwrap_or_default()
}

pub(crate) fn end(at: Option<Timestamp>) -> String {
    at.map(Timestamp::end_in_words).unwrap_or_default()
}

fn places(bindings: &[Binding]) -> String {
    let named: Vec<_> = bindings.iter().take(3).map(|b| format!("{} {}", b.kind, b.value)).collect();
    let more = if bindings.len() > 3 { format!(" and {} more", bindings.len() - 3) } else { String::new() };
    format!("{}{more}", named.join(", "))
}
