use kaching_base::Timestamp;
use kaching_db::Tx;
use kaching_domain::{License, Status, licenses::Present};

use crate::{Result, activations};

/// Returns the present use, without a query where the license has no active activation.
pub(crate) fn present(tx: &mut Tx<'_>, license: &License, now: Timestamp) -> Result<Present> {
    if license.status == Status::Revoked || license.active == 0 {
        return Ok(Present::default());
    }
    activations::sql::present(tx, license.id, now)
}
