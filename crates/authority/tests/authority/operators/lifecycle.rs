//! Random sequences of operations on one license, against a model of a dozen lines.

use kaching_authority::{At, Renewal, Sight, Upgrade, domain::Status};
use kaching_base::{Seconds, Timestamp};
use kaching_testkit::World;
use proptest::{prelude::*, strategy::ValueTree as _};

use super::setting::{cx, entries, furnish, made};

#[derive(Clone, Debug)]
enum Deed {
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

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Suspend),
        4 => Just(Deed::Reinstate),
        1 => Just(Deed::Revoke),
        1 => Just(Deed::Delete),
        3 => (-1i64..400).prop_map(Deed::Renew),
        4 => (0usize..3).prop_map(Deed::Upgrade),
        2 => Just(Deed::Rekey),
        3 => (1i64..200).prop_map(Deed::Wait),
    ]
}

/// What should have become of the license.
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
    /// Whether the deed is allowed; what it changes.
    fn follow(&mut self, deed: &Deed, now: Timestamp) -> bool {
        let alive = self.status != Status::Revoked;
        let (allowed, raises) = match deed {
            Deed::Suspend => (self.status == Status::Active, true),
            Deed::Reinstate => (self.status == Status::Suspended, true),
            Deed::Revoke => (alive, true),
            Deed::Delete => (true, alive),
            Deed::Renew(days) if *days < 1 => return false,
            Deed::Renew(_) => (alive, true),
            Deed::Upgrade(plan) => (alive && *plan != self.plan, true),
            Deed::Rekey => (alive, false),
            Deed::Wait(_) => return true,
        };
        if matches!(deed, Deed::Delete) && self.hidden {
            return true;
        }
        // A refusal is an entry, too.
        self.entries += 1;
        if !allowed {
            return false;
        }
        self.revision += i64::from(raises);
        match deed {
            Deed::Suspend => self.status = Status::Suspended,
            Deed::Reinstate => self.status = Status::Active,
            Deed::Revoke | Deed::Delete => self.status = Status::Revoked,
            Deed::Renew(days) => self.expires_at = self.expires_at.max(now).plus_days(*days),
            Deed::Upgrade(plan) => self.plan = *plan,
            Deed::Rekey | Deed::Wait(_) => {}
        }
        self.hidden |= matches!(deed, Deed::Delete);
        true
    }
}

async fn act(world: &World, id: &str, deed: &Deed) -> bool {
    let (authority, id) = (&world.authority, id.to_owned());
    let done = match deed {
        Deed::Suspend => authority.suspend_license(cx(), id, "unpaid".to_owned()).await,
        Deed::Reinstate => authority.reinstate_license(cx(), id).await,
        Deed::Revoke => authority.revoke_license(cx(), id.clone(), id).await,
        Deed::Delete => authority.delete_license(cx(), id).await,
        Deed::Renew(days) => {
            authority
                .renew_license(
                    cx(),
                    id,
                    Renewal { term: Some(kaching_base::Term::of_days(*days).unwrap()), ..Renewal::default() },
                )
                .await
        }
        Deed::Upgrade(plan) => {
            let upgrade = Upgrade { plan: PLANS[*plan].to_owned(), at: At::Now, force: false };
            authority.upgrade_license(cx(), id, upgrade).await
        }
        Deed::Rekey => authority.rekey_license(cx(), id, 60).await,
        Deed::Wait(days) => {
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
        let deeds = proptest::collection::vec(deed(), 1..25);
        for _ in 0..40 {
            let deeds = deeds.new_tree(&mut runner).unwrap().current();
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
            for (i, deed) in deeds.iter().enumerate() {
                let now = kaching_authority::Clock::now(&*world.clock);
                let allowed = model.follow(deed, now);
                assert_eq!(act(&world, &id, deed).await, allowed, "{i} of {deeds:?}");
                let found = world.authority.license(&Sight::All, id.clone()).await.unwrap();
                let seen = Model {
                    status: found.license.status,
                    plan: PLANS.iter().position(|plan| *plan == found.plan.as_str()).unwrap(),
                    expires_at: found.license.expires_at.unwrap(),
                    revision: found.license.revision,
                    entries: entries(&world.authority, &id).await.len(),
                    hidden: found.license.archived_at.is_some(),
                };
                assert_eq!(seen, model, "{i} of {deeds:?}");
            }
        }
    })
    .await;
}
