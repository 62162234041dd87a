//! An engine in the state that a test sets: nothing is verified, since nothing was signed.

use std::collections::BTreeMap;

use kaching_base::Timestamp;
use kaching_license::RefusalCode;

use super::{Contact, Engine, refusal::Stop};
use crate::{clock::Reading, grant::Grant};

impl Engine {
    /// Sets a grant, a refusal with its code and sentence, and whether the authority answers.
    pub(crate) fn fake(
        &mut self,
        grant: Option<Grant>,
        refused: Option<(RefusalCode, String)>,
        contact: bool,
        now: Reading,
    ) {
        if !self.time.is_set() {
            self.time.fresh(now.wall, now);
        }
        let iat = self.now(now);
        let stop =
            refused.map(|(code, detail)| Stop { code, detail, iat, epoch: 1, rev: None, statement: None });
        self.lease.fake(grant, stop);
        let lost = || Contact::Lost("a test has it offline".to_owned());
        self.calls.set_contact(if contact { Contact::Made } else { lost() });
    }

    /// A key was entered: an installation that was deactivated runs again.
    pub(crate) fn reactivate(&mut self) {
        self.deactivated = false;
    }

    /// Returns the time that a fake state begins at.
    pub(crate) fn fake_time(&self, now: Reading) -> Timestamp {
        if self.time.is_set() { self.now(now) } else { now.wall }
    }

    /// Returns all usage that was recorded.
    pub(crate) fn used(&self) -> BTreeMap<&str, u64> {
        self.outbox.usage().iter().map(|usage| (usage.meter.as_str(), usage.amount)).collect()
    }
}
