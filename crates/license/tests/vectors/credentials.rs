use kaching_base::Secret;
use kaching_license::{Authorization, Credential, request_hash};

use crate::{file, world};

#[test]
fn every_request_has_its_hash_and_mac() {
    let vectors = file::read("credential.json");
    for case in vectors["cases"].as_array().unwrap() {
        let text = |name: &str| case[name].as_str().unwrap();
        let (method, path, body) = (text("method"), text("path"), text("body").as_bytes());
        let Some(credential) = case["credential"].as_str() else {
            assert_eq!(request_hash(method, path, "", body).to_string(), text("req"));
            continue;
        };
        let held = Credential::parse(credential).unwrap();
        assert_eq!(held.text().expose(), credential);
        let number = case["number"].as_u64().unwrap();
        let (header, request) = held.authorize(number, method, path, body);
        assert_eq!((header.as_str(), request.to_string().as_str()), (text("authorization"), text("req")));

        let received = Authorization::parse(&header).unwrap();
        assert_eq!((received.activation, received.generation), (held.activation, held.generation));
        assert_eq!((received.number, received.request_hash(method, path, body)), (number, request));
        assert!(received.verify(&held.secret, &request));
        for other in [
            received.request_hash("PUT", path, body),
            received.request_hash(method, "/v1/heartbeat?x=1", body),
            received.request_hash(method, path, b"{}"),
            request_hash(method, path, "", body),
        ] {
            assert!(!received.verify(&held.secret, &other));
        }
        assert!(!received.verify(&Secret::new([0; 32]), &request));
    }
}

#[test]
fn a_credential_is_computed_again() {
    let key = Secret::new([9; 32]);
    let derive = |generation| Credential::derive(&key, world::activation(), generation);
    assert_eq!(derive(1).text().expose(), derive(1).text().expose());
    assert_ne!(derive(1).text().expose(), derive(2).text().expose());
    // Computed by Python's hmac.
    assert_eq!(
        derive(1).text().expose(),
        "act_01jd6w9q2hf4rb8s0zv3k5m7na.1.iXlkn_mqggM40m03MoWi0QgAGSQ3V2O6xj7Re_uRKlI"
    );
}

#[test]
fn only_the_exact_form_is_a_credential() {
    let good = "act_01jd6w9q2hf4rb8s0zv3k5m7n9.1.PcVfSZ3YRMZbASv7kykA96ch4kXFsp327pzMVuYQXIE";
    assert!(Credential::parse(good).is_ok());
    for wrong in [
        "",
        "act_01jd6w9q2hf4rb8s0zv3k5m7n9.1",
        &good.replace("act_", "lic_"),
        &good.replace(".1.", ".01."),
        &good.replace(".1.", ".+1."),
        &good.replace(".1.", ".-1."),
        &good.replace(".1.", ".."),
        &good.replace(".1.", ".9223372036854775808."),
        &good.replace("IE", "IF"),
        &format!("{good}="),
        &format!("{good}.1"),
        &format!(" {good}"),
    ] {
        assert!(Credential::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn only_the_exact_form_is_an_authorization() {
    let good = "Kaching act_01jd6w9q2hf4rb8s0zv3k5m7n9.1.0.z9R7hXZ-06yqSbDSlGLpI_e2gAmgsg6nuDI4yvHvz1s";
    assert!(Authorization::parse(good).is_ok());
    assert!(
        Authorization::parse(&good.replace("Kaching", "kaching")).is_ok(),
        "a scheme is read in any case"
    );
    for wrong in [
        "",
        "Kaching",
        "Kaching ",
        &good.replace("Kaching", "Bearer"),
        &good.replace("Kaching ", "Kaching  "),
        &good.replace(".1.0.", ".1."),
        &good.replace(".1.0.", ".1.00."),
        &good.replace(".1.0.", ".1.0.0."),
        &good.replace(".1.0.", ".1.99999999999999999999."),
        &good.replace("z1s", "z1t"),
        &good.replace("z1s", ""),
    ] {
        assert!(Authorization::parse(wrong).is_err(), "{wrong}");
    }
}
