//! An engine that stands as a test says: nothing is verified, since nothing was signed.

use std::{collections::BTreeMap, sync::Arc};

use kaching_api::Health;
use kaching_base::Timestamp;
use kaching_license::RefusalCode;

use super::{Contact, Engine, LastRefusal, record::Stop};
use crate::{clock::Reading, grant::Grant, spool::Report};

/// How an engine shall stand.
pub(crate) struct Scene {
    pub(crate) grant: Option<Grant>,
    /// Refused, with a code and a sentence.
    pub(crate) refused: Option<(RefusalCode, String)>,
    /// Whether the authority answers.
    pub(crate) contact: bool,
}

impl Engine {
    /// Stands so from now on.
    pub(crate) fn stand(&mut self, scene: Scene, now: Reading) {
        if !self.time.is_set() {
            self.time.fresh(now.wall, now);
        }
        let iat = self.now(now);
        let stop = scene.refused.map(|(code, detail)| Stop {
            code,
            detail,
            iat,
            epoch: 1,
            rev: None,
            statement: None,
        });
        self.refusal = stop.as_ref().map(LastRefusal::of_stop);
        self.record.stop = stop;
        self.grant = scene.grant.map(Arc::new);
        let lost = || Contact::Lost("a test has it offline".to_owned());
        self.contact = if scene.contact { Contact::Made } else { lost() };
    }

    /// An installation that was given up begins anew with a key that was entered.
    pub(crate) fn begin_anew(&mut self) {
        self.ended = false;
    }

    /// The time by which a scene is set.
    pub(crate) fn scene_time(&self, now: Reading) -> Timestamp {
        if self.time.is_set() { self.now(now) } else { now.wall }
    }

    /// All that was used.
    pub(crate) fn used(&self) -> BTreeMap<&str, u64> {
        self.record.usage.iter().map(|usage| (usage.meter.as_str(), usage.amount)).collect()
    }

    /// All that was reported, in order.
    pub(crate) fn reports(&self) -> &[Report] {
        &self.record.reports
    }

    /// How the product is, as it said last.
    pub(crate) fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }
}
