//! The list of audit entries, for those who look back.

use kaching_base::{AuditId, Timestamp};
use kaching_db::{self as db, Row, Sql, Tx, params};

use crate::{
    Authority, Error, List, Page, Result,
    keys::KeyRing,
    list::{Key, Paging, Sorting, sorting},
    stored::Fields,
};

/// Which entries are listed.
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

impl Authority {
    /// Lists audit entries, the newest first unless sorted by `at`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn audit_entries(&self, list: List<AuditFilter>) -> Result<Page<AuditRecord>> {
        let keys = self.keys();
        self.read("audit.list", move |tx, _| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql =
                Sql::new("select e.id, e.at, e.action, e.target, e.body from audit_entries e where 1 = 1");
            let plain = |text: &Option<String>| text.clone().map(|text| text.replace('\0', ""));
            sql.add_if(" and e.target = ?", plain(&list.filter.target));
            sql.add_if(" and e.action = ?", plain(&list.filter.action));
            paging.finish(&mut sql);
            let mut found = tx.query_all(&sql, sql.params(), read)?;
            if list.filter.personal {
                for record in &mut found {
                    record.personal = personal(tx, &keys, record.id)?;
                }
            }
            Ok(paging.page(found, |record| (Key::None, *record.id.as_bytes())))
        })
        .await
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

fn personal(tx: &mut Tx<'_>, keys: &KeyRing, id: AuditId) -> Result<Option<serde_json::Value>> {
    let sql = "select payload from audit_private where id = ?1";
    let sealed: Option<Vec<u8>> = tx.query_opt(sql, params![id], |row| row.get(0))?;
    let Some(sealed) = sealed else { return Ok(None) };
    let payload = keys.unseal("audit_private", "payload", id.as_bytes(), &sealed)?;
    serde_json::from_slice(&payload).map(Some).map_err(|error| Error::stored("audit entry", error))
}
