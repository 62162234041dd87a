//! What a lease grants, with the catalogue that explains what it does not.

use kaching_api::{Catalogue, CataloguePlan, Contact, Upgrade};
use kaching_base::{ErrorCode, Limit};
use kaching_license::Lease;

use crate::denied::{Denial, Denied, OverLimit};

/// A verified lease, and the catalogue that it names where that was fetched.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) lease: Lease,
    pub(crate) catalogue: Option<Catalogue>,
}

impl Grant {
    /// The last moment of the license with its grace; none if it is perpetual.
    pub(crate) fn license_ends(&self) -> Option<kaching_base::Timestamp> {
        let grace = kaching_base::Seconds(i64::try_from(self.lease.grace.expiry_s).unwrap_or(i64::MAX));
        self.lease.lic_exp.map(|end| end + grace)
    }

    /// What people call the present plan.
    pub(crate) fn plan_name(&self) -> &str {
        self.present_plan().map_or(self.lease.plan.as_str(), |plan| plan.name.as_str())
    }

    /// Whom to ask for more.
    pub(crate) fn contact(&self) -> Option<Contact> {
        let contact = &self.catalogue.as_ref()?.contact;
        (contact.url.is_some() || contact.email.is_some()).then(|| contact.clone())
    }

    /// The next higher plan.
    pub(crate) fn next_plan(&self) -> Option<Upgrade> {
        self.present_plan()?;
        self.lowest_above(|_| true).map(|plan| upgrade(plan, None))
    }

    /// The no to a feature that the license lacks.
    pub(crate) fn without(&self, feature: &str) -> Denied {
        let known =
            self.catalogue.iter().flat_map(|all| &all.features).find(|known| known.code.as_str() == feature);
        let title = known.map_or(feature, |known| known.title.as_str());
        let benefit = known.map(|known| known.benefit.clone()).filter(|benefit| !benefit.is_empty());
        let plan = self.lowest_above(|plan| plan.features.contains(feature));
        let mut message = format!("{title} is not part of the {} plan.", self.plan_name());
        if let Some(plan) = plan {
            message.push_str(&match &benefit {
                Some(benefit) => {
                    format!(" The {} plan has it: {}.", plan.name, benefit.trim_end_matches('.'))
                }
                None => format!(" The {} plan has it.", plan.name),
            });
        }
        let upgrade = plan.map(|plan| upgrade(plan, benefit));
        self.denied(ErrorCode::FeatureNotLicensed, feature, message, None, upgrade)
    }

    /// The no to a level above its maximum.
    pub(crate) fn over(&self, level: &str, limit: OverLimit) -> Denied {
        let OverLimit { present, wanted, max } = limit;
        let plan = self.lowest_above(|plan| {
            plan.limits.get(level).is_some_and(|limit| limit.max().is_none_or(|max| max >= wanted))
        });
        let mut message = format!(
            "The {} plan allows {max} {level}, {present} are in use and {wanted} were asked for.",
            self.plan_name()
        );
        if let Some(plan) = plan {
            match plan.limits.get(level).and_then(Limit::max) {
                Some(max) => message.push_str(&format!(" The {} plan allows {max}.", plan.name)),
                None => message.push_str(&format!(" The {} plan sets no limit to {level}.", plan.name)),
            }
        }
        let upgrade = plan.map(|plan| upgrade(plan, None));
        self.denied(ErrorCode::LimitExceeded, level, message, Some(limit), upgrade)
    }

    fn denied(
        &self,
        code: ErrorCode,
        subject: &str,
        mut message: String,
        limit: Option<OverLimit>,
        upgrade: Option<Upgrade>,
    ) -> Denied {
        let contact = self.contact();
        if let Some(whom) = contact.as_ref().and_then(whom) {
            message.push_str(&format!(" Ask {whom}."));
        }
        let subject = Some(subject.to_owned());
        Denied::new(Denial { code: Some(code.into()), subject, message, limit, upgrade, contact })
    }

    fn present_plan(&self) -> Option<&CataloguePlan> {
        self.catalogue.as_ref()?.plans.iter().find(|plan| plan.code == self.lease.plan)
    }

    fn lowest_above(&self, has_it: impl Fn(&CataloguePlan) -> bool) -> Option<&CataloguePlan> {
        let rank = self.present_plan().map(|plan| plan.rank);
        let above = |plan: &&CataloguePlan| rank.is_none_or(|rank| plan.rank > rank);
        let plans = self.catalogue.as_ref()?.plans.iter();
        plans.filter(above).filter(|plan| has_it(plan)).min_by_key(|plan| plan.rank)
    }
}

fn upgrade(plan: &CataloguePlan, benefit: Option<String>) -> Upgrade {
    Upgrade { plan: plan.code.clone(), name: plan.name.clone(), benefit }
}

/// Whom to ask, as the end of a sentence.
pub(crate) fn whom(contact: &Contact) -> Option<String> {
    match (&contact.url, &contact.email) {
        (Some(url), Some(email)) => Some(format!("{url} or {email}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}
