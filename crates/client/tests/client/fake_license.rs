//! The guard for a product's own tests: it says what a test says, through the same checks.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use kaching_client::{
    ErrorCode, HealthStatus, LicenseKey, ReportKind, StartError, State,
    testing::{FakeLicense, Plan},
};

fn licensed() -> FakeLicense {
    FakeLicense::new("community")
        .feature("audit_export")
        .limit("nodes", 3)
        .counter("jobs", 100)
        .offer("federation", "Federation", "Link clusters across regions")
        .plan_above(Plan::new("team", "Team").feature("federation").limit("nodes", 25))
        .plan_above(Plan::new("enterprise", "Enterprise").feature("federation"))
        .contact("sales@example.com")
}

#[test]
fn it_grants_and_denies_with_the_sentences_of_a_real_one() {
    let (guard, control) = licensed().start();
    assert!(matches!(guard.state(), State::Active { .. }));
    guard.check().unwrap();
    guard.require("audit_export").unwrap();
    let denied = guard.require("federation").unwrap_err();
    assert_eq!(
        denied.to_string(),
        "Federation is not part of the community plan. The Team plan has it: Link clusters across regions. \
         Ask sales@example.com."
    );
    guard.ensure("nodes", 3).unwrap();
    let denied = guard.ensure("nodes", 4).unwrap_err();
    assert_eq!(denied.upgrade.as_ref().unwrap().plan.as_str(), "team");
    assert_eq!(guard.license().upgrade.unwrap().name, "Team");

    control.grant("federation");
    guard.require("federation").unwrap();
    control.withdraw("federation");
    guard.require("federation").unwrap_err();
    control.limit("nodes", 4);
    guard.ensure("nodes", 4).unwrap();
}

#[test]
fn a_refusal_is_watched_reported_and_withdrawn() {
    let (guard, control) = licensed().start();
    let mut watch = guard.watch();
    watch.next(Duration::ZERO).unwrap();
    let (sender, stops) = mpsc::channel();
    guard.on_stop(move |state| drop(sender.send(state.clone())));
    control.refuse(ErrorCode::LicenseSuspended);
    assert_eq!(guard.check().unwrap_err().code, Some(ErrorCode::LicenseSuspended.into()));
    let refused = State::Refused { code: ErrorCode::LicenseSuspended.into() };
    assert_eq!(watch.next(Duration::ZERO), Some(refused.clone()));
    assert_eq!(stops.recv_timeout(crate::world::DEADLINE), Ok(refused));
    control.reinstate();
    guard.check().unwrap();
}

#[test]
fn time_passes_for_the_guard_alone() {
    let (guard, control) = licensed().start();
    control.advance(Duration::from_secs(30 * 86_400));
    assert!(matches!(guard.state(), State::Active { .. }), "in contact it is renewed");
    control.offline(Duration::from_secs(3600));
    assert!(matches!(guard.state(), State::Offline { .. }));
    control.advance(Duration::from_secs(3599));
    guard.check().unwrap();
    control.advance(Duration::from_secs(2));
    assert!(guard.check().unwrap_err().to_string().contains("no contact"));
    assert!(matches!(guard.state(), State::Unknown { .. }));
    control.reinstate();
    guard.check().unwrap();
    control.expire();
    assert_eq!(guard.check().unwrap_err().code_text(), "license_expired");
}

#[test]
fn each_mode_keeps_its_features() {
    let (guard, control) = licensed().feature("backup").degrade(&["audit_export"]).start();
    control.refuse(ErrorCode::LicenseSuspended);
    guard.require("audit_export").unwrap();
    guard.require("backup").unwrap_err();
    assert!(matches!(guard.state(), State::Degraded { .. }));

    let (guard, control) = licensed().advise().start();
    control.expire();
    guard.require("audit_export").unwrap();
    assert!(matches!(guard.state(), State::Degraded { code: Some(_), .. }), "{:?}", guard.state());
}

#[test]
fn reports_of_the_product_are_seen() {
    let (guard, control) = licensed().start();
    guard.record("jobs", 3).unwrap();
    guard.record("jobs", 4).unwrap();
    guard.set_level("nodes", 2).unwrap();
    guard.set_health(HealthStatus::Degraded, Some("a disk is slow"));
    guard.report(ReportKind::Security, "Somebody tried.").unwrap();
    assert_eq!((control.used("jobs"), control.used("requests")), (7, 0));
    guard.record("jobs", 1).unwrap();
    guard.shutdown().unwrap();
    assert_eq!(control.used("jobs"), 8);
    assert_eq!(control.level("nodes"), Some(2));
    assert_eq!(control.reports(), [(ReportKind::Security, "Somebody tried.".to_owned())]);
    assert_eq!(control.health(), Some((HealthStatus::Degraded, Some("a disk is slow".to_owned()))));
    assert!(guard.watch().closed());
}

#[test]
fn a_key_can_be_entered() {
    let (guard, control) = licensed().key("CHORUS-GOOD").start_unlicensed();
    assert_eq!(guard.check().unwrap_err().to_string(), "No license key has been entered yet.");
    assert!(guard.license().granted.is_none());
    let wrong = guard.activate(LicenseKey::new("CHORUS-BAD")).unwrap_err();
    assert!(matches!(wrong, StartError::UnknownKey { .. }));
    assert!(!guard.validate(&LicenseKey::new("CHORUS-BAD"), None).unwrap().valid);
    guard.check().unwrap_err();
    guard.activate(LicenseKey::new("CHORUS-GOOD")).unwrap();
    guard.check().unwrap();
    assert_eq!(control.entered().as_deref(), Some("CHORUS-GOOD"));

    guard.deactivate().unwrap();
    assert_eq!(guard.check().unwrap_err().code_text(), "activation_deactivated");
    guard.activate(LicenseKey::new("CHORUS-GOOD")).unwrap();
    guard.check().unwrap();
}

#[test]
fn no_call_waits() {
    let began = Instant::now();
    let (guard, control) = licensed().start();
    control.offline(Duration::from_secs(60));
    assert!(matches!(guard.heartbeat_now(), State::Offline { .. }));
    guard.record("jobs", 1).unwrap();
    guard.deactivate().unwrap();
    guard.shutdown().unwrap();
    let late = guard.activate(LicenseKey::new("CHORUS-LATE")).unwrap_err();
    assert_eq!(late.to_string(), "the guard is shut down");
    assert!(began.elapsed() < Duration::from_secs(5), "the bound of one call alone is ten seconds");
}
