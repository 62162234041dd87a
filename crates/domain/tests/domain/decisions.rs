use std::{collections::BTreeMap, sync::Arc};

use kaching_base::{
    ActivationId, Code, CustomerId, ErrorCode, FingerprintKind, LeasePolicy, LicenseId, LicenseType, Limit,
    PlanId, ProductId, Seconds, Timestamp,
};
use kaching_domain::{
    Activation, ActivationStatus, Binding, Fingerprint, License, Refused, Status, Terms,
    activations::{
        Mover,
        activate::{ActivateContext, ActivateRequest, Decision, activate},
        deactivate::{self, GivenBack, deactivate},
        heartbeat::{self, HeartbeatOutcome, heartbeat},
        release,
    },
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_795_305_600);

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn license(slots: u64, policy: LeasePolicy) -> License {
    let limits = [
        (Code::activations(), Limit::Slots { max: Some(slots) }),
        (code("nodes"), Limit::Level { max: Some(3) }),
    ];
    License {
        id: LicenseId::from_bytes([2; 16]),
        product: ProductId::from_bytes([3; 16]),
        customer: CustomerId::from_bytes([4; 16]),
        plan: PlanId::from_bytes([5; 16]),
        license_type: LicenseType::Standard,
        status: Status::Active,
        revision: 1,
        starts_at: Some(NOW),
        expires_at: Some(NOW.plus_days(365)),
        kept_day: None,
        starts_at_first_activation: false,
        granted: Terms { limits: limits.into(), policy, ..Terms::default() }.into(),
        overrides: Default::default(),
        bindings: Vec::new(),
        tags: Default::default(),
        notes: String::new(),
        metadata: Default::default(),
        suspended_reason: None,
        scheduled: None,
        active: 0,
        created_at: NOW,
        updated_at: NOW,
        archived_at: None,
    }
}

fn request(fingerprint: &str) -> ActivateRequest {
    ActivateRequest {
        product: code("chorus"),
        fingerprint: Fingerprint::new(FingerprintKind::Cluster, fingerprint).unwrap(),
        kind: FingerprintKind::Cluster,
        name: None,
        version: None,
        levels: BTreeMap::new(),
        nonce: format!("{fingerprint}-0123456789abcdef").parse().unwrap(),
        address: None,
    }
}

/// Decides with nothing else in the world than what is said here.
fn decide(
    license: &License,
    request: &ActivateRequest,
    present: Option<&Activation>,
    moving: Option<(&Activation, Mover)>,
    held: u64,
    now: Timestamp,
) -> Result<Decision, Refused> {
    activate(
        request,
        &ActivateContext {
            license,
            product: &code("chorus"),
            present,
            nonce_seen: false,
            moving,
            held,
            holders: &[],
            in_grace: &[],
            moves: &[],
            new_id: ActivationId::from_bytes([9; 16]),
            now,
        },
    )
}

fn active(license: &License, fingerprint: &str) -> Activation {
    decide(license, &request(fingerprint), None, None, 0, NOW).unwrap().activation
}

fn refusal(license: &License, request: &ActivateRequest) -> ErrorCode {
    decide(license, request, None, None, 0, NOW).unwrap_err().code
}

