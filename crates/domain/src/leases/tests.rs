use kaching_base::{CustomerId, LeasePolicy, LicenseId, LicenseType, PlanId, ProductId, Seconds, Timestamp};
use proptest::prelude::*;

use super::Times;
use crate::{License, Status, Terms};

const NOW: Timestamp = Timestamp::from_micros(1_795_305_600_123_456);

fn license(expires_in: Option<i64>, grace_days: i64, lease_s: i64, offline_s: i64) -> License {
    let policy = LeasePolicy { lease_s, offline_s, expiry_days: Some(grace_days), ..LeasePolicy::default() };
    License {
        id: LicenseId::from_bytes([2; 16]),
        product: ProductId::from_bytes([3; 16]),
        customer: CustomerId::from_bytes([4; 16]),
        plan: PlanId::from_bytes([5; 16]),
        license_type: if expires_in.is_some() { LicenseType::Standard } else { LicenseType::Perpetual },
        status: Status::Active,
        revision: 1,
        starts_at: Some(NOW),
        expires_at: expires_in.map(|seconds| NOW + Seconds(seconds)),
        kept_day: None,
        starts_at_first_activation: false,
        granted: Terms { policy, ..Terms::default() }.into(),
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

#[test]
fn a_perpetual_license_ends_no_lease() {
    let times = Times::of(&license(None, 14, 900, 259_200), None, NOW);
    assert_eq!(times.iat.micros(), 1_795_305_600_000_000, "whole seconds");
    assert_eq!(times.exp, times.iat + Seconds(900));
    assert_eq!(times.run_until, times.exp + Seconds(259_200));
}

#[test]
fn a_superseded_one_has_no_offline_grace() {
    let move_ends_at = NOW + Seconds(300);
    let times = Times::of(&license(None, 14, 900, 259_200), Some(move_ends_at), NOW);
    assert_eq!((times.exp, times.run_until), (times.iat + Seconds(300), times.iat + Seconds(300)));
    let times = Times::of(&license(None, 14, 900, 259_200), Some(NOW + Seconds(5000)), NOW);
    assert_eq!((times.exp, times.run_until), (times.iat + Seconds(900), times.iat + Seconds(900)));
}

proptest! {
    #[test]
    fn nothing_runs_beyond_the_end(
        expires_in in proptest::option::of(1i64..40_000_000),
        grace_days in 0i64..60,
        lease_s in 900i64..=1800,
        offline_s in 0i64..10_000_000,
        moved in proptest::option::of(1i64..10_000),
        later in 0i64..10_000_000,
    ) {
        let license = license(expires_in, grace_days, lease_s, offline_s);
        let now = NOW + Seconds(later);
        let move_ends_at = moved.map(|seconds| now + Seconds(seconds));
        let times = Times::of(&license, move_ends_at, now);
        prop_assert!(times.exp <= times.run_until);
        prop_assert!(times.exp <= times.iat + Seconds(lease_s));
        prop_assert!(times.run_until <= times.exp + Seconds(offline_s));
        for end in [license.end(), move_ends_at].into_iter().flatten() {
            prop_assert!(times.run_until <= end && times.exp <= end);
        }
        if moved.is_some() {
            prop_assert_eq!(times.exp, times.run_until);
        }
        // A license without an end gets the full times.
        if license.end().is_none() && moved.is_none() {
            prop_assert_eq!(times.run_until, times.iat + Seconds(lease_s + offline_s));
        }
    }

    #[test]
    fn time_only_adds(
        expires_in in proptest::option::of(1i64..4_000_000),
        grace_days in 0i64..60,
        offline_s in 0i64..1_000_000,
        earlier in 0i64..1_000_000,
        step in 0i64..1_000_000,
    ) {
        let license = license(expires_in, grace_days, 900, offline_s);
        let before = Times::of(&license, None, NOW + Seconds(earlier));
        let after = Times::of(&license, None, NOW + Seconds(earlier + step));
        prop_assert!(after.run_until >= before.run_until, "the same terms never shorten what was given");
    }
}
