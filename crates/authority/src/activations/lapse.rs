use kaching_base::{ActivationId, LicenseId, Seconds};

use super::{slots::write_lapse, sql};
use crate::{Authority, Cx, Error, Result, jobs::Progress, licenses};

/// Steps of one call: with millions of activations some hundreds are due in every second.
const STEPS: u64 = 64;
const PUT_OFF: Seconds = Seconds(3600);

/// Records the activations that have lapsed, a bounded number at a time. Nearly all have had heartbeats since: they are
/// checked again when they would lapse, which is written for many of them together. Returns how many were checked.
pub(crate) async fn lapse_due(authority: &Authority) -> Result<Progress> {
    let mut progress = Progress::default();
    for _ in 0..STEPS {
        let due = authority.read("activations.to_check", sql::to_check).await?;
        let all = (due.len() as u64) < sql::TO_CHECK.unsigned_abs();
        check(authority, due, &mut progress).await?;
        if all {
            break;
        }
    }
    Ok(progress)
}

async fn check(authority: &Authority, due: Vec<sql::Due>, progress: &mut Progress) -> Result<()> {
    let (living, lapsed): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| due.lives_on);
    if !living.is_empty() {
        progress.done += living.len() as u64;
        let ids: Vec<_> = living.into_iter().map(|due| due.id).collect();
        authority
            .write("activations.check_again", Cx::system("activations.check_again"), move |tx, op| {
                sql::check_again(tx, &ids, op.now)
            })
            .await?;
    }
    for sql::Due { id, license, .. } in lapsed {
        let lapsed = lapse(authority, id, license).await;
        if lapsed.as_ref().is_err_and(Error::concerns_one_item) {
            postpone(authority, id).await?;
        }
        progress.item(id, lapsed)?;
    }
    Ok(())
}

async fn lapse(authority: &Authority, id: ActivationId, license: LicenseId) -> Result<()> {
    authority
        .write("activations.lapse", Cx::system("activations.lapse"), move |tx, op| {
            let Some(license) = licenses::sql::lock_by_id(tx, license)? else { return Ok(()) };
            let Some(activation) = sql::lock_by_id(tx, id)? else { return Ok(()) };
            if write_lapse(tx, op, &license, &activation)? {
                licenses::sql::set_active(tx, license.id, license.active - 1)
            } else {
                // A heartbeat came in the meantime, or its slot was freed in another way.
                sql::check_again(tx, &[id], op.now)?;
                sql::stop_checking(tx, id)
            }
        })
        .await
}

/// Checks an activation that could not be lapsed again in an hour, so that it delays no other.
async fn postpone(authority: &Authority, id: ActivationId) -> Result<()> {
    authority
        .write("activations.put_off", Cx::system("activations.lapse"), move |tx, op| {
            sql::set_check_at(tx, id, op.now + PUT_OFF)
        })
        .await
}

/// Deletes the nonces and refusals of more than a day ago, a bounded number at a time. Returns how many.
pub(crate) async fn forget_nonces(authority: &Authority) -> Result<u64> {
    authority
        .write("activations.forget", Cx::system("activations.forget"), |tx, op| sql::forget(tx, op.now))
        .await
}
