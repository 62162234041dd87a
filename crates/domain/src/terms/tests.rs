use std::collections::BTreeSet;

use kaching_base::{Code, Limit};
use proptest::prelude::*;

use super::*;

fn features() -> impl Strategy<Value = BTreeSet<Code>> {
    proptest::collection::btree_set("[a-d]", 0..4)
        .prop_map(|codes| codes.into_iter().map(|code| code.parse().unwrap()).collect())
}

fn limits() -> impl Strategy<Value = Limits> {
    proptest::collection::btree_map("[a-d]", proptest::option::of(0u64..9), 0..4).prop_map(|limits| {
        limits.into_iter().map(|(name, max)| (name.parse().unwrap(), Limit::Level { max })).collect()
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    (features(), limits(), 900i64..=1800).prop_map(|(features, limits, lease_s)| {
        let policy = LeasePolicy { lease_s, ..LeasePolicy::default() };
        Terms { features, limits, term_days: None, policy }
    })
}

#[test]
fn slots_are_one_unless_said_otherwise() {
    assert_eq!(Terms::default().slots(), Some(1));
    let unlimited = [(Code::activations(), Limit::Slots { max: None })].into();
    assert_eq!(Terms { limits: unlimited, ..Terms::default() }.slots(), None);
}

#[test]
fn only_activations_are_slots() {
    for (name, limit) in
        [("activations", Limit::Level { max: Some(1) }), ("nodes", Limit::Slots { max: Some(1) })]
    {
        let terms = Terms { limits: [(name.parse().unwrap(), limit)].into(), ..Terms::default() };
        assert_eq!(terms.check(&BTreeSet::new()).unwrap_err().pointer, format!("/limits/{name}"));
    }
}

proptest! {
    #[test]
    fn overrides_turn_the_granted_into_the_effective(granted in terms(), mut effective in terms()) {
        // A limit that only the plan has stays: nothing in an override takes it away.
        for (name, limit) in &granted.limits {
            effective.limits.entry(name.clone()).or_insert(*limit);
        }
        let overrides = Overrides::between(&granted, &effective);
        prop_assert_eq!(granted.with(&overrides), effective);
        prop_assert_eq!(Overrides::between(&granted, &granted), Overrides::default());
    }

    #[test]
    fn what_is_carried_to_another_plan_never_takes_from_it(old in terms(), own in terms(), new in terms()) {
        let overrides = Overrides::between(&old, &own);
        let after = new.with(&overrides.carried(&old, &new));
        prop_assert!(after.features.is_superset(&new.features));
        for (name, limit) in &new.limits {
            let kept = after.limits[name].max();
            prop_assert!(kept.is_none() || limit.max().is_some_and(|max| kept.is_some_and(|kept| kept >= max)));
        }
    }
}
