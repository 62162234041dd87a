//! Applies a plan's present terms to licenses of the plan.

use kaching_base::{ErrorCode, LicenseId, PlanId};
use kaching_db::Tx;
use kaching_domain::{Plan, Refused, licenses::apply_plan};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Applied, Apply, ApplyPlan,
    preview::{NAMED, is_below},
};
use crate::{
    Authority, Cx, Error, Op, Result,
    address::split,
    audit::{self, Entry},
    jobs::{Job, JobError, Next},
    licenses::{self, audit_view::terms},
};

/// The job that gives a plan's terms to licenses: what it has still to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ApplyJob {
    plan: PlanId,
    /// The licenses that were chosen; `None` for all of the plan.
    chosen: Option<Vec<LicenseId>>,
    /// The last license that was processed.
    after: Option<LicenseId>,
    #[serde(default)]
    force: bool,
}

/// Different changes that an answer lists at most.
const LISTED: usize = 100;
/// Different changes that an audit entry lists, which has less room.
const RECORDED: usize = 3;

/// Licenses of one transaction.
const BATCH: usize = 50;

impl Authority {
    /// Applies the plan's present terms to licenses of the plan. Their own overrides stay.
    ///
    /// The terms are compared with the use of the licenses first. A license whose use grows above the terms before its
    /// turn comes is left as it is, with an audit entry.
    ///
    /// # Errors
    /// If there is no such plan, one of the licenses is not there or has another plan, or more is in use than the terms
    /// allow and that is not forced.
    pub async fn apply_plan(&self, cx: Cx, address: String, apply: ApplyPlan) -> Result<Applied> {
        let ApplyPlan { to, force } = apply;
        // Each renewal compares for itself.
        let checked = !force && to != Apply::Renewing;
        let preview = self.preview_plan(address.clone(), to.clone(), checked).await?;
        self.write("plans.apply", cx, move |tx, op| {
            let (product, code) = split(&address, "plan")?;
            let details = super::sql::lock_by_address(tx, product, code)?
                .ok_or_else(|| super::unknown(product, code))?;
            op.on("plan.apply", details.plan.id);
            op.check_version(&details)?;
            let plan = details.plan;
            if plan != preview.plan {
                let detail = "the plan was changed at the same moment: look at it, and apply it again";
                return Err(Refused::new(ErrorCode::PreconditionFailed, detail).into());
            }
            let (word, licenses) = match &to {
                Apply::All => ("all", licenses::sql::count_of_plan(tx, plan.id)?),
                Apply::Renewing => ("renewing", licenses::sql::count_of_plan(tx, plan.id)?),
                Apply::Licenses(ids) => ("licenses", check_all(tx, plan.id, ids)?),
            };
            if checked && !preview.below.is_empty() {
                return Err(below_present_use(&preview.below).into());
            }
            if to != Apply::Renewing {
                let chosen = if let Apply::Licenses(ids) = &to { Some(ids.clone()) } else { None };
                op.enqueue(tx, &ApplyJob { plan: plan.id, chosen, after: None, force })?;
            }
            let recorded = preview.changes.iter().take(RECORDED);
            let recorded: Vec<_> = recorded
                .map(|(change, count)| json!({ "licenses": count, "terms": terms(change) }))
                .collect();
            op.audit(tx, Entry::ok(json!({ "to": word, "licenses": licenses, "changes": recorded })))?;
            Ok(Applied { licenses, changes: preview.changes.iter().take(LISTED).cloned().collect() })
        })
        .await
    }
}

fn below_present_use(licenses: &[LicenseId]) -> Refused {
    let names = licenses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = if licenses.len() < NAMED { "" } else { " and perhaps others" };
    let detail = format!(
        "more is in use than the plan's terms allow, of {names}{more}: have it reduced, apply the plan to other \
         licenses, or force it"
    );
    Refused::new(ErrorCode::BelowPresentUse, detail)
}

fn check_all(tx: &mut Tx<'_>, plan: PlanId, ids: &[LicenseId]) -> Result<u64> {
    if ids.is_empty() || ids.len() > 1000 {
        return Err(Error::invalid("/to", "name 1 to 1000 licenses, or all, or renewing"));
    }
    for (i, id) in ids.iter().enumerate() {
        let pointer = format!("/to/{i}");
        let Some(license) = licenses::sql::by_id(tx, *id)? else {
            return Err(Error::not_found(format!("license {id}")));
        };
        if license.plan != plan {
            return Err(Error::invalid(
                &pointer,
                format!("the license {id} has another plan; upgrade it instead"),
            ));
        }
        if license.status == kaching_domain::Status::Revoked {
            return Err(Refused::new(ErrorCode::WrongState, format!("the license {id} is revoked")).into());
        }
    }
    Ok(ids.len() as u64)
}

impl Job for ApplyJob {
    const KIND: &'static str = "jobs.apply_plan";

    /// The licenses of one step.
    type Prepared = Vec<LicenseId>;
    type Performed = Vec<LicenseId>;

    fn prepare(&self, tx: &mut Tx<'_>, _: &mut Op) -> Result<Vec<LicenseId>> {
        match &self.chosen {
            Some(ids) => Ok(ids.iter().take(BATCH).copied().collect()),
            None => licenses::sql::of_plan(tx, self.plan, self.after, BATCH),
        }
    }

    async fn perform(
        &self,
        _: &Authority,
        batch: Vec<LicenseId>,
    ) -> std::result::Result<Vec<LicenseId>, JobError> {
        Ok(batch)
    }

    /// Gives the terms to the licenses of this step.
    fn settle(&self, tx: &mut Tx<'_>, op: &mut Op, batch: &Vec<LicenseId>) -> Result<Next<Self>> {
        let Some(plan) = super::sql::by_id(tx, self.plan)? else { return Ok(Next::Done) };
        for id in batch {
            self.apply(tx, op, &plan, *id)?;
        }
        let rest = self.chosen.as_ref().map(|ids| ids[batch.len()..].to_vec());
        let is_last = rest.as_ref().map_or(batch.len() < BATCH, Vec::is_empty);
        if is_last {
            return Ok(Next::Done);
        }
        Ok(Next::Step(Self { chosen: rest, after: batch.last().copied(), ..self.clone() }))
    }
}

impl ApplyJob {
    fn apply(&self, tx: &mut Tx<'_>, op: &mut Op, plan: &Plan, id: LicenseId) -> Result<()> {
        let Some(license) = licenses::sql::lock_by_id(tx, id)? else { return Ok(()) };
        // It may have changed to another plan since it was chosen.
        if license.plan != plan.id {
            return Ok(());
        }
        let Some(changed) = apply_plan(&license, plan, op.now) else { return Ok(()) };
        if !self.force && is_below(tx, &license, &changed, op.now)? {
            let entry = Entry::refused(ErrorCode::BelowPresentUse).of_customer(license.customer);
            return audit::append(tx, op, "license.apply_plan", Some(license.id.to_string()), entry);
        }
        licenses::record(tx, op, "license.apply_plan", &license, &changed)
    }
}
