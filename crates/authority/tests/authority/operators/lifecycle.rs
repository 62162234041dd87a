//! Random sequences of operations on one license, against a model of a dozen lines.

use kaching_authority::{At, Renewal, Sight, Upgrade, domain::Status};
use kaching_base::{Seconds, Timestamp};
use kaching_testkit::World;
use proptest::{prelude::*, strategy::ValueTree as _};

use super::setting::{cx, entries, furnish, made};

#[derive(Clone, Debug)]
enum Operation {
    Suspend,
    Reinstate,
    Revoke,
    Delete,
    Renew(i64),
    Upgrade(usize),
    Rekey,
    Wait(i64),
}

const PLANS: [&str; 3] = ["community", "team", "enterprise"];

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => Just(Operation::Suspend),
        4 => Just(Operation::Reinstate),
        1 => Just(Operation::Revoke),
        1 => Just(Operation::Delete),
        3 => (-1i64..400).prop_map(Operation::Renew),
        4 => (0usize..3).prop_map(Operation::Upgrade),
        2 => Just(Operation::Rekey),
        3 => (1i64..200).prop_map(Operation::Wait),
    ]
}

/// The expected state of the license.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    status: Status,
    plan: usize,
    expires_at: Timestamp,
    revision: i64,
    entries: usize,
    hidden: bool,
}

impl Model {
    /// Applies an operation to the model. Returns whether it is allowed.
    fn follow(&mut self, operation: &Operation, now: Timestamp) -> bool {
        let alive = self.status != Status::Revoked;
        let (allowed, raises) = match operation {
            Operation::Suspend => (self.status == Status::Active, true),
            Operation::Reinstate => (self.status == Status::Suspended, true),
            Operation::Revoke => (alive, true),
            Operation::Delete => (true, alive),
            Operation::Renew(days) if *days < 1 => return false,
            Operation::Renew(_) => (alive, true),
            Operation::Upgrade(plan) => (alive && *plan != self.plan, true),
            Operation::Rekey => (alive, false),
            Operation::Wait(_) => return true,
        };
        if matches!(operation, Operation::Delete) && self.hidden {
            return true;
        }
        // A refusal is an entry, too.
        self.entries += 1;
        if !allowed {
            return false;
        }
        self.revision += i64::from(raises);
        match operation {
            Operation::Suspend => self.status = Status::Suspended,
            Operation::Reinstate => self.status = Status::Active,
            Operation::Revoke | Operation::Delete => self.status = Status::Revoked,
            Operation::Renew(days) => self.expires_at = self.expires_at.max(now).plus_days(*days),
            Operation::Upgrade(plan) => self.plan = *plan,
            Operation::Rekey | Operation::Wait(_) => {}
        }
        self.hidden |= matches!(operation, Operation::Delete);
        true
    }
}

async fn act(world: &World, id: &str, operation: &Operation) -> bool {
    let (authority, id) = (&world.authority, id.to_owned());
    let done = match operation {
        Operation::Suspend => authority.suspend_license(cx(), id, "unpaid".to_owned()).await,
        Operation::Reinstate => authority.reinstate_license(cx(), id).await,
        Operation::Revoke => authority.revoke_license(cx(), id.clone(), id).await,
        Operation::Delete => authority.delete_license(cx(), id).await,
        Operation::Renew(days) => {
            authority
                .renew_license(
                    cx(),
                    id,
                    Renewal { term: Some(kaching_base::Term::of_days(*days).unwrap()), ..Renewal::default() },
                )
                .await
        }
        Operation::Upgrade(plan) => {
            let upgrade = Upgrade { plan: PLANS[*plan].to_owned(), at: At::Now, force: false };
            authority.upgrade_license(cx(), id, upgrade).await
        }
        Operation::Rekey => authority.rekey_license(cx(), id, 60).await,
        Operation::Wait(days) => {
            world.clock.advance(Seconds::days(*days));
            authority.license(&Sight::All, id).await
        }
    };
    done.is_ok()
}

#[tokio::test]
async fn a_license_agrees_with_its_model() {
    World::each(|world| async move {
        furnish(&world).await;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let operations = proptest::collection::vec(operation(), 1..25);
        for _ in 0..40 {
            let operations = operations.new_tree(&mut runner).unwrap().current();
            let license = made(&world, "team").await.license;
            let id = license.id.to_string();
            let mut model = Model {
                status: Status::Active,
                plan: 1,
                expires_at: license.expires_at.unwrap(),
                revision: 1,
                entries: 1,
                hidden: false,
            };
            for (i, operation) in operations.iter().enumerate() {
                let now = kaching_authority::Clock::now(&*world.clock);
                let allowed = model.follow(operation, now);
                assert_eq!(act(&world, &id, operation).await, allowed, "{i} of {operations:?}");
                let found = world.authority.license(&Sight::All, id.clone()).await.unwrap();
                let seen = Model {
                    status: found.license.status,
                    plan: PLANS.iter().position(|plan| *plan == found.plan.as_str()).unwrap(),
                    expires_at: found.license.expires_at.unwrap(),
                    revision: found.license.revision,
                    entries: entries(&world.authority, &id).await.len(),
                    hidden: found.license.archived_at.is_some(),
                };
                assert_eq!(seen, model, "{i} of {operations:?}");
            }
        }
    })
    .await;
}
