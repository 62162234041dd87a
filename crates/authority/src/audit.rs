//! Audit entries: the record of one change or refusal, written in its transaction.

mod entry;
mod several;

use std::mem;

use kaching_base::{AuditId, Base64Url, CustomerId, ErrorCode};
use kaching_db::{Tx, params};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    Actor, Error, Op, Result,
    daily::{self, DailyCount},
};

pub(crate) use entry::Entry;
pub(crate) use several::append_all;

/// An entry holds at most this many bytes: a tile's entry has a length of two bytes (C2SP tlog-tiles).
const MAX_LENGTH: usize = 65_535;

impl Op {
    /// Appends an audit entry about the subject named by [`on`](Self::on).
    ///
    /// # Errors
    /// If the database does not take it.
    pub fn audit(&mut self, tx: &mut Tx<'_>, entry: Entry) -> Result<()> {
        let (action, target) = self.audited_subject();
        append(tx, self, action, target, entry)
    }

    /// As [`audit`](Self::audit), for a refusal, which changes nothing and can be caused again and again: of a product's
    /// call it is written only within the license's limit of the day.
    ///
    /// # Errors
    /// If the database does not take it.
    pub(crate) fn audit_limited(&mut self, tx: &mut Tx<'_>, entry: Entry) -> Result<()> {
        let (action, target) = self.audited_subject();
        self.append_limited(tx, action, target, entry)
    }

    fn audited_subject(&self) -> (&'static str, Option<String>) {
        self.subject.clone().expect("an operation names its subject before it audits")
    }

    pub(crate) fn append_limited(
        &mut self,
        tx: &mut Tx<'_>,
        action: &'static str,
        target: Option<String>,
        entry: Entry,
    ) -> Result<()> {
        if self.charged.is_some() && self.cx.actor == Actor::Client {
            self.limited.push((action, target, entry));
            return Ok(());
        }
        append(tx, self, action, target, entry)
    }

    /// Writes the refusals for which the license has room today. The others are counted, and one entry says so.
    /// The count is locked for the rest of the transaction, so it comes last.
    pub(crate) fn write_limited(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let entries = mem::take(&mut self.limited);
        let Some(charged) = self.charged.filter(|_| !entries.is_empty()) else { return Ok(()) };
        let wanted = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let within = self.daily.take(tx, charged, DailyCount::Audit, wanted, self.now)?;
        let some = usize::try_from(within).unwrap_or(0);
        for (action, target, entry) in entries.into_iter().take(some) {
            append(tx, self, action, target, entry)?;
        }
        if within < wanted && daily::skip(tx, charged.license, wanted - within, self.now)? {
            let license = Some(charged.license.to_string());
            let until = self.now + daily::until_tomorrow(self.now);
            let change = json!({ "counted_only_until": until });
            append(tx, self, "license.audit_limited", license, Entry::ok(change))?;
        }
        Ok(())
    }
}

/// An entry as it is stored: the exact bytes that are hashed, and its personal data for a table of its own.
struct AuditRow {
    id: AuditId,
    target: Option<String>,
    body: String,
    private: Option<PrivateRow>,
}

/// Sealed personal data.
struct PrivateRow {
    customer: Option<CustomerId>,
    salt: [u8; 32],
    payload: Vec<u8>,
}

/// Appends an entry with the exact bytes that are hashed, and its personal data in a table of its own.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &str,
    target: Option<String>,
    entry: Entry,
) -> Result<()> {
    let row = row_of(op, action, target, entry)?;
    if let Some(PrivateRow { customer, salt, payload }) = row.private {
        tx.execute(
            "insert into audit_private (id, customer, salt, payload) values (?1, ?2, ?3, ?4)",
            params![row.id, customer, salt, payload],
        )?;
    }
    tx.execute(
        "insert into audit_entries (id, epoch, at, action, target, body) values (?1, ?2, ?3, ?4, ?5, ?6)",
        params![row.id, epoch(op), op.now, action, row.target.as_deref(), row.body],
    )?;
    Ok(())
}

fn epoch(op: &Op) -> i64 {
    i64::try_from(op.keys.epoch).unwrap_or(i64::MAX)
}

fn row_of(op: &mut Op, action: &str, target: Option<String>, entry: Entry) -> Result<AuditRow> {
    let id: AuditId = op.id();
    let mut personal = entry.private;
    if let Some(address) = op.cx.address {
        let object = personal.get_or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(members) = object {
            members.insert("address".to_owned(), address.to_string().into());
        }
    }
    let (hash, private) = match personal {
        Some(data) => {
            let (hash, row) = seal_private(op, id, entry.customer, &data)?;
            (Some(hash), Some(row))
        }
        None => (None, None),
    };
    let body = EntryBody {
        id,
        action,
        target: target.as_deref(),
        code: entry.refused,
        change: &entry.change,
        private: hash.as_deref(),
    };
    let body = body.bytes(op);
    if body.len() > MAX_LENGTH {
        return Err(Error::invalid(
            "",
            "the change is too large to be recorded: shorten names, metadata or tags",
        ));
    }
    Ok(AuditRow { id, target, body, private })
}

/// Seals the personal data of an entry. Returns its hash for the entry.
fn seal_private(
    op: &mut Op,
    id: AuditId,
    customer: Option<CustomerId>,
    data: &Value,
) -> Result<(String, PrivateRow)> {
    let payload = data.to_string();
    let salt: [u8; 32] = op.random();
    let mut hash = Sha256::new();
    hash.update(b"kaching/audit/private/v1");
    hash.update(salt);
    hash.update(payload.as_bytes());
    let payload = op.keys.seal("audit_private", "payload", id.as_bytes(), payload.as_bytes())?;
    Ok((Base64Url(hash.finalize()).to_string(), PrivateRow { customer, salt, payload }))
}

struct EntryBody<'a> {
    id: AuditId,
    action: &'a str,
    target: Option<&'a str>,
    code: Option<ErrorCode>,
    change: &'a Value,
    private: Option<&'a str>,
}

impl EntryBody<'_> {
    /// The members in the protocol's order, without white space.
    fn bytes(&self, op: &Op) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let maybe = |it: Option<&str>| it.map_or_else(|| "null".to_owned(), text);
        let (kind, actor) = op.cx.actor.describe();
        let request = op.cx.request.map(|id| id.to_string());
        format!(
            r#"{{"v":1,"id":"{}","epoch":{},"at":"{}","actor":{{"kind":"{kind}","id":{}}},"action":{},"target":{},"outcome":"{}","code":{},"request":{},"change":{},"private":{}}}"#,
            self.id,
            op.keys.epoch,
            op.now.to_rfc3339_micros(),
            text(&actor),
            text(self.action),
            maybe(self.target),
            if self.code.is_some() { "refused" } else { "ok" },
            maybe(self.code.map(ErrorCode::as_str)),
            maybe(request.as_deref()),
            self.change,
            maybe(self.private),
        )
    }
}
