use std::{collections::BTreeSet, time::Duration};

use kaching_base::{LicenseId, Timestamp};
use kaching_domain::{License, licenses::Draft};
use kaching_license::LicenseKey;

use super::{
    NewLicense, RevealedKey, audit_view,
    create::{Grant, make_key},
    sql,
};
use crate::{Authority, Cx, Error, Op, Result, audit};

/// Licenses that were created together.
pub struct CreatedBatch {
    /// The tags of each license.
    pub tags: BTreeSet<String>,
    pub keys: Vec<RevealedKey>,
}

/// The most licenses of a batch. On SQLite nothing else is written meanwhile.
const MOST: u32 = 10_000;
/// The most tags, words and entries of metadata of all licenses together, each of which is a row of the index.
const MOST_WORDS: usize = 100_000;

/// The time for a batch, which is longer than that of an operation on one row: a slow or distant database needs it.
const LONGEST: Duration = Duration::from_secs(20);

/// The distance between the ids of two licenses, in microseconds: ids are spread over time, like those of rows that are
/// added one by one.
const SPREAD: i64 = 20;

impl Authority {
    /// Creates this number of licenses that differ only in their ids and keys: all of them, or none. Without a tag, all
    /// get a new one, by which they are found.
    ///
    /// # Errors
    /// As [`create_license`](Self::create_license), or if the number is 0 or above 10,000.
    pub async fn create_licenses(&self, cx: Cx, new: NewLicense, count: u32) -> Result<CreatedBatch> {
        check_count(count)?;
        self.write_long("licenses.create_batch", cx, LONGEST, move |tx, op| {
            let mut draft = new.draft.clone();
            if draft.tags.is_empty() {
                draft.tags.insert(new_tag(op));
            }
            let grant = Grant::load(tx, &new)?;
            let licenses = licenses(op, &grant, &draft, count)?;
            let prefix = grant.product.key_prefix.as_str();
            let keys = licenses.iter().map(|license| Ok((license.id, make_key(op, prefix)?)));
            let keys: Vec<(LicenseId, LicenseKey)> = keys.collect::<Result<_>>()?;
            sql::batch::insert(tx, &licenses)?;
            sql::batch::insert_keys(tx, &op.keys, &keys, op.now)?;
            let entries = licenses.iter().map(|one| (one.id.to_string(), audit_view::of(one).created()));
            audit::append_all(tx, op, "license.create", entries)?;
            let keys = keys.into_iter().map(|(license, key)| RevealedKey { license, key }).collect();
            Ok(CreatedBatch { tags: draft.tags, keys })
        })
        .await
    }
}

fn check_count(count: u32) -> Result<()> {
    if (1..=MOST).contains(&count) {
        return Ok(());
    }
    let advice = if count > MOST { "; create several batches with one tag" } else { "" };
    let detail = format!("a batch has 1 to {MOST} licenses, not {count}{advice}");
    Err(Error::invalid("/count", detail))
}

/// Returns the licenses, whose ids lie in the last fraction of a second.
fn licenses(op: &mut Op, grant: &Grant, draft: &Draft, count: u32) -> Result<Vec<License>> {
    let first = grant.license(op.id(), draft, op.now)?;
    let words = sql::words(&first).len() + first.tags.len() + first.metadata.len();
    if words.saturating_mul(count as usize) > MOST_WORDS {
        let most = MOST_WORDS / words;
        let detail = format!("with these tags and metadata, a batch has at most {most} licenses");
        return Err(Error::invalid("/count", detail));
    }
    let begin = op.now.micros() - i64::from(count) * SPREAD;
    let at = |number: u32| Timestamp::from_micros(begin + i64::from(number) * SPREAD);
    let copy = |number| License { id: LicenseId::new(at(number), op.random()), ..first.clone() };
    Ok((1..=count).map(copy).collect())
}

/// Returns a tag that no other batch has: `batch-2026-11-30-k7q2mzbd`.
fn new_tag(op: &mut Op) -> String {
    const SYMBOLS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let day = op.now.to_rfc3339_micros();
    let random: [u8; 8] = op.random();
    let symbols = random.iter().map(|byte| char::from(SYMBOLS[usize::from(byte % 32)]));
    format!("batch-{}-{}", &day[..10], symbols.collect::<String>())
}
