//! The next event in a license's life, in words for people.

use kaching_base::{Code, Limit, Timestamp};

use crate::{
    License, Plan, State, Upgrade,
    activations::{end, start},
};

/// Whole days until the end date, none once it is past; nothing if perpetual or not started.
pub fn days_left(license: &License, now: Timestamp) -> Option<i64> {
    license.expires_at.map(|at| at.since(now).0.div_euclid(86_400).max(0))
}

/// Returns the next event and its date in one sentence. `scheduled` is the name of the plan that a scheduled change
/// brings.
pub fn next(license: &License, scheduled: Option<&str>, now: Timestamp) -> String {
    let (expires, ends) = (end(license.expires_at), end(license.end()));
    let graceless = license.end() == license.expires_at;
    match license.state(now) {
        State::Revoked => "Revoked for good.".to_owned(),
        State::Suspended => "Suspended until the vendor reinstates it.".to_owned(),
        State::NotYetValid => format!("Starts on {}.", start(license.starts_at)),
        State::Expired => format!("Expired on {expires}; renew it to run again."),
        State::InGrace => format!("Expired on {expires}; stops on {ends} unless it is renewed."),
        State::Active if license.starts_at_first_activation && license.starts_at.is_none() => {
            match license.terms().term {
                Some(term) => {
                    format!("Starts with the first activation and then runs for {}.", term.in_words())
                }
                None => "Starts with the first activation and never expires.".to_owned(),
            }
        }
        State::Active => match (&license.scheduled, scheduled) {
            (Some(change), Some(plan)) => format!("Changes to {plan} on {}.", change.at.in_words()),
            _ if license.expires_at.is_none() => "Never expires.".to_owned(),
            _ if graceless => format!("Expires on {expires} and then stops."),
            _ => format!("Expires on {expires}; runs on until {ends}."),
        },
    }
}

/// The plan of lowest rank above this one that satisfies `has`, with what is gained.
pub fn upgrade(
    plans: &[Plan],
    rank: i64,
    benefit: Option<String>,
    has: impl Fn(&Plan) -> bool,
) -> Option<Upgrade> {
    let above = plans.iter().filter(|plan| plan.rank > rank && plan.archived_at.is_none() && has(plan));
    let plan = above.min_by_key(|plan| plan.rank)?;
    Some(Upgrade { plan: plan.code.clone(), name: plan.name.clone(), benefit })
}

/// Whether a plan allows more than this of a limit.
pub fn allows_more(plan: &Plan, name: &Code, than: u64) -> bool {
    let max = match plan.terms.limits.get(name) {
        Some(limit) => limit.max(),
        None if *name == Code::activations() => Limit::Slots { max: Some(1) }.max(),
        None => None,
    };
    max.is_none_or(|max| max > than)
}
