//! Limits by their kind, and names that no plan has. Time passes as the test says.

use kaching_client::{NameKind, testing::FakeLicense};
use serde_json::json;

use crate::stepping::Stepped;

const JOBS: (&str, &str) = ("jobs", "10/month");

fn jobs_used(used: u64, resets_at: &str) -> serde_json::Value {
    json!([{"name": "jobs", "kind": "counter", "used": used, "max": 10, "per": "month", "resets_at": resets_at,
        "state": "ok"}])
}

#[test]
fn a_counter_is_judged_by_what_is_left_of_its_period() {
    let stepped = Stepped::of(|desk| {
        desk.limits.push(JOBS);
        desk.quotas = jobs_used(4, "2027-02-01T00:00:00Z");
    });
    let guard = stepped.guard();
    guard.ensure("jobs", 6).expect("four of ten are used");
    let denied = guard.ensure("jobs", 7).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "The Community plan allows 10 jobs per month, 4 are used and 7 more were asked for. The Enterprise plan allows \
         1000. Ask sales@example.com."
    );
    let over = denied.limit.unwrap();
    assert_eq!((over.present, over.wanted, over.max), (4, 7, 10));
    assert!(guard.license().levels.is_empty(), "a question records nothing");

    guard.record("jobs", 5).unwrap();
    guard.ensure("jobs", 1).unwrap();
    guard.ensure("jobs", 2).expect_err("the five count before the authority has them");
    stepped.wait(std::time::Duration::from_secs(2));
    stepped.calls();
    let shown = guard.license().quotas;
    assert_eq!((shown[0].used, shown[0].state.as_str()), (9, "warn"), "the status says the same");
    guard.record("jobs", 20).expect("usage is counted even above the limit");
    guard.ensure("jobs", 1).unwrap_err();
    guard.ensure("jobs", 0).unwrap();
}

#[test]
fn usage_that_the_authority_has_counts_once() {
    let stepped = Stepped::of(|desk| {
        desk.limits.push(JOBS);
        desk.quotas = jobs_used(0, "2027-02-01T00:00:00Z");
    });
    let guard = stepped.guard();
    guard.record("jobs", 6).unwrap();
    stepped.world.authority.change(|desk| desk.quotas = jobs_used(6, "2027-02-01T00:00:00Z"));
    stepped.heartbeat();
    guard.ensure("jobs", 4).unwrap();
    guard.ensure("jobs", 5).unwrap_err();
}

#[test]
fn a_counter_begins_again_with_its_period() {
    let stepped = Stepped::of(|desk| {
        desk.limits.push(JOBS);
        desk.quotas = jobs_used(10, "2027-01-15T08:10:00Z");
    });
    let guard = stepped.guard();
    guard.ensure("jobs", 1).expect_err("none is left");
    stepped.world.authority.change(|desk| desk.down = true);
    stepped.wait(std::time::Duration::from_secs(601));
    stepped.lose_calls();
    guard.ensure("jobs", 10).unwrap();
    guard.ensure("jobs", 11).unwrap_err();
}

#[test]
fn a_soft_counter_allows_its_overage() {
    let stepped = Stepped::of(|desk| desk.limits.push(("jobs", "10/month:soft+5")));
    let guard = stepped.guard();
    guard.ensure("jobs", 15).unwrap();
    guard.ensure("jobs", 16).unwrap_err();
    let unbounded = Stepped::of(|desk| desk.limits.push(("jobs", "10/month:soft")));
    unbounded.guard().ensure("jobs", 1_000_000).unwrap();
}

#[test]
fn slots_are_those_that_the_authority_counts() {
    let stepped = Stepped::of(|desk| {
        desk.slots = Some(2);
        desk.quotas = json!([{"name": "activations", "kind": "slots", "used": 1, "max": 2, "state": "ok"}]);
    });
    let guard = stepped.guard();
    guard.ensure("activations", 2).unwrap();
    let denied = guard.ensure("activations", 3).unwrap_err();
    assert_eq!(denied.limit.unwrap().present, 1);
    assert!(guard.license().levels.is_empty(), "slots are no level of this installation");
}

#[test]
fn a_limit_that_only_another_plan_has_is_unlimited_and_keeps_its_kind() {
    let stepped = Stepped::of(|_| {});
    let guard = stepped.guard();
    guard.ensure("jobs", 1_000_000).unwrap();
    guard.ensure("services", 1_000_000).unwrap();
    stepped.calls();
    assert_eq!(guard.license().levels.into_keys().collect::<Vec<_>>(), ["services"], "a counter is no level");
}

#[test]
fn a_name_that_no_plan_has_is_an_error_from_the_first_call() {
    let stepped = Stepped::of(|_| {});
    let guard = stepped.guard();
    let sentence = "No plan of chorus has a limit \"nodse\". Did you mean nodes?";
    let denied = guard.ensure("nodse", 1).unwrap_err();
    assert_eq!((denied.to_string().as_str(), denied.code_text()), (sentence, "unknown"));
    let unknown = denied.unknown_name.clone().unwrap();
    assert_eq!((unknown.kind, unknown.near.as_slice()), (NameKind::Limit, &["nodes".to_owned()][..]));
    assert_eq!(guard.set_level("nodse", 1).unwrap_err(), unknown);
    assert_eq!(guard.record("nodse", 1).unwrap_err(), unknown);
    assert_eq!(guard.record("nodse", 0).unwrap_err(), unknown);
    stepped.calls();
    assert!(guard.license().levels.is_empty());
    let denied = guard.require("federaton").unwrap_err();
    assert_eq!(denied.to_string(), "No plan of chorus has a feature \"federaton\". Did you mean federation?");

    stepped.world.authority.suspend(Some(kaching_base::ErrorCode::LicenseSuspended));
    stepped.heartbeat();
    assert_eq!(
        guard.ensure("nodse", 1).unwrap_err().unknown_name,
        Some(unknown),
        "a refusal hides no mistake"
    );
    assert_eq!(guard.ensure("nodes", 1).unwrap_err().code_text(), "license_suspended");
}

#[test]
fn without_a_catalogue_no_name_is_an_error() {
    let busy = crate::authority::Fault::Say(503, String::new());
    let stepped = Stepped::of(|desk| desk.faults.push(("/v1/catalogue", busy)));
    let guard = stepped.guard();
    guard.ensure("nodse", 1).unwrap();
    guard.record("jbos", 1).unwrap();
    assert!(guard.require("federaton").unwrap_err().unknown_name.is_none());
    stepped.wait(std::time::Duration::from_secs(60));
    stepped.calls();
    guard.ensure("nodse", 1).unwrap_err();
}

#[test]
fn the_guard_of_a_test_knows_the_names_that_the_test_names() {
    let (guard, control) =
        FakeLicense::new("team").feature("backup").limit("nodes", 3).counter("jobs", 10).start();
    guard.record("jobs", 8).unwrap();
    guard.ensure("jobs", 2).unwrap();
    guard.ensure("jobs", 3).unwrap_err();
    guard.record("jbos", 1).unwrap_err();
    control.withdraw("backup");
    assert_eq!(guard.require("backup").unwrap_err().code_text(), "feature_not_licensed");
    assert!(guard.require("bakcup").unwrap_err().unknown_name.is_some());
    control.counter("calls", 1);
    guard.record("calls", 1).unwrap();
}