#[test]
fn tells_the_first_reason() {
    let mut license =
        license(1, LeasePolicy { kinds: [FingerprintKind::Cluster].into(), ..LeasePolicy::default() });
    license.bindings = vec![Binding { kind: FingerprintKind::Cluster, value: "c1".to_owned() }];
    let mut wrong = request("c2");
    wrong.kind = FingerprintKind::Device;
    wrong.product = code("caio");
    license.status = Status::Revoked;
    assert_eq!(refusal(&license, &wrong), ErrorCode::ProductMismatch);
    wrong.product = code("chorus");
    assert_eq!(refusal(&license, &wrong), ErrorCode::LicenseRevoked);
    license.status = Status::Suspended;
    license.starts_at = Some(NOW.plus_days(1));
    assert_eq!(refusal(&license, &wrong), ErrorCode::LicenseSuspended);
    license.status = Status::Active;
    assert_eq!(refusal(&license, &wrong), ErrorCode::LicenseNotYetValid);
    license.starts_at = Some(NOW.plus_days(-100));
    license.expires_at = Some(NOW.plus_days(-15));
    assert_eq!(refusal(&license, &wrong), ErrorCode::LicenseExpired);
    license.expires_at = Some(NOW.plus_days(-13));
    assert_eq!(refusal(&license, &wrong), ErrorCode::KindNotAllowed);
    wrong.kind = FingerprintKind::Cluster;
    assert_eq!(refusal(&license, &wrong), ErrorCode::BindingMismatch);
    assert!(decide(&license, &request("c1"), None, None, 0, NOW).is_ok());
    assert_eq!(
        decide(&license, &request("c1"), None, None, 1, NOW).unwrap_err().code,
        ErrorCode::ActivationLimitReached
    );
}

#[test]
fn a_forced_downgrade_admits_none_and_keeps_those_that_are() {
    let license = license(1, LeasePolicy::default());
    let one = active(&license, "c1");
    let again = ActivateRequest { nonce: "fedcba9876543210".parse().unwrap(), ..request("c1") };
    assert!(decide(&license, &again, Some(&one), None, 3, NOW).is_ok(), "a holder of a slot keeps it");
    let moving = Some((&one, Mover::Operator));
    assert_eq!(
        decide(&license, &request("c2"), None, moving, 3, NOW).unwrap_err().code,
        ErrorCode::ActivationLimitReached
    );
}

#[test]
fn the_deactivated_hold_nothing_and_the_superseded_stay_so() {
    let license = license(1, LeasePolicy::default());
    let one = active(&license, "c1");
    let gone = freed(&license, &one, NOW).unwrap();
    assert_eq!(gone.status, ActivationStatus::Deactivated);
    assert!(freed(&license, &gone, NOW).is_none());
    assert_eq!(release(&gone).unwrap_err().code, ErrorCode::WrongState);
    let moved = decide(&license, &request("c2"), None, Some((&one, Mover::Holder)), 1, NOW).unwrap();
    let old = moved.superseded.unwrap();
    let left = freed(&license, &old, NOW + Seconds(10)).unwrap();
    assert_eq!((left.status, left.move_ends_at), (ActivationStatus::Superseded, Some(NOW + Seconds(10))));
}

/// The activation after its own holder gave it back.
fn freed(license: &License, activation: &Activation, now: Timestamp) -> Option<Activation> {
    match deactivate(&deactivate::DeactivateContext { license, activation, in_grace: &[], moves: &[], now })?
    {
        GivenBack::Freed(after) => Some(after),
        other => panic!("{other:?}"),
    }
}

fn beat(
    license: &License,
    held: &Activation,
    number: i64,
    free_slot: Option<bool>,
    now: Timestamp,
) -> HeartbeatOutcome {
    process(license, held, &beat_request(held, number), free_slot, now)
}

fn beat_request(held: &Activation, number: i64) -> heartbeat::HeartbeatRequest {
    heartbeat::HeartbeatRequest {
        generation: held.credential.generation,
        number,
        nonce: format!("beat-{number:016}").parse().unwrap(),
        own_fingerprint: true,
        version: None,
        levels: BTreeMap::new(),
        address: None,
    }
}

fn process(
    license: &License,
    held: &Activation,
    request: &heartbeat::HeartbeatRequest,
    free_slot: Option<bool>,
    now: Timestamp,
) -> HeartbeatOutcome {
    let product = code("chorus");
    let s = heartbeat::HeartbeatContext {
        license,
        product: &product,
        activation: held,
        displaced: None,
        free_slot,
        now,
    };
    heartbeat(request, &s)
}

