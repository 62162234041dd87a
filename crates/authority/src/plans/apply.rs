//! Gives a plan's present terms to licenses that have it.

use kaching_base::{ErrorCode, LicenseId, PlanId};
use kaching_db::Tx;
use kaching_domain::{Plan, Refused, TermsChange, licenses::apply_plan};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::outlook::{NAMED, is_below};
use crate::{
    Authority, Cx, Error, Op, Result,
    audit::{self, Entry},
    features::split,
    jobs::{Job, JobError, Next},
    licenses::{self, facts::terms},
};

/// Which licenses take over the plan's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apply {
    /// All that have it, by a job that begins at once.
    All,
    /// Each at its next renewal, which copies the plan's terms anyway.
    Renewing,
    /// These, by a job that begins at once.
    Licenses(Vec<LicenseId>),
}

/// To which licenses the terms are given.
#[derive(Clone, Debug)]
pub struct ApplyPlan {
    pub to: Apply,
    /// Also below present use.
    pub force: bool,
}

/// What was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How many licenses take over the terms, now or at their renewal.
    pub licenses: u64,
    /// What changes for them, with the number of licenses that each change concerns: the most frequent ones.
    pub changes: Vec<(TermsChange, u64)>,
}

/// The job that gives a plan's terms to licenses: what it has still to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ApplyJob {
    plan: PlanId,
    /// The licenses that were chosen; `None` for all.
    chosen: Option<Vec<LicenseId>>,
    /// The last one that was looked at, where all are meant.
    after: Option<LicenseId>,
    #[serde(default)]
    force: bool,
}

/// An answer names at most so many changes that differ, and an audit entry, which has less room, so many.
const TOLD: usize = 100;
const RECORDED: usize = 3;

/// How many licenses one transaction moves.
const BATCH: usize = 50;

impl Authority {
    /// Gives the plan's present terms to licenses that have it. Their own overrides stay.
    ///
    /// The use of the licenses is compared before. A license whose use grows above the terms until its turn comes is
    /// left as it is, with an audit entry that says so.
    ///
    /// # Errors
    /// If there is no such plan, one of the licenses is not there or has another plan, or more is in use than the terms
    /// allow and that is not forced.
    pub async fn apply_plan(&self, cx: Cx, address: String, apply: ApplyPlan) -> Result<Applied> {
        let ApplyPlan { to, force } = apply;
        // Each renewal compares for itself.
        let checked = !force && to != Apply::Renewing;
        let outlook = self.outlook(address.clone(), to.clone(), checked).await?;
        self.write("plans.apply", cx, move |tx, op| {
            let (product, code) = split(&address, "plan")?;
            let details = super::sql::lock_by_address(tx, product, code)?
                .ok_or_else(|| super::unknown(product, code))?;
            op.on("plan.apply", details.plan.id);
            op.check_version(&details)?;
            let plan = details.plan;
            if plan != outlook.plan {
                let detail = "the plan was changed at the same moment: look at it, and apply it again";
                return Err(Refused::new(ErrorCode::PreconditionFailed, detail).into());
            }
            let (word, licenses) = match &to {
                Apply::All => ("all", licenses::sql::count_of_plan(tx, plan.id)?),
                Apply::Renewing => ("renewing", licenses::sql::count_of_plan(tx, plan.id)?),
                Apply::Licenses(ids) => ("licenses", check_all(tx, plan.id, ids)?),
            };
            if checked && !outlook.below.is_empty() {
                return Err(below_present_use(&outlook.below).into());
            }
            if to != Apply::Renewing {
                let chosen = if let Apply::Licenses(ids) = &to { Some(ids.clone()) } else { None };
                op.enqueue(tx, &ApplyJob { plan: plan.id, chosen, after: None, force })?;
            }
            let recorded = outlook.changes.iter().take(RECORDED);
            let recorded: Vec<_> = recorded
                .map(|(change, count)| json!({ "licenses": count, "terms": terms(change) }))
                .collect();
            op.audit(tx, Entry::ok(json!({ "to": word, "licenses": licenses, "changes": recorded })))?;
            Ok(Applied { licenses, changes: outlook.changes.iter().take(TOLD).cloned().collect() })
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
        licenses::keep(tx, op, "license.apply_plan", &license, &changed)
    }
}
