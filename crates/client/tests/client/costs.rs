//! The cost of a check for its caller.

use allocation_counter::measure;

use crate::world::World;

#[test]
fn a_yes_allocates_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    let ask = || {
        guard.check().unwrap();
        guard.require("audit_export").unwrap();
        guard.ensure("nodes", 3).unwrap();
    };
    // A thread takes its place among the readers once, and a level is entered once.
    ask();
    let spent = measure(|| (0..1000).for_each(|_| ask()));
    assert_eq!((spent.count_total, spent.bytes_total), (0, 0));
    // The counter counts: a no is a sentence.
    assert!(measure(|| drop(guard.require("federation").unwrap_err())).count_total > 0);
}
