//! The list of audit entries.

mod actor;
mod history;
mod sql;

use std::collections::BTreeSet;

use kaching_base::{AuditId, LicenseId, Timestamp};
use kaching_db::Tx;

use crate::{
    Authority, Error, List, Page, Result, Sight,
    keys::KeyRing,
    list::{Key, Paging, Sorting, sorting},
    search::FEW,
};

pub use actor::ActorFilter;
use history::History;
use sql::Column;

/// The filter of the list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The id of what was changed.
    pub target: Option<String>,
    /// `license.suspend`.
    pub action: Option<String>,
    /// Entries of this moment and later.
    pub since: Option<Timestamp>,
    /// Entries before this moment.
    pub until: Option<Timestamp>,
    pub actor: Option<ActorFilter>,
    /// Entries about this license and its activations.
    pub license: Option<LicenseId>,
    /// Entries about this customer, by id or reference, its licenses, and their activations.
    pub customer: Option<String>,
    /// Whether the caller has the right to see the personal part.
    pub personal: bool,
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    pub id: AuditId,
    pub at: Timestamp,
    pub action: String,
    pub target: Option<String>,
    /// The bytes that are hashed: JSON.
    pub body: String,
    /// The personal part, while it is kept, to those with the right to see it.
    pub personal: Option<serde_json::Value>,
}

static SORTINGS: [Sorting; 1] = [sorting!("at", "e.id")];

/// As many entries are looked at for one page; a reader whose sight they are out of gets a shorter page.
const EXAMINED: usize = 2_000;

impl Authority {
    /// Lists the audit entries about what is in sight, the newest first unless sorted by `at`. A page may be shorter than
    /// its limit where others follow.
    ///
    /// # Errors
    /// If the list makes no sense, or names a license or customer that is not in sight.
    pub async fn audit_entries(
        &self,
        sight: &Sight,
        mut list: List<AuditFilter>,
    ) -> Result<Page<AuditRecord>> {
        // PostgreSQL takes no NUL in a text, and no entry has one.
        for text in [&mut list.filter.target, &mut list.filter.action] {
            *text = text.take().map(|text| text.replace('\0', ""));
        }
        let keys = self.keys();
        self.read_in_sight("audit.list", sight, move |tx, _, sight| {
            let histories = History::named(tx, sight, &list.filter)?;
            let source = EntrySource::of(tx, &list.filter, &histories)?;
            let mut page = page(tx, &source, &list)?;
            if *sight != Sight::All || !histories.is_empty() {
                page = shown(tx, sight, &histories, &source, list.clone(), page)?;
            }
            if list.filter.personal {
                for record in &mut page.items {
                    record.personal = personal(tx, &keys, sight, record.id)?;
                }
            }
            Ok(page)
        })
        .await
    }
}

/// The entries among which the list looks for its own.
enum EntrySource {
    /// The whole log.
    Log,
    /// Entries with one of these values in an indexed column.
    Values(Column, Vec<String>),
}

impl EntrySource {
    fn of(tx: &mut Tx<'_>, filter: &AuditFilter, histories: &[History]) -> Result<Self> {
        if let Some(target) = &filter.target {
            return Ok(Self::Values(Column::Target, vec![target.clone()]));
        }
        for history in histories {
            if let Some(targets) = history.targets(tx)? {
                return Ok(Self::Values(Column::Target, targets));
            }
        }
        let actors = match &filter.actor {
            None => return Ok(Self::Log),
            Some(ActorFilter::One(actor)) => vec![actor.clone()],
            Some(ActorFilter::Kind(kind)) => sql::actors(tx, kind)?,
        };
        let few = i64::try_from(actors.len()).is_ok_and(|actors| actors <= FEW);
        Ok(if few { Self::Values(Column::Actor, actors) } else { Self::Log })
    }
}

/// Returns one page of the source.
fn page(tx: &mut Tx<'_>, source: &EntrySource, list: &List<AuditFilter>) -> Result<Page<AuditRecord>> {
    let paging = Paging::new(list, &SORTINGS)?;
    let found = match source {
        EntrySource::Log => sql::of_log(tx, &list.filter, &paging)?,
        EntrySource::Values(by, values) => sql::of_values(tx, *by, values, &list.filter, &paging)?,
    };
    Ok(paging.page(found, |record| (Key::None, *record.id.as_bytes())))
}

/// Returns the entries of this page that are in sight and in the histories, and of those that follow until something was
/// found. An entry names its target as text, which no statement can join to the tables, so the targets of a page are looked
/// up together.
fn shown(
    tx: &mut Tx<'_>,
    sight: &Sight,
    histories: &[History],
    source: &EntrySource,
    mut list: List<AuditFilter>,
    mut next: Page<AuditRecord>,
) -> Result<Page<AuditRecord>> {
    let mut examined = 0;
    loop {
        examined += next.items.len();
        let targets: BTreeSet<String> = next.items.iter().filter_map(|one| one.target.clone()).collect();
        let mut targets = match sight {
            Sight::All => targets,
            _ => sight.targets(tx, targets.iter().map(String::as_str))?,
        };
        for history in histories {
            targets = history.own(tx, &targets)?;
        }
        next.items.retain(|one| one.target.as_ref().is_some_and(|target| targets.contains(target)));
        if next.next.is_none() || !next.items.is_empty() || examined >= EXAMINED {
            return Ok(next);
        }
        list.after = next.next.take();
        next = page(tx, source, &list)?;
    }
}

/// Returns the personal part of an entry. A customer does not see the data of a
/// customer to whom the license belonged before.
fn personal(
    tx: &mut Tx<'_>,
    keys: &KeyRing,
    sight: &Sight,
    id: AuditId,
) -> Result<Option<serde_json::Value>> {
    let of_customer = match sight {
        Sight::Customer(customer) => Some(*customer),
        _ => None,
    };
    let Some(sealed) = sql::sealed(tx, id, of_customer)? else { return Ok(None) };
    let payload = keys.unseal("audit_private", "payload", id.as_bytes(), &sealed)?;
    serde_json::from_slice(&payload).map(Some).map_err(|error| Error::stored("audit entry", error))
}
