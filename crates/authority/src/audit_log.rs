//! The list of audit entries.

use kaching_base::{AuditId, Timestamp};
use kaching_db::{self as db, Row, Sql, Tx, params};

use crate::{
    Authority, Error, List, Page, Result, Sight,
    keys::KeyRing,
    list::{Key, Paging, Sorting, sorting},
    stored::Fields,
};

/// The filter of the list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The id of what was changed.
    pub target: Option<String>,
    /// `license.suspend`.
    pub action: Option<String>,
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
    /// If the list makes no sense.
    pub async fn audit_entries(&self, sight: &Sight, list: List<AuditFilter>) -> Result<Page<AuditRecord>> {
        let keys = self.keys();
        self.read_in_sight("audit.list", sight, move |tx, _, sight| {
            let mut page = page(tx, &list)?;
            if *sight != Sight::All {
                page = in_sight(tx, sight, list.clone(), page)?;
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

/// Returns one page of all entries.
fn page(tx: &mut Tx<'_>, list: &List<AuditFilter>) -> Result<Page<AuditRecord>> {
    let paging = Paging::new(list, &SORTINGS)?;
    let mut sql = Sql::new("select e.id, e.at, e.action, e.target, e.body from audit_entries e where 1 = 1");
    let plain = |text: &Option<String>| text.clone().map(|text| text.replace('\0', ""));
    sql.add_if(" and e.target = ?", plain(&list.filter.target));
    sql.add_if(" and e.action = ?", plain(&list.filter.action));
    paging.finish(&mut sql);
    let found = tx.query_all(&sql, sql.params(), read)?;
    Ok(paging.page(found, |record| (Key::None, *record.id.as_bytes())))
}

/// Returns the entries in sight of this page, and of those that follow until something was found. An entry names its
/// target as text, which no statement can join to the tables, so the targets of a page are looked up together.
fn in_sight(
    tx: &mut Tx<'_>,
    sight: &Sight,
    mut list: List<AuditFilter>,
    mut next: Page<AuditRecord>,
) -> Result<Page<AuditRecord>> {
    let mut examined = 0;
    loop {
        examined += next.items.len();
        let targets = sight.targets(tx, next.items.iter().filter_map(|one| one.target.as_deref()))?;
        next.items.retain(|one| one.target.as_ref().is_some_and(|target| targets.contains(target)));
        if next.next.is_none() || !next.items.is_empty() || examined >= EXAMINED {
            return Ok(next);
        }
        list.after = next.next.take();
        next = page(tx, &list)?;
    }
}

fn read(row: &Row<'_>) -> db::Result<AuditRecord> {
    let mut fields = Fields::of(row);
    Ok(AuditRecord {
        id: fields.take()?,
        at: fields.take()?,
        action: fields.take()?,
        target: fields.take()?,
        body: fields.take()?,
        personal: None,
    })
}

/// Returns the personal part of an entry. A customer does not see the data of a
/// customer to whom the license belonged before.
fn personal(
    tx: &mut Tx<'_>,
    keys: &KeyRing,
    sight: &Sight,
    id: AuditId,
) -> Result<Option<serde_json::Value>> {
    let mut sql = Sql::new("select payload from audit_private where ");
    sql.add("id = ?", params![id]);
    if let Sight::Customer(customer) = sight {
        sql.add(" and customer = ?", params![*customer]);
    }
    let sealed: Option<Vec<u8>> = tx.query_opt(&sql, sql.params(), |row| row.get(0))?;
    let Some(sealed) = sealed else { return Ok(None) };
    let payload = keys.unseal("audit_private", "payload", id.as_bytes(), &sealed)?;
    serde_json::from_slice(&payload).map(Some).map_err(|error| Error::stored("audit entry", error))
}
