//! A single installation is never accused, whatever its network and disks do; two copies are found soon.

mod ledger;
mod simulation;

use kaching_base::{CopyPolicy, Seconds, Timestamp};
use ledger::Ledger;
use simulation::{Authority as _, Client, Faults, Network};

const START: Timestamp = Timestamp::from_seconds(1_795_305_600);

#[test]
fn never_accuses_a_single_installation() {
    for seed in 0..4000 {
        let mut network = Network::new(Ledger::new(CopyPolicy::Refuse), seed);
        let mut client = Client::new('a', START);
        for _ in 0..300 {
            network.deliver_late(client.due);
            client.step(&mut network, &Faults::ALL);
            assert!(!client.suspected, "seed {seed}: refused as a copy");
            assert_eq!(network.authority.sightings(), 0, "seed {seed}: seen as two holders");
        }
        assert!(network.authority.renewals > 20, "seed {seed}: nothing was tested");
    }
}

#[test]
fn a_lost_state_and_an_old_snapshot_are_at_most_a_sighting() {
    for seed in 0..2000 {
        let mut network = Network::new(Ledger::new(CopyPolicy::Refuse), seed);
        let mut client = Client::new('a', START);
        let faults = Faults { snapshot: 100, ..Faults::NONE };
        for step in 0..60 {
            network.deliver_late(client.due);
            let faults = match step {
                20 => Faults { reinstall: 1000, ..Faults::NONE },
                30 => Faults { restore: 1000, ..Faults::NONE },
                _ if step < 20 => faults,
                _ => Faults::NONE,
            };
            client.step(&mut network, &faults);
            assert!(!client.suspected, "seed {seed}: refused as a copy");
            assert!(network.authority.sightings() <= 1, "seed {seed}: seen as two holders twice");
        }
    }
}

#[test]
fn finds_two_copies_within_five_intervals_where_nothing_is_lost() {
    for seed in 0..4000 {
        let mut network = Network::new(Ledger::new(CopyPolicy::Refuse), seed);
        let mut first = Client::new('a', START);
        let alone = 1 + network.random.below(20);
        for _ in 0..alone {
            first.step(&mut network, &Faults::NONE);
        }
        assert_eq!(network.authority.sightings(), 0, "seed {seed}: seen before there were two");
        let copied_at = first.due - Seconds(network.random.below(240) as i64);
        let mut second = first.copy('b');
        second.due = copied_at + Seconds(1 + network.random.below(300) as i64);
        while network.authority.sightings() == 0 {
            let next = if first.due <= second.due { &mut first } else { &mut second };
            next.step(&mut network, &Faults::NONE);
            let passed = next.due.since(copied_at).0;
            assert!(network.authority.sightings() > 0 || passed < 5 * 300 + 360, "seed {seed}: not found");
        }
        let found_after = network.authority.sighted_at.expect("it was found").since(copied_at).0;
        assert!(found_after <= 5 * 300, "seed {seed}: found after {found_after} seconds");
        for _ in 0..40 {
            let next = if first.due <= second.due { &mut first } else { &mut second };
            next.step(&mut network, &Faults::NONE);
        }
        assert!(first.suspected && second.suspected, "seed {seed}: both copies are refused in the end");
    }
}

#[test]
fn a_copy_is_only_reported_if_the_policy_says_so() {
    for (policy, seen) in [(CopyPolicy::Allow, false), (CopyPolicy::Alert, true)] {
        let mut network = Network::new(Ledger::new(policy), 7);
        let mut first = Client::new('a', START);
        first.step(&mut network, &Faults::NONE);
        let mut second = first.copy('b');
        for _ in 0..40 {
            let next = if first.due <= second.due { &mut first } else { &mut second };
            next.step(&mut network, &Faults::NONE);
        }
        assert_eq!(network.authority.sightings() > 0, seen, "{policy}");
        assert!(!first.suspected && !second.suspected, "{policy} refuses nobody");
    }
}
