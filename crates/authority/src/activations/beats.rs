//! Heartbeats that wait at the same time and change nothing but times: read together, decided each for itself, and
//! written together.

mod grounds;
pub(super) mod sql;

use std::{collections::HashMap, sync::Arc};

use kaching_base::{ActivationId, Timestamp};
use kaching_db::{self as db, BatchLimits, Db, Engine, Tx, WriteBatcher};
use kaching_domain::activations::heartbeat::{self as rules, Answered, HeartbeatOutcome};

use super::{
    Heartbeat,
    heartbeat::{Kept, moves_only, request_of},
};
use crate::statements::Around;

pub(crate) use grounds::Grounds;
use sql::Stood;

/// The heartbeats that wait.
pub(crate) type Beats = WriteBatcher<Beat, Option<Box<Kept>>>;

/// A heartbeat, with the moment and the statement's id that it would have on its own.
pub(crate) struct Beat {
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) address: Option<String>,
    pub(super) now: Timestamp,
    pub(super) jti: [u8; 16],
}

/// Two transactions, so that one gathers while the other commits.
fn limits(engine: Engine) -> BatchLimits {
    let (min_inputs, max_inputs) = match engine {
        Engine::Sqlite => (24, 256),
        // The ways to the server and back are most of what a transaction costs, so more share one. With yet more in it,
        // few connections would fill one transaction and leave nothing to the other.
        Engine::Postgres => (32, 64),
    };
    BatchLimits { min_inputs, max_inputs, transactions: 2, queue: 4096 }
}

/// Gathers heartbeats for this database.
pub(crate) fn gather(db: &Db, grounds: Arc<Grounds>) -> Beats {
    WriteBatcher::new(db, "activations.heartbeats", limits(db.engine()), move |tx, beats| {
        hear_all(tx, beats, &grounds)
    })
}

/// Answers each with the lease that it gets; with nothing where there is more to it, which has then to be heard on
/// its own: nothing is written for those.
fn hear_all(tx: &mut Tx<'_>, beats: &[Beat], grounds: &Grounds) -> db::Result<Vec<Option<Box<Kept>>>> {
    let mut answers: Vec<Option<Box<Kept>>> = beats.iter().map(|_| None).collect();
    let places = first_of_each(beats);
    let stood = sql::lock(tx, places.keys().copied())?;
    let licenses: Vec<_> = stood.iter().map(|stood| stood.license).collect();
    let around = grounds.around(tx, &licenses)?;
    for (stood, around) in stood.into_iter().zip(around) {
        let place = places[&stood.activation.id];
        answers[place] = around.and_then(|around| hear(&beats[place], stood, around)).map(Box::new);
    }
    sql::beat_all(tx, answers.iter().flatten().map(|kept| &kept.activation))?;
    Ok(answers)
}

/// Where the first heartbeat of each activation stands: a second one has to see what the first one wrote.
fn first_of_each(beats: &[Beat]) -> HashMap<ActivationId, usize> {
    let mut places = HashMap::with_capacity(beats.len());
    for (place, beat) in beats.iter().enumerate() {
        places.entry(beat.heartbeat.proof.authorization.activation).or_insert(place);
    }
    places
}

/// Decides one: granted, where nothing else changes than what every heartbeat moves.
fn hear(beat: &Beat, stood: Stood, around: Arc<Around>) -> Option<Kept> {
    let Beat { heartbeat, address, now, jti } = beat;
    let (before, license) = (stood.activation, &around.license);
    let due = license.scheduled.as_ref().is_some_and(|change| change.at <= *now);
    let quiet =
        heartbeat.usage.is_empty() && (heartbeat.health.is_none() || heartbeat.health == stood.health);
    if due || !quiet {
        return None;
    }
    let (request, warnings) = request_of(heartbeat, &before, &around.terms.limits, address.clone());
    if request.generation != before.credential.generation {
        return None;
    }
    let situation = rules::HeartbeatContext {
        license,
        product: &around.names.product,
        activation: &before,
        displaced: None,
        free_slot: None,
        now: *now,
    };
    let HeartbeatOutcome::Answered(answered) = rules::heartbeat(&request, &situation) else { return None };
    let Answered { activation, answer, .. } = *answered;
    let times = answer.ok()?;
    let active = stood.license.active;
    moves_only(&before, &activation).then_some(Kept {
        around,
        active,
        activation,
        times,
        warnings,
        jti: *jti,
    })
}
