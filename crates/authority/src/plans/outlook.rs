//! What giving a plan's terms to its licenses would change, looked at before it is done.

use kaching_base::{LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{
    License, Plan, TermsChange,
    licenses::{apply_plan, check_applied, is_lowered},
};

use super::Apply;
use crate::{Authority, Result, Sight, licenses};

/// Licenses that are looked at. Of the others the job decides alone, one by one.
const EXAMINED: usize = 10_000;
/// So many of them in one transaction, which holds up no writer.
const PAGE: usize = 500;
/// So many licenses below present use are named.
pub(super) const NAMED: usize = 5;

/// What would change.
#[derive(Clone, Debug)]
pub(super) struct Outlook {
    /// The plan that was looked at.
    pub(super) plan: Plan,
    /// Changes that differ, with the number of licenses that each of them concerns.
    pub(super) changes: Vec<(TermsChange, u64)>,
    /// Licenses of which more is in use than they would allow. The search ends with the first few.
    pub(super) below: Vec<LicenseId>,
    examined: usize,
}

impl Authority {
    /// Looks at the licenses in short transactions; `checked` says whether their use is compared.
    pub(super) async fn outlook(&self, address: String, to: Apply, checked: bool) -> Result<Outlook> {
        let plan = self.plan(&Sight::All, address).await?.plan;
        let mut outlook = Outlook { plan, changes: Vec::new(), below: Vec::new(), examined: 0 };
        let mut after = None;
        loop {
            let (mut next, to) = (outlook.clone(), to.clone());
            let (looked, last) = self
                .read("plans.outlook", move |tx, now| {
                    let page = page(tx, &next.plan, &to, next.examined, after)?;
                    let last = if page.len() < PAGE { None } else { page.last().map(|license| license.id) };
                    for license in &page {
                        next.examine(tx, license, checked, now)?;
                    }
                    Ok((next.clone(), last))
                })
                .await?;
            (outlook, after) = (looked, last);
            if after.is_none() || outlook.examined >= EXAMINED || outlook.below.len() >= NAMED {
                outlook.changes.sort_by_key(|(_, licenses)| std::cmp::Reverse(*licenses));
                return Ok(outlook);
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

impl Outlook {
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

/// Whether more is in use than the changed license allows.
pub(super) fn is_below(tx: &mut Tx<'_>, before: &License, after: &License, now: Timestamp) -> Result<bool> {
    if !is_lowered(before, after) {
        return Ok(false);
    }
    let present = licenses::present(tx, before, now)?;
    Ok(check_applied(before, after, &present).is_err())
}
