use kaching_base::Timestamp;
use kaching_license::{Expected, Invalid, Moment, StatementType, TrustedKeyset, Unverified};
use serde_json::json;

use super::{Inspection, trust::Trust};
use crate::{
    failure::Failure,
    words::{ago, day},
};

/// Says what a statement says, whether it verifies, and whether it still counts.
pub(super) fn inspect(text: &str, trust: &Trust, now: Timestamp) -> Result<Inspection, Failure> {
    let read = Unverified::read(text).map_err(Failure::from_error)?;
    let (verified, verdict) = if read.typ == StatementType::Keyset.as_str() {
        verdict_on(keyset(text, trust, now))
    } else {
        match &trust.keyset {
            Ok(keyset) => verdict_on(statement(text, &read.typ, keyset, now)),
            Err(why) => (None, format!("Whether it verifies is not known here: {why}")),
        }
    };
    Ok(Inspection {
        what: read.typ.clone(),
        verified,
        verdict,
        header: json!({ "alg": read.alg, "typ": read.typ, "kid": read.kid }),
        says: read.claims,
    })
}

fn verdict_on(found: Result<String, Invalid>) -> (Option<bool>, String) {
    match found {
        Ok(verdict) => (Some(true), verdict),
        Err(invalid) => (Some(false), format!("It does not verify: {invalid}.")),
    }
}

/// Verifies the signature first, at any time, and then whether the statement is valid now.
fn statement(text: &str, typ: &str, keyset: &TrustedKeyset, now: Timestamp) -> Result<String, Invalid> {
    let any = Expected::default();
    if typ == StatementType::Lease.as_str() {
        let lease = keyset.verify_lease(text, &any, Moment::Inspect)?;
        let until = ago_or_in(lease.run_until, now);
        return Ok(match keyset.verify_lease(text, &any, Moment::Running(now)) {
            Ok(_) if now < lease.exp => {
                format!("It verifies, and is in force; without another the product runs until {until}.")
            }
            Ok(_) => {
                format!("It verifies; its time is over, and on it alone the product runs until {until}.")
            }
            Err(_) if now < lease.nbf => "It verifies, but is not valid yet: is this clock right?".to_owned(),
            Err(_) => format!("It verifies, but has ended: the product could run on it until {until}."),
        });
    }
    if typ == StatementType::Refusal.as_str() {
        let refusal = keyset.verify_refusal(text, &any, Moment::Inspect)?;
        return Ok(format!("It verifies: the authority refused, {}.", ago(refusal.iat, now)));
    }
    let validation = keyset.verify_validation(text, &any, Moment::Inspect)?;
    let word = if validation.valid { "valid" } else { "not valid" };
    Ok(format!("It verifies: the authority called the key {word}, {}.", ago(validation.iat, now)))
}

fn keyset(text: &str, trust: &Trust, now: Timestamp) -> Result<String, Invalid> {
    let trusted = TrustedKeyset::verify(text, &trust.roots, None, Moment::Inspect)?;
    let keyset = trusted.keyset();
    let state = if now < keyset.exp { "is good until" } else { "has ended on" };
    Ok(format!("It verifies with the root key, and {state} {}.", day(keyset.exp, now)))
}

fn ago_or_in(at: Timestamp, now: Timestamp) -> String {
    format!(
        "{at} ({})",
        day(at, now).split_once('(').map_or("", |(_, distance)| distance.trim_end_matches(')'))
    )
}
