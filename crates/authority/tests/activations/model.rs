//! Random sequences of everything that moves slots, against a model that says what each answer must be.

use std::collections::BTreeMap;

use kaching_authority::domain::{licenses::Draft, terms::EditPolicy};
use kaching_base::{ErrorCode, Seconds, Timestamp};
use kaching_testkit::World;

use super::{
    credential::Random,
    setting::{Installation, Site, counts, refused},
};

const SLOTS: usize = 3;
const MOVES: usize = 4;

/// What becomes of one fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Until this moment without a heartbeat.
    Active(Timestamp),
    Superseded(Timestamp),
    Gone,
}

struct Model {
    fates: BTreeMap<usize, Fate>,
    moves: Vec<Timestamp>,
    now: Timestamp,
}

impl Model {
    fn holds(&self, who: usize) -> bool {
        matches!(self.fates.get(&who), Some(Fate::Active(until)) if self.now < *until)
    }

    fn held(&self) -> usize {
        self.fates.keys().filter(|who| self.holds(**who)).count()
    }

    fn extend(&mut self, who: usize) {
        let lapses_at = self.now + Seconds(900 + 259_200 + 60);
        self.fates.insert(who, Fate::Active(lapses_at));
    }

    fn activate(&mut self, who: usize, takeover: Option<usize>) -> Result<(), ErrorCode> {
        if matches!(self.fates.get(&who), Some(Fate::Superseded(_))) && takeover.is_none() {
            return Err(ErrorCode::ActivationSuperseded);
        }
        let moving = takeover.filter(|from| *from != who && self.holds(*from));
        let recent = self.moves.iter().filter(|at| **at > self.now - Seconds::days(30)).count();
        if moving.is_some() && recent >= MOVES {
            return Err(ErrorCode::MovesExhausted);
        }
        if !self.holds(who) && self.held() - usize::from(moving.is_some()) >= SLOTS {
            return Err(ErrorCode::ActivationLimitReached);
        }
        if let Some(from) = moving {
            self.moves.push(self.now);
            self.extend(who);
            let mut in_grace: Vec<_> = self
                .fates
                .iter()
                .filter_map(|(other, fate)| match fate {
                    Fate::Superseded(ends) if *ends > self.now => Some((*ends, *other)),
                    _ => None,
                })
                .collect();
            in_grace.sort();
            let excess = (in_grace.len() + 1).saturating_sub(SLOTS);
            for (_, other) in in_grace.into_iter().take(excess) {
                self.fates.insert(other, Fate::Superseded(self.now));
            }
            self.fates.insert(from, Fate::Superseded(self.now + Seconds(900)));
        }
        self.extend(who);
        Ok(())
    }

    fn heartbeat(&mut self, who: usize) -> Result<(), ErrorCode> {
        match self.fates[&who] {
            Fate::Superseded(ends) if self.now < ends => Ok(()),
            Fate::Superseded(_) => Err(ErrorCode::ActivationSuperseded),
            Fate::Gone => Err(ErrorCode::ActivationDeactivated),
            Fate::Active(_) if !self.holds(who) && self.held() >= SLOTS => {
                Err(ErrorCode::ActivationLimitReached)
            }
            Fate::Active(_) => {
                self.extend(who);
                Ok(())
            }
        }
    }

    fn deactivate(&mut self, who: usize) {
        let after = match self.fates[&who] {
            Fate::Superseded(ends) => Fate::Superseded(ends.min(self.now)),
            _ => Fate::Gone,
        };
        self.fates.insert(who, after);
    }
}

async fn run(world: &World, seed: u64) {
    let policy = EditPolicy { moves: Some(MOVES as i64), ..EditPolicy::default() };
    let site = Site::new(world, SLOTS as u64, Draft { policy, ..Draft::default() }).await;
    let mut random = Random(seed);
    let mut homes: Vec<_> = (0..8).map(|i| Installation::new(&format!("c{i}"))).collect();
    let mut model =
        Model { fates: BTreeMap::new(), moves: Vec::new(), now: Timestamp::from_seconds(1_795_305_600) };
    for step in 0..120 {
        let at = format!("seed {seed} on {:?}, step {step}", world.engine);
        // Whole seconds, so that the model's times are those of the leases.
        let longest = if random.below(5) == 0 { 200_000 } else { 900 };
        model.now = model.now + Seconds(1 + random.below(longest) as i64);
        world.clock.set(model.now);
        let who = random.below(8) as usize;
        let known = model.fates.contains_key(&who);
        match random.below(10) {
            0 | 1 if known => {
                homes[who].deactivate(world).await.unwrap();
                model.deactivate(who);
            }
            2..=4 if known => {
                let expected = model.heartbeat(who);
                let answer = homes[who].heartbeat(world).await.map(drop);
                assert_eq!(
                    answer.map_err(|refusal| refusal.refused.code),
                    expected,
                    "{at}: heartbeat of {who}"
                );
            }
            5 | 6 if model.fates.len() > 1 => {
                let from = *model.fates.keys().nth(random.below(model.fates.len() as u64) as usize).unwrap();
                let expected = model.activate(who, Some(from));
                let id = homes[from].id();
                let answer = homes[who].take_over(world, &site, id).await.map(drop);
                assert_eq!(
                    answer.map_err(|refusal| refusal.refused.code),
                    expected,
                    "{at}: {who} takes over {from}"
                );
            }
            7 => drop(world.authority.run_jobs().await.unwrap()),
            _ => {
                let expected = model.activate(who, None);
                let answer = homes[who].activate(world, &site).await;
                match expected {
                    Ok(()) => assert!(answer.is_ok(), "{at}: activation of {who}"),
                    Err(code) => assert_eq!(refused(answer), code, "{at}: activation of {who}"),
                }
            }
        }
        let (active, counted) = counts(world, &site).await;
        assert_eq!(active as usize, model.held(), "{at}: slots held");
        assert!(counted >= active as i64 && counted <= SLOTS as i64, "{at}: the row counts {counted}");
    }
}

#[tokio::test]
async fn slots_are_as_the_model_says() {
    World::each(|world| async move {
        for seed in 0..8 {
            run(&World::on(world.engine).await, seed).await;
        }
    })
    .await;
}
