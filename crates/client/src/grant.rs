//! A lease with the catalogue that explains its denials.

use kaching_api::{Catalogue, CataloguePlan, Contact, Upgrade};
use kaching_base::{Code, ErrorCode, Limit};
use kaching_license::Lease;

use crate::{
    denied::{Denial, Denied, OverLimit},
    names::{NameKind, UnknownName},
};

/// A verified lease, and the catalogue that explains it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) lease: Lease,
    pub(crate) catalogue: Option<Catalogue>,
    /// Whether the catalogue is the one that the lease names, and not an older one.
    pub(crate) is_current: bool,
}

impl Grant {
    /// Returns the last moment of the license with its grace; `None` if it is perpetual.
    pub(crate) fn license_ends(&self) -> Option<kaching_base::Timestamp> {
        let grace = kaching_base::Seconds(i64::try_from(self.lease.grace.expiry_s).unwrap_or(i64::MAX));
        self.lease.lic_exp.map(|end| end + grace)
    }

    /// Returns the name of the present plan for people.
    pub(crate) fn plan_name(&self) -> &str {
        self.present_plan().map_or(self.lease.plan.as_str(), |plan| plan.name.as_str())
    }

    /// Returns the vendor's contact.
    pub(crate) fn contact(&self) -> Option<Contact> {
        let contact = &self.catalogue.as_ref()?.contact;
        (contact.url.is_some() || contact.email.is_some()).then(|| contact.clone())
    }

    /// Returns the next higher plan.
    pub(crate) fn next_plan(&self) -> Option<Upgrade> {
        self.present_plan()?;
        self.lowest_above(|_| true).map(|plan| upgrade(plan, None))
    }

    /// Denies a feature that the license lacks.
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

    /// Returns a limit of the license, or one without a maximum where only other plans have a limit of this name.
    pub(crate) fn limit(&self, name: &str) -> Option<Limit> {
        if let Some(limit) = self.lease.limits.get(name) {
            return Some(*limit);
        }
        let mut plans = self.catalogue.iter().flat_map(|catalogue| &catalogue.plans);
        plans.find_map(|plan| plan.limits.get(name)).map(|limit| match *limit {
            Limit::Slots { .. } => Limit::Slots { max: None },
            Limit::Level { .. } => Limit::Level { max: None },
            Limit::Counter { per, anchor, overage, .. } => Limit::Counter { max: None, per, anchor, overage },
        })
    }

    /// Checks that a plan of the product has a limit of this name.
    ///
    /// # Errors
    /// If none has. Without the catalogue that the lease names, no name is an error.
    pub(crate) fn check_limit_name(&self, name: &str) -> Result<(), UnknownName> {
        let Some(catalogue) = self.catalogue.as_ref().filter(|_| self.is_current) else { return Ok(()) };
        if self.limit(name).is_some() {
            return Ok(());
        }
        let plans = catalogue.plans.iter().flat_map(|plan| plan.limits.keys());
        let known = plans.chain(self.lease.limits.keys()).map(Code::as_str);
        Err(UnknownName::new(catalogue.product.as_str(), NameKind::Limit, name, known))
    }

    /// Checks that a plan of the product has a feature of this name.
    ///
    /// # Errors
    /// As [`check_limit_name`](Self::check_limit_name).
    pub(crate) fn check_feature_name(&self, name: &str) -> Result<(), UnknownName> {
        let Some(catalogue) = self.catalogue.as_ref().filter(|_| self.is_current) else { return Ok(()) };
        let known = || {
            let listed = catalogue.features.iter().map(|feature| &feature.code);
            let plans = catalogue.plans.iter().flat_map(|plan| &plan.features);
            let own = self.lease.features.iter().chain(&self.lease.grace.keep);
            listed.chain(plans).chain(own).map(Code::as_str)
        };
        if known().any(|known| known == name) {
            return Ok(());
        }
        Err(UnknownName::new(catalogue.product.as_str(), NameKind::Feature, name, known()))
    }

    /// Denies an amount above a limit.
    pub(crate) fn over(&self, name: &str, over: OverLimit) -> Denied {
        let OverLimit { present, wanted, max } = over;
        let per = match self.lease.limits.get(name) {
            Some(Limit::Counter { per, .. }) => Some(per),
            _ => None,
        };
        let needed = if per.is_some() { present.saturating_add(wanted) } else { wanted };
        let plan = self.lowest_above(|plan| {
            plan.limits.get(name).is_some_and(|limit| limit.max().is_none_or(|max| max >= needed))
        });
        let present_plan = self.plan_name();
        let mut message = match per {
            Some(per) => format!(
                "The {present_plan} plan allows {max} {name} per {per}, {present} are used and {wanted} more were asked for."
            ),
            None => format!(
                "The {present_plan} plan allows {max} {name}, {present} are in use and {wanted} were asked for."
            ),
        };
        if let Some(plan) = plan {
            match plan.limits.get(name).and_then(Limit::max) {
                Some(max) => message.push_str(&format!(" The {} plan allows {max}.", plan.name)),
                None => message.push_str(&format!(" The {} plan sets no limit to {name}.", plan.name)),
            }
        }
        let upgrade = plan.map(|plan| upgrade(plan, None));
        self.denied(ErrorCode::LimitExceeded, name, message, Some(over), upgrade)
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
        let code = Some(code.into());
        Denied::new(Denial { code, subject, message, unknown_name: None, limit, upgrade, contact })
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

/// Returns the contact as the end of a sentence.
pub(crate) fn whom(contact: &Contact) -> Option<String> {
    match (&contact.url, &contact.email) {
        (Some(url), Some(email)) => Some(format!("{url} or {email}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}
