//! Refusals that repeat the one before are counted in memory, and recorded by one entry a minute.

use std::{collections::BTreeMap, sync::Mutex};

use kaching_base::{ErrorCode, Timestamp};
use serde_json::{Map, json};

use crate::{
    Authority, Cx, Result,
    audit::{self, Entry},
};

/// The number of repeated refusals by minute and code. A process that is killed loses those of its last minute.
#[derive(Default)]
pub(crate) struct Repeated(Mutex<BTreeMap<i64, BTreeMap<ErrorCode, u64>>>);

impl Repeated {
    pub(crate) fn count(&self, now: Timestamp, code: ErrorCode) {
        let mut minutes = self.0.lock().expect("nothing panics while it is held");
        *minutes.entry(minute(now)).or_default().entry(code).or_default() += 1;
    }

    fn oldest_before(&self, now: Timestamp) -> Option<(i64, BTreeMap<ErrorCode, u64>)> {
        let mut minutes = self.0.lock().expect("nothing panics while it is held");
        let entry = minutes.first_entry().filter(|entry| *entry.key() < minute(now))?;
        Some(entry.remove_entry())
    }

    fn put_back(&self, at: i64, counts: BTreeMap<ErrorCode, u64>) {
        let mut minutes = self.0.lock().expect("nothing panics while it is held");
        let kept = minutes.entry(at).or_default();
        for (code, count) in counts {
            *kept.entry(code).or_default() += count;
        }
    }
}

fn minute(now: Timestamp) -> i64 {
    now.seconds().div_euclid(60)
}

/// Writes one entry for each minute that has passed. Returns how many.
pub(crate) async fn write_digests(authority: &Authority) -> Result<u64> {
    let mut written = 0;
    while let Some((at, counts)) = authority.refusals.oldest_before(authority.now()) {
        let repeated: Map<_, _> =
            counts.iter().map(|(code, count)| (code.to_string(), json!(count))).collect();
        let change = json!({ "minute": Timestamp::from_seconds(at * 60), "repeated": repeated });
        let done = authority.write("refusals.digest", Cx::system("refusals.digest"), move |tx, op| {
            audit::append(tx, op, "refusals.digest", None, Entry::ok(change.clone()))
        });
        if let Err(error) = done.await {
            authority.refusals.put_back(at, counts);
            return Err(error);
        }
        written += 1;
    }
    Ok(written)
}
