//! Changes, as streams and long polls send them.

use kaching_api::Changes;
use kaching_authority::changes::Change;
use kaching_base::Timestamp;

pub(crate) fn change(change: &Change, now: Option<Timestamp>) -> Changes {
    let Change { rev, epoch, refusal, within_ms, at } = change;
    Changes {
        rev: rev.unsigned_abs(),
        epoch: *epoch,
        refusal: refusal.clone(),
        within_ms: *within_ms,
        at: *at,
        now,
    }
}
