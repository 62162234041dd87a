//! What products used of their counters.

use std::collections::BTreeSet;

use kaching_base::{ActivationId, Code};
use kaching_db::Tx;
use kaching_domain::activations::known_counter;

use super::{Usage, sql};
use crate::{
    Op, Result,
    daily::{Charged, DailyCount},
    statements::Around,
};

/// An increment that can be stored.
struct Increment<'u> {
    counter: &'u Code,
    seq: i64,
    amount: i64,
    told: &'u Usage,
}

/// Stores usage as it was told, as far as the license may tell more today. Returns warnings about what was ignored.
pub(super) fn keep(
    tx: &mut Tx<'_>,
    op: &Op,
    around: &Around,
    activation: ActivationId,
    usage: &[Usage],
) -> Result<Vec<String>> {
    if usage.is_empty() {
        return Ok(Vec::new());
    }
    let mut warnings = BTreeSet::new();
    let increments: Vec<_> = usage
        .iter()
        .filter_map(|told| increment(around, told).map_err(|why| warnings.insert(why)).ok())
        .collect();
    let wanted = i64::try_from(increments.len()).unwrap_or(i64::MAX);
    let charged = Charged::to(&around.license);
    let within = op.daily.take(tx, charged, DailyCount::Usage, wanted, op.now)?;
    for Increment { counter, seq, amount, told } in
        increments.iter().take(usize::try_from(within).unwrap_or(0))
    {
        sql::keep_usage(tx, activation, counter, (*seq, *amount, told.at), op.now)?;
    }
    let mut warnings: Vec<String> = warnings.into_iter().collect();
    if within < wanted {
        warnings.push(format!(
            "the license has told more usage today than is stored: {} of this heartbeat were ignored",
            wanted - within
        ));
    }
    Ok(warnings)
}

/// What is to be stored, or why it is ignored.
fn increment<'u>(around: &'u Around, told: &'u Usage) -> Result<Increment<'u>, String> {
    let Some(counter) = known_counter(&around.terms.limits, &told.meter) else {
        let name: String = told.meter.chars().take(63).collect();
        return Err(format!("the license has no counter named '{name}': it was ignored"));
    };
    match (i64::try_from(told.seq), i64::try_from(told.amount)) {
        (Ok(seq), Ok(amount)) => Ok(Increment { counter, seq, amount, told }),
        _ => Err(format!("usage of seq {} is too large: it was ignored", told.seq)),
    }
}
