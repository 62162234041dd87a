use kaching_base::{ErrorCode, Timestamp};

use crate::{Customer, Invalid, License, Refused, Rejected, Status, check_prose};

/// Stops the license until it is reinstated.
///
/// # Errors
/// If no reason is given, or the license is suspended or revoked.
pub fn suspend(license: &License, reason: &str, now: Timestamp) -> Result<License, Rejected> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Invalid::new("/reason", "say why: the customer reads the reason").into());
    }
    check_prose("/reason", reason, 1000)?;
    license.living()?;
    if license.status == Status::Suspended {
        return Err(Refused::new(ErrorCode::WrongState, "the license is suspended already").into());
    }
    let suspended_reason = Some(reason.to_owned());
    Ok(License { status: Status::Suspended, suspended_reason, ..license.clone() }.raised(now))
}

/// Lets a suspended license run again.
///
/// # Errors
/// If it is not suspended.
pub fn reinstate(license: &License, now: Timestamp) -> Result<License, Refused> {
    license.living()?;
    if license.status == Status::Active {
        return Err(Refused::new(
            ErrorCode::WrongState,
            "the license is active: only a suspended one is reinstated",
        ));
    }
    Ok(License { status: Status::Active, suspended_reason: None, ..license.clone() }.raised(now))
}

/// Stops the license for good; `confirm` is its id, typed once more.
///
/// # Errors
/// If the confirmation is another, or it is revoked already.
pub fn revoke(license: &License, confirm: &str, now: Timestamp) -> Result<License, Rejected> {
    if confirm != license.id.to_string() {
        let detail = format!("revoking is final: confirm it with the license's id, {}", license.id);
        return Err(Invalid::new("/confirm", detail).into());
    }
    license.living()?;
    Ok(revoked(license).raised(now))
}

/// Revokes the license if it is not, and hides it. Nothing if that was done before.
pub fn delete(license: &License, now: Timestamp) -> Option<License> {
    if license.archived_at.is_some() {
        return None;
    }
    let hidden = License { archived_at: Some(now), updated_at: now, ..revoked(license) };
    Some(if license.status == Status::Revoked { hidden } else { hidden.raised(now) })
}

fn revoked(license: &License) -> License {
    License { status: Status::Revoked, scheduled: None, suspended_reason: None, ..license.clone() }
}

/// Gives the license to another customer.
///
/// # Errors
/// If it is revoked, or the customer has it already or is archived.
pub fn transfer(license: &License, customer: &Customer, now: Timestamp) -> Result<License, Refused> {
    license.living()?;
    if license.customer == customer.id {
        return Err(Refused::new(ErrorCode::WrongState, "the customer has this license already"));
    }
    if customer.archived_at.is_some() {
        return Err(Refused::new(ErrorCode::WrongState, "the customer is archived: it gets no license"));
    }
    Ok(License { customer: customer.id, updated_at: now, ..license.clone() })
}
