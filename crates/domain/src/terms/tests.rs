use std::collections::BTreeSet;

use kaching_base::{ActivationId, Anchor, Code, LicenseId, Limit, Overage, Period, Timestamp};
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
        Terms { features, limits, term: None, policy }
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

/// The largest terms of their kind that pass: features and counters of the longest names and numbers.
fn largest(tag: char) -> Terms {
    let name = |kind: &str, i: usize| format!("{tag}{kind}{i:0>61}").parse::<Code>().unwrap();
    let most = Some((1 << 53) - 1);
    let counter =
        Limit::Counter { max: most, per: Period::Month, anchor: Anchor::Start, overage: Overage::Soft(most) };
    let mut terms = Terms::default();
    for i in 0.. {
        let mut more = terms.clone();
        more.features.insert(name("f", i));
        more.limits.insert(name("l", i), counter);
        if more.check(&more.features).is_err() {
            break;
        }
        terms = more;
    }
    terms
}

struct Rsa;

impl kaching_license::Sign for Rsa {
    fn algorithm(&self) -> kaching_base::LeaseAlgorithm {
        kaching_base::LeaseAlgorithm::Rs256
    }

    fn kid(&self) -> &str {
        "0123456789abcdef"
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, kaching_license::SignError> {
        Ok(vec![7; 384])
    }
}

#[test]
fn whatever_terms_pass_a_lease_can_carry_with_overrides_of_the_same_size() {
    let (granted, own) = (largest('a'), largest('b'));
    assert!(granted.features.len() > 10, "an ordinary plan passes by far");
    let effective = granted.with(&Overrides::between(&Terms::default(), &own));
    let digest = kaching_license::Digest([7; 32]);
    let lease = kaching_license::Lease {
        iss: format!("https://{}", "x".repeat(500)),
        aud: "p".repeat(63).parse().unwrap(),
        iat: Timestamp::MAX,
        nbf: Timestamp::MAX,
        exp: Timestamp::MAX,
        ks: u64::MAX,
        jti: "j".repeat(22),
        sub: LicenseId::from_bytes([255; 16]),
        act: ActivationId::from_bytes([255; 16]),
        fpr: digest,
        hb: 600,
        req: digest,
        run_until: Timestamp::MAX,
        epoch: u64::MAX,
        rev: u64::MAX,
        plan: "p".repeat(63).parse().unwrap(),
        r#type: kaching_base::LicenseType::Enterprise,
        features: effective.features,
        limits: effective.limits,
        lic_exp: Some(Timestamp::MAX),
        grace: kaching_license::Grace {
            offline_s: u64::MAX,
            expiry_s: u64::MAX,
            mode: kaching_base::Mode::Degrade,
            keep: BTreeSet::new(),
        },
        cat: digest,
        log: None,
    };
    kaching_license::encode(&lease, &Rsa).expect("it fits");
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
