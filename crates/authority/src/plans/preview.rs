//! The changes that applying a plan would make to its licenses.

use kaching_base::{LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{
    License, Plan, TermsChange,
    licenses::{apply_plan, check_applied, is_lowered},
};

use super::Apply;
use crate::{Authority, Result, Sight, licenses};

/// Licenses that are examined; the job decides the others one by one.
const EXAMINED: usize = 10_000;
/// Licenses that are examined in one transaction, which holds up no writer.
const PAGE: usize = 500;
/// Licenses below present use that are named.
pub(super) const NAMED: usize = 5;

/// The changes that applying a plan would make.
#[derive(Clone, Debug)]
pub(super) struct PlanPreview {
    /// The plan as it was read.
    pub(super) plan: Plan,
    /// The different changes, each with its number of licenses.
    pub(super) changes: Vec<(TermsChange, u64)>,
    /// Licenses that would allow less than is in use. The search ends after the first few.
    pub(super) below: Vec<LicenseId>,
    examined: usize,
}

impl Authority {
    /// Examines the licenses in short transactions; `checked` says whether their use is compared with the terms.
    pub(super) async fn preview_plan(
        &self,
        address: String,
        to: Apply,
        checked: bool,
    ) -> Result<PlanPreview> {
        let plan = self.plan(&Sight::All, address).await?.plan;
        let mut preview = PlanPreview { plan, changes: Vec::new(), below: Vec::new(), examined: 0 };
        let mut after = None;
        loop {
            let (mut next, to) = (preview.clone(), to.clone());
            let (examined, last) = self
                .read("plans.outlook", move |tx, now| {
                    let page = page(tx, &next.plan, &to, next.examined, after)?;
                    let last = if page.len() < PAGE { None } else { page.last().map(|license| license.id) };
                    for license in &page {
                        next.examine(tx, license, checked, now)?;
                    }
                    Ok((next.clone(), last))
                })
                .await?;
            (preview, after) = (examined, last);
            if after.is_none() || preview.examined >= EXAMINED || preview.below.len() >= NAMED {
                preview.changes.sort_by_key(|(_, licenses)| std::cmp::Reverse(*licenses));
                return Ok(preview);
            }
        }
    }
}

fn page(
    tx: &mut Tx<'_>,
    plan: &Plan,
    to: &Apply,
    examined: usize,
    after: Option<LicenseId>,
) -> Result<Vec<License>> {
    match to {
        Apply::All | Apply::Renewing => licenses::sql::of_plan_in_full(tx, plan.id, after, PAGE),
        Apply::Licenses(ids) => {
            let mut found = Vec::new();
            for id in ids.iter().skip(examined).take(PAGE) {
                found.extend(licenses::sql::by_id(tx, *id)?);
            }
            Ok(found)
        }
    }
}

impl PlanPreview {
    fn examine(&mut self, tx: &mut Tx<'_>, license: &License, checked: bool, now: Timestamp) -> Result<()> {
        self.examined += 1;
        let Some(after) = apply_plan(license, &self.plan, now) else { return Ok(()) };
        let change = TermsChange::between(&license.terms(), &after.terms());
        if !change.is_empty() {
            match self.changes.iter_mut().find(|(known, _)| *known == change) {
                Some((_, licenses)) => *licenses += 1,
                None => self.changes.push((change, 1)),
            }
        }
        if checked && is_below(tx, license, &after, now)? && self.below.len() < NAMED {
            self.below.push(license.id);
        }
        Ok(())
    }
}

/// Whether the changed license allows less than is in use.
pub(super) fn is_below(tx: &mut Tx<'_>, before: &License, after: &License, now: Timestamp) -> Result<bool> {
    if !is_lowered(before, after) {
        return Ok(false);
    }
    let present = licenses::present(tx, before, now)?;
    Ok(check_applied(before, after, &present).is_err())
}