#[test]
fn a_refused_heartbeat_is_an_answer_too() {
    let mut license = license(1, LeasePolicy::default());
    let one = active(&license, "c1");
    license.status = Status::Suspended;
    let HeartbeatOutcome::Answered(answered) = beat(&license, &one, 1, None, NOW) else {
        panic!("it is answered")
    };
    assert_eq!(answered.answer.unwrap_err().code, ErrorCode::LicenseSuspended);
    assert_eq!(answered.activation.credential.number, 1);
    assert_eq!(answered.activation.run_until, one.run_until, "nothing more is given, and nothing is taken");
}

#[test]
fn what_a_refused_heartbeat_tells_of_itself_is_not_kept() {
    let mut license = license(1, LeasePolicy::default());
    let one = active(&license, "c1");
    license.status = Status::Suspended;
    let mut report = beat_request(&one, 1);
    report.levels = [(code("nodes"), 2)].into();
    report.version = Some("9.9".to_owned());
    let HeartbeatOutcome::Answered(answered) = process(&license, &one, &report, None, NOW) else {
        panic!("it is answered")
    };
    assert_eq!((&answered.activation.levels, &answered.activation.version), (&one.levels, &one.version));
    license.status = Status::Active;
    let HeartbeatOutcome::Answered(answered) = process(&license, &one, &report, None, NOW) else {
        panic!("it is answered")
    };
    assert_eq!(answered.activation.levels, report.levels);
}

proptest! {
    /// Whatever the terms become: what was given stays given, and no lease outlives the license.
    #[test]
    fn no_change_of_terms_shortens_what_was_given(
        offline_s in 0i64..1_000_000,
        expires_in in 1i64..1_000_000,
        steps in proptest::collection::vec(1i64..5000, 1..20),
    ) {
        let mut license = license(1, LeasePolicy::default());
        let mut held = active(&license, "c1");
        Arc::make_mut(&mut license.granted).policy.offline_s = offline_s;
        license.expires_at = Some(NOW + Seconds(expires_in));
        let mut now = NOW;
        for (i, step) in steps.iter().enumerate() {
            now = now + Seconds(*step);
            let number = i as i64 + 1;
            let HeartbeatOutcome::Answered(answered) = beat(&license, &held, number, Some(true), now) else {
                return Err(TestCaseError::fail("it is answered"));
            };
            prop_assert!(answered.activation.run_until >= held.run_until);
            if let Ok(times) = answered.answer {
                prop_assert!(times.run_until <= license.end().unwrap());
                prop_assert!(times.run_until <= answered.activation.run_until, "the slot outlives the lease");
            }
            held = answered.activation;
        }
    }

    /// What is added to the count is what the rows say.
    #[test]
    fn the_count_follows_the_rows(
        lapsed in any::<bool>(), written in any::<bool>(), taken in any::<bool>(), free in any::<bool>(),
    ) {
        let license = license(2, LeasePolicy::default());
        let mut present = active(&license, "c1");
        let other = active(&license, "c2");
        let now = if lapsed { present.lapses_at().unwrap() } else { NOW };
        if lapsed && written {
            present.status = ActivationStatus::Lapsed;
        }
        let row = |activation: &Activation| i64::from(activation.status == ActivationStatus::Active);
        let again = ActivateRequest { nonce: "fedcba9876543210".parse().unwrap(), ..request("c1") };
        let moving = (taken && !lapsed).then_some((&other, Mover::Holder));
        let decision = decide(&license, &again, Some(&present), moving, 1, now).unwrap();
        let before = row(&present) + moving.map_or(0, |(from, _)| row(from));
        let after = row(&decision.activation) + decision.superseded.as_ref().map_or(0, &row);
        prop_assert_eq!(decision.delta, after - before);
        if let HeartbeatOutcome::Answered(answered) = beat(&license, &present, 1, Some(free), now) {
            prop_assert_eq!(answered.delta, row(&answered.activation) - row(&present));
        }
    }
}
