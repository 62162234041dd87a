use super::{slots::write_lapse, sql};
use crate::{Authority, Cx, Result, licenses};

/// Writes down what lapsed, a bounded number at a time; those that live on are looked at again when they would
/// lapse. How many were looked at.
pub(crate) async fn lapse_due(authority: &Authority) -> Result<u64> {
    let due = authority.read("activations.to_check", sql::to_check).await?;
    let looked_at = due.len() as u64;
    for (id, license) in due {
        authority
            .write("activations.lapse", Cx::system("activations.lapse"), move |tx, op| {
                let Some(license) = licenses::sql::lock_by_id(tx, license)? else { return Ok(()) };
                let Some(activation) = sql::lock_by_id(tx, id)? else { return Ok(()) };
                if write_lapse(tx, op, &license, &activation)? {
                    licenses::sql::set_active(tx, license.id, license.active - 1)
                } else {
                    sql::check_again(tx, &activation)
                }
            })
            .await?;
    }
    Ok(looked_at)
}

/// Forgets the nonces and refusals of more than a day ago, a bounded number at a time. How many.
pub(crate) async fn forget_nonces(authority: &Authority) -> Result<u64> {
    authority
        .write("activations.forget", Cx::system("activations.forget"), |tx, op| sql::forget(tx, op.now))
        .await
}
