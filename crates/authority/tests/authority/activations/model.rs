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

/// The state of one fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Until this moment without a heartbeat.
    Active(Timestamp),
    /// Given back without a move left: its slot is held until this moment, by nobody's credential.
    Held(Timestamp),
    Superseded,
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Home {
    fate: Fate,
    /// Until when a lease runs that an earlier activation of the fingerprint was given.
    displaced: Option<Timestamp>,
    /// The end of its last move grace.
    grace: Option<Timestamp>,
}

struct Model {
    homes: BTreeMap<usize, Home>,
    moves: Vec<Timestamp>,
    now: Timestamp,
}

impl Model {
    fn holds(&self, who: usize) -> bool {
        let fate = self.homes.get(&who).map(|home| home.fate);
        matches!(fate, Some(Fate::Active(until) | Fate::Held(until)) if self.now < until)
    }

    fn held(&self) -> usize {
        self.homes.keys().filter(|who| self.holds(**who)).count()
    }

    fn lapses_at(&self) -> Timestamp {
        self.now + Seconds(900 + 259_200 + 60)
    }

    fn has_move(&self) -> bool {
        self.moves.iter().filter(|at| **at > self.now - Seconds::days(30)).count() < MOVES
    }

    fn displaced(&self, who: usize) -> Option<Timestamp> {
        self.homes.get(&who)?.displaced.filter(|until| *until > self.now)
    }

    /// So many are in move grace that one more of them is one too many.
    fn cut_short(&mut self, but: Option<usize>) {
        let mut in_grace: Vec<_> = self
            .homes
            .iter()
            .filter_map(|(who, home)| {
                Some((home.grace.filter(|ends| *ends > self.now && Some(*who) != but)?, *who))
            })
            .collect();
        in_grace.sort();
        let excess = (in_grace.len() + 1).saturating_sub(SLOTS);
        for (_, who) in in_grace.into_iter().take(excess) {
            self.homes.get_mut(&who).unwrap().grace = Some(self.now);
        }
    }

    fn activate(&mut self, who: usize, moves_from: Option<usize>) -> Result<(), ErrorCode> {
        let fate = self.homes.get(&who).map(|home| home.fate);
        if fate == Some(Fate::Superseded) && moves_from.is_none() {
            return Err(ErrorCode::ActivationSuperseded);
        }
        let moving = moves_from.filter(|from| *from != who && self.holds(*from));
        if moving.is_some() && !self.has_move() {
            return Err(ErrorCode::MovesExhausted);
        }
        if !self.holds(who) && self.held() - usize::from(moving.is_some()) >= SLOTS {
            return Err(ErrorCode::ActivationLimitReached);
        }
        let runs = match fate {
            Some(Fate::Active(until)) if self.holds(who) => Some(until - Seconds(60)),
            _ => None,
        };
        let grace =
            self.homes.get(&who).and_then(|home| home.grace).filter(|_| fate != Some(Fate::Superseded));
        let displaced = runs.max(self.displaced(who));
        self.homes.insert(who, Home { fate: Fate::Active(self.lapses_at()), displaced, grace });
        if let Some(from) = moving {
            self.moves.push(self.now);
            self.cut_short(None);
            let from = self.homes.get_mut(&from).unwrap();
            (from.fate, from.grace) = (Fate::Superseded, Some(self.now + Seconds(900)));
        }
        Ok(())
    }

    fn heartbeat(&mut self, who: usize) -> Result<(), ErrorCode> {
        let Home { fate, grace, .. } = self.homes[&who];
        match fate {
            Fate::Superseded if grace.is_some_and(|ends| self.now < ends) => Ok(()),
            Fate::Superseded => Err(ErrorCode::ActivationSuperseded),
            Fate::Held(_) => Err(ErrorCode::CredentialInvalid),
            Fate::Gone => Err(ErrorCode::ActivationDeactivated),
            Fate::Active(_) if !self.holds(who) && self.held() >= SLOTS => {
                Err(ErrorCode::ActivationLimitReached)
            }
            Fate::Active(_) => {
                self.homes.get_mut(&who).unwrap().fate = Fate::Active(self.lapses_at());
                Ok(())
            }
        }
    }

    fn deactivate(&mut self, who: usize) -> Result<(), ErrorCode> {
        let displaced = self.displaced(who);
        let (has_move, now) = (self.has_move(), self.now);
        let home = self.homes.get_mut(&who).unwrap();
        match (home.fate, displaced) {
            (Fate::Held(_), _) => return Err(ErrorCode::CredentialInvalid),
            (Fate::Superseded, None) => home.grace = home.grace.map(|ends| ends.min(now)),
            (Fate::Active(_), None) => home.fate = Fate::Gone,
            (Fate::Active(_), Some(until)) if has_move => {
                *home = Home { fate: Fate::Gone, displaced: None, grace: None };
                self.moves.push(now);
                self.cut_short(Some(who));
                self.homes.get_mut(&who).unwrap().grace = Some(until.min(now + Seconds(900)));
            }
            (Fate::Active(_), Some(until)) => home.fate = Fate::Held(until + Seconds(60)),
            (Fate::Superseded | Fate::Gone, _) => {}
        }
        Ok(())
    }
}

async fn run(world: &World, seed: u64) {
    let policy = EditPolicy { moves: Some(MOVES as i64), ..EditPolicy::default() };
    let site = Site::new(world, SLOTS as u64, Draft { policy, ..Draft::default() }).await;
    let mut random = Random(seed);
    let mut homes: Vec<_> = (0..8).map(|i| Installation::new(&format!("c{i}"))).collect();
    let mut model =
        Model { homes: BTreeMap::new(), moves: Vec::new(), now: Timestamp::from_seconds(1_795_305_600) };
    for step in 0..120 {
        let at = format!("seed {seed} on {:?}, step {step}", world.engine);
        // Whole seconds, so that the model's times are those of the leases.
        let longest = if random.below(5) == 0 { 200_000 } else { 900 };
        model.now = model.now + Seconds(1 + random.below(longest) as i64);
        world.clock.set(model.now);
        let who = random.below(8) as usize;
        let known = model.homes.contains_key(&who);
        match random.below(10) {
            0 | 1 if known => {
                let expected = model.deactivate(who);
                assert_eq!(homes[who].deactivate(world).await, expected, "{at}: {who} gives back");
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
            5 | 6 if model.homes.len() > 1 => {
                let from = *model.homes.keys().nth(random.below(model.homes.len() as u64) as usize).unwrap();
                let expected = model.activate(who, Some(from));
                let id = homes[from].id();
                let answer = homes[who].move_from(world, &site, id).await.map(drop);
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
async fn slots_agree_with_the_model() {
    World::each(|world| async move {
        for seed in 0..8 {
            run(&World::on(world.engine).await, seed).await;
        }
    })
    .await;
}
