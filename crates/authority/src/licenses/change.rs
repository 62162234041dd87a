use kaching_base::{Term, Timestamp};
use kaching_db::Tx;
use kaching_domain::{
    License, TermsChange,
    licenses::{self as rules, At, ChangePlan, EditLicense, Renew, RenewLicense},
};

use super::{LicenseDetails, apply_due, details::details, id, present::present, record, sql, unknown};
use crate::{Authority, Cx, Error, Op, Result, Sight, customers, plans, products};

/// A change to another plan of the product, up or down.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The plan's code.
    pub plan: String,
    pub at: At,
    /// Also below present use.
    pub force: bool,
}

/// A renewal: by a term, to a date, or by the plan's term.
#[derive(Clone, Copy, Debug, Default)]
pub struct Renewal {
    pub term: Option<Term>,
    pub expires_at: Option<Timestamp>,
    /// Also where the plan's terms are below present use.
    pub force: bool,
}

impl Authority {
    /// Changes the members that are given. Terms are given as they should be, and stored as overrides of the plan's.
    ///
    /// # Errors
    /// If there is no such license, a part makes no sense, or it is revoked and more than its labels change.
    pub async fn edit_license(&self, cx: Cx, address: String, edit: EditLicense) -> Result<LicenseDetails> {
        self.change_license("licenses.edit", "license.edit", cx, address, move |tx, op, license| {
            let known = products::sql::feature_codes(tx, license.product)?;
            let present = present(tx, license, op.now)?;
            Ok(rules::edit(license, &known, &edit, &present, op.now)?)
        })
        .await
    }

    /// Stops a license until it is reinstated.
    ///
    /// # Errors
    /// If there is no such license, no reason, or it is not active.
    pub async fn suspend_license(&self, cx: Cx, address: String, reason: String) -> Result<LicenseDetails> {
        self.change_license("licenses.suspend", "license.suspend", cx, address, move |_, op, license| {
            Ok(rules::suspend(license, &reason, op.now)?)
        })
        .await
    }

    /// Lets a suspended license run again.
    ///
    /// # Errors
    /// If there is no such license, or it is not suspended.
    pub async fn reinstate_license(&self, cx: Cx, address: String) -> Result<LicenseDetails> {
        self.change_license("licenses.reinstate", "license.reinstate", cx, address, |_, op, license| {
            Ok(rules::reinstate(license, op.now)?)
        })
        .await
    }

    /// Stops a license for good; `confirm` is its id.
    ///
    /// # Errors
    /// If there is no such license, the confirmation is another, or it is revoked already.
    pub async fn revoke_license(&self, cx: Cx, address: String, confirm: String) -> Result<LicenseDetails> {
        self.change_license("licenses.revoke", "license.revoke", cx, address, move |_, op, license| {
            Ok(rules::revoke(license, &confirm, op.now)?)
        })
        .await
    }

    /// Revokes a license if it is not, and hides it. Doing it again changes nothing.
    ///
    /// # Errors
    /// If there is no such license.
    pub async fn delete_license(&self, cx: Cx, address: String) -> Result<LicenseDetails> {
        self.change_license("licenses.delete", "license.delete", cx, address, |_, op, license| {
            Ok(rules::delete(license, op.now).unwrap_or_else(|| license.clone()))
        })
        .await
    }

    /// Changes the plan of a license, now or at the period's end. A change to its present plan cancels a scheduled one.
    ///
    /// # Errors
    /// If there is no such license or plan, the license is revoked, or more is in use than the plan allows.
    pub async fn upgrade_license(&self, cx: Cx, address: String, upgrade: Upgrade) -> Result<LicenseDetails> {
        self.change_license("licenses.upgrade", "license.upgrade", cx, address, move |tx, op, license| {
            let from = present_plan(tx, license)?;
            let to = plans::sql::by_code(tx, license.product, &upgrade.plan)?.ok_or_else(|| match upgrade
                .plan
                .parse::<kaching_base::Code>()
            {
                Ok(code) => Error::not_found(format!("plan {code} of this license's product")),
                Err(_) => Error::not_found("such plan"),
            })?;
            let change = ChangePlan { at: upgrade.at, force: upgrade.force };
            let present = present(tx, license, op.now)?;
            Ok(rules::change_plan(license, &from, &to, change, &present, op.now)?)
        })
        .await
    }

    /// Moves a license's end date, and copies the terms that its plan has now.
    ///
    /// # Errors
    /// If there is no such license, it is revoked or has no end, the date makes no sense or is before the present end,
    /// or more is in use than the plan allows now.
    pub async fn renew_license(&self, cx: Cx, address: String, renewal: Renewal) -> Result<LicenseDetails> {
        self.change_license("licenses.renew", "license.renew", cx, address, move |tx, op, license| {
            let reach = match renewal {
                Renewal { term: Some(_), expires_at: Some(_), .. } => {
                    return Err(Error::invalid("/expires_at", "give a term or an end date, not both"));
                }
                Renewal { term: Some(term), .. } => Renew::Term(term),
                Renewal { expires_at: Some(at), .. } => Renew::Until(at),
                Renewal { .. } => Renew::Plan,
            };
            let plan = present_plan(tx, license)?;
            let renew = RenewLicense { reach, force: renewal.force };
            let present = present(tx, license, op.now)?;
            Ok(rules::renew(license, &plan, renew, &present, op.now)?)
        })
        .await
    }

    /// Gives a license to another customer.
    ///
    /// # Errors
    /// If there is no such license or customer, the license is revoked, or the customer has it or is archived.
    pub async fn transfer_license(
        &self,
        cx: Cx,
        address: String,
        customer: String,
    ) -> Result<LicenseDetails> {
        self.change_license("licenses.transfer", "license.transfer", cx, address, move |tx, op, license| {
            let customer = customers::find(tx, &Sight::All, &customer)?;
            Ok(rules::transfer(license, &customer, op.now)?)
        })
        .await
    }

    /// Locks the license, applies a change that is due, decides, and writes the decision.
    async fn change_license(
        &self,
        name: &'static str,
        action: &'static str,
        cx: Cx,
        address: String,
        mut decide: impl FnMut(&mut Tx<'_>, &mut Op, &License) -> Result<License> + Send + 'static,
    ) -> Result<LicenseDetails> {
        self.write(name, cx, move |tx, op| {
            let before = lock(tx, op, &address, action)?;
            let after = decide(tx, op, &before)?;
            if after != before {
                record(tx, op, action, &before, &after)?;
            }
            let change = TermsChange::between(&before.terms(), &after.terms());
            let details = details(tx, after, op.now)?;
            Ok(LicenseDetails { change: Some(change).filter(|change| !change.is_empty()), ..details })
        })
        .await
    }
}

/// Locks the license of this address, names it as the subject, and applies a change that is due.
pub(super) fn lock(tx: &mut Tx<'_>, op: &mut Op, address: &str, action: &'static str) -> Result<License> {
    let id = id(address)?;
    let license = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
    op.on(action, id);
    let license = apply_due(tx, op, license)?;
    op.check_version(&license)?;
    Ok(license)
}

fn present_plan(tx: &mut Tx<'_>, license: &License) -> Result<kaching_domain::Plan> {
    plans::sql::by_id(tx, license.plan)?
        .ok_or_else(|| Error::Failure("a license's plan is missing".to_owned()))
}
