use kaching_base::{Code, ErrorCode};
use kaching_license::{MAX_STATEMENT, RefusalCode, StatementType, ValidationCode, encode};
use serde_json::{Value, json};

use super::{Case, LEASE, REFUSAL, VALIDATION, case, good, now, of_length, running};
use crate::{
    keys::{self, ed25519, rsa},
    world::{changed, checkpoint, lease, payload, refusal, validation},
};

pub(super) fn cases() -> Vec<Case> {
    let (key, end) = (ed25519(keys::LEASE), 900 + 259_200);
    let answer = || json!("answer");
    let mut with_log = lease();
    with_log.log = Some(checkpoint());
    let mut imported = lease();
    imported.plan = Code::verbatim("Team (2024)".to_owned());
    imported.features.insert(Code::verbatim("Text Generation".to_owned()));
    imported.limits.insert(Code::verbatim("Max Requests".to_owned()), imported.limits["nodes"]);
    let mut perpetual = lease();
    perpetual.lic_exp = None;
    let mut unknown_code = refusal();
    unknown_code.code = RefusalCode::Other("from_a_later_version".to_owned());
    let mut unknown_license = refusal();
    (unknown_license.aud, unknown_license.sub, unknown_license.act, unknown_license.rev) =
        (None, None, None, None);
    let mut in_grace = validation();
    in_grace.code = ValidationCode::ValidInGrace;
    let mut no = validation();
    (no.code, no.valid) = (ValidationCode::No(ErrorCode::LicenseNotFound.into()), false);
    (no.aud, no.sub, no.rev) = (None, None, None);
    let signed = |claims: &_| encode(claims, &key).unwrap();
    vec![
        case("a lease", LEASE, good(), now(1), "valid"),
        case("a lease by RS256", LEASE, encode(&lease(), &rsa()).unwrap(), now(1), "valid"),
        case("a lease with a checkpoint", LEASE, signed(&with_log), now(1), "valid"),
        case(
            "a lease of an imported plan, whose names have another form",
            LEASE,
            signed(&imported),
            now(1),
            "valid",
        ),
        case("a perpetual lease", LEASE, signed(&perpetual), now(1), "valid"),
        case("an answer, whatever the clock says", LEASE, good(), answer(), "valid"),
        case("at nbf", LEASE, good(), now(-60), "valid"),
        case("in its last second", LEASE, good(), now(899), "valid"),
        case("running offline, at its last moment", LEASE, good(), running(end), "valid"),
        case("looked at years later", LEASE, good(), json!("inspect"), "valid"),
        case("unknown claims are ignored", LEASE, changed(unknown_claims), now(1), "valid"),
        case("names and texts with escapes", LEASE, escaped(), now(1), "valid"),
        case("white space between the claims", LEASE, spaced(), now(1), "valid"),
        case("16 KiB", LEASE, of_length(MAX_STATEMENT), now(1), "valid"),
        case("a refusal", REFUSAL, encode(&refusal(), &key).unwrap(), answer(), "valid"),
        case("a refusal by RS256", REFUSAL, encode(&refusal(), &rsa()).unwrap(), answer(), "valid"),
        case(
            "a refusal of a later version",
            REFUSAL,
            encode(&unknown_code, &key).unwrap(),
            answer(),
            "valid",
        ),
        case(
            "a refusal that names nothing",
            REFUSAL,
            encode(&unknown_license, &key).unwrap(),
            answer(),
            "valid",
        ),
        case("a validation", VALIDATION, encode(&validation(), &key).unwrap(), answer(), "valid"),
        case("a validation in grace", VALIDATION, encode(&in_grace, &key).unwrap(), answer(), "valid"),
        case("a validation that says no", VALIDATION, encode(&no, &key).unwrap(), answer(), "valid"),
    ]
}

fn escaped() -> String {
    let text = serde_json::to_string(&lease()).unwrap();
    let text = text.replacen("\"aud\"", r#""\u0061ud""#, 1).replacen("chorus", r"\u0063horus", 1);
    payload(
        StatementType::Lease,
        text.replacen('{', r#"{"x":"a\u0000\ud83d\ude00/\/","#, 1),
        &ed25519(keys::LEASE),
    )
}

fn spaced() -> String {
    let text = serde_json::to_string_pretty(&lease()).unwrap();
    payload(StatementType::Lease, format!("\r\n\t {text}\n"), &ed25519(keys::LEASE))
}

fn unknown_claims(claims: &mut Value) {
    claims["nested"] = json!({"a": [1, {"b": null}], "é": 1.5});
    claims["grace"]["later"] = json!(true);
}
