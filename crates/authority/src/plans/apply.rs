//! Gives a plan's present terms to licenses that have it.

use kaching_base::{ErrorCode, LicenseId, PlanId};
use kaching_db::Tx;
use kaching_domain::{Refused, licenses::apply_plan};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Authority, Cx, Error, Op, Result,
    audit::Entry,
    features::split,
    jobs::{self, Held, Kind, Step},
    licenses,
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

/// What was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How many licenses take over the terms, now or at their renewal.
    pub licenses: u64,
}

/// What the job has still to do.
#[derive(Serialize, Deserialize)]
struct Rest {
    plan: PlanId,
    /// The licenses that were chosen, or nothing for all.
    chosen: Option<Vec<LicenseId>>,
    /// The last one that was looked at, where all are meant.
    after: Option<LicenseId>,
}

/// How many licenses one transaction moves.
const BATCH: usize = 50;

impl Authority {
    /// Gives the plan's present terms to licenses that have it. Their own overrides stay.
    ///
    /// # Errors
    /// If there is no such plan, or one of the licenses is not there or has another plan.
    pub async fn apply_plan(&self, cx: Cx, address: String, to: Apply) -> Result<Applied> {
        self.write("plans.apply", cx, move |tx, op| {
            let (product, code) = split(&address, "plan")?;
            let plan = super::sql::lock_by_address(tx, product, code)?
                .ok_or_else(|| super::unknown(product, code))?
                .plan;
            op.on("plan.apply", plan.id);
            let (word, licenses) = match &to {
                Apply::All => ("all", licenses::sql::count_of_plan(tx, plan.id)?),
                Apply::Renewing => ("renewing", licenses::sql::count_of_plan(tx, plan.id)?),
                Apply::Licenses(ids) => ("licenses", check_all(tx, plan.id, ids)?),
            };
            if to != Apply::Renewing {
                let chosen = if let Apply::Licenses(ids) = &to { Some(ids.clone()) } else { None };
                jobs::enqueue(tx, op, Kind::ApplyPlan, &Rest { plan: plan.id, chosen, after: None }, op.now)?;
            }
            op.audit(tx, Entry::ok(json!({ "to": word, "licenses": licenses })))?;
            Ok(Applied { licenses })
        })
        .await
    }
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

/// One step of the job: moves some licenses and says what is left.
pub(crate) fn run(tx: &mut Tx<'_>, op: &mut Op, held: &Held) -> Result<Step> {
    let mut rest: Rest = held.payload()?;
    let Some(plan) = super::sql::by_id(tx, rest.plan)? else { return Ok(Step::Done) };
    let batch = match &mut rest.chosen {
        Some(ids) => ids.drain(..ids.len().min(BATCH)).collect(),
        None => licenses::sql::of_plan(tx, plan.id, rest.after, BATCH)?,
    };
    let more = match &rest.chosen {
        Some(ids) => !ids.is_empty(),
        None => batch.len() == BATCH,
    };
    rest.after = batch.last().copied();
    for id in batch {
        let Some(license) = licenses::sql::lock_by_id(tx, id)? else { continue };
        // It may have changed to another plan since it was chosen.
        if license.plan != plan.id {
            continue;
        }
        if let Some(moved) = apply_plan(&license, &plan, op.now) {
            licenses::keep(tx, op, "license.apply_plan", &license, &moved)?;
        }
    }
    if more { Step::again(&rest) } else { Ok(Step::Done) }
}
