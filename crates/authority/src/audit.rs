//! Audit entries: the record of one change or refusal, written in its transaction.

use kaching_base::{AuditId, Base64Url, CustomerId, ErrorCode};
use kaching_db::{Tx, params};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{Error, Op, Result};

/// An entry holds at most this many bytes: a tile's entry has a length of two bytes (C2SP tlog-tiles).
const LONGEST: usize = 65_535;

/// What an operation tells about itself.
pub struct Entry {
    change: Value,
    private: Option<Value>,
    customer: Option<CustomerId>,
    refused: Option<ErrorCode>,
}

impl Entry {
    /// Something was changed; `change` is a JSON object without personal data.
    pub fn ok(change: Value) -> Self {
        Self { change, private: None, customer: None, refused: None }
    }

    /// Something was refused.
    pub fn refused(code: ErrorCode) -> Self {
        Self { refused: Some(code), ..Self::ok(Value::Object(Map::new())) }
    }

    /// It also ended in a refusal, from then on.
    pub fn refusing(mut self, code: ErrorCode) -> Self {
        self.refused = Some(code);
        self
    }

    /// Personal data (names, mail, addresses, raw fingerprints, free text), kept aside and sealed.
    pub fn private(mut self, data: Value) -> Self {
        self.private = Some(data);
        self
    }

    /// One more member of the change.
    pub fn also(mut self, name: &str, value: Value) -> Self {
        if let Value::Object(members) = &mut self.change {
            members.insert(name.to_owned(), value);
        }
        self
    }

    /// Whose personal data it is.
    pub fn of_customer(mut self, customer: CustomerId) -> Self {
        self.customer = Some(customer);
        self
    }
}

/// Appends an entry with the exact bytes that are hashed, and its personal data beside it.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &str,
    target: Option<String>,
    entry: Entry,
) -> Result<()> {
    let id: AuditId = op.id();
    let mut personal = entry.private;
    if let Some(address) = op.cx.address {
        let object = personal.get_or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(members) = object {
            members.insert("address".to_owned(), address.to_string().into());
        }
    }
    let private = match personal {
        Some(data) => Some(keep_private(tx, op, id, entry.customer, &data)?),
        None => None,
    };
    let body = Body {
        id,
        action,
        target: target.as_deref(),
        code: entry.refused,
        change: &entry.change,
        private: private.as_deref(),
    };
    let bytes = body.bytes(op);
    if bytes.len() > LONGEST {
        return Err(Error::invalid(
            "",
            "the change is too large to be recorded: shorten names, metadata or tags",
        ));
    }
    tx.execute(
        "insert into audit_entries (id, epoch, at, action, target, body) values (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            id,
            i64::try_from(op.keys.epoch).unwrap_or(i64::MAX),
            op.now,
            action,
            target.as_deref(),
            bytes
        ],
    )?;
    Ok(())
}

/// Seals the personal data and gives what the entry says of it.
fn keep_private(
    tx: &mut Tx<'_>,
    op: &mut Op,
    id: AuditId,
    customer: Option<CustomerId>,
    data: &Value,
) -> Result<String> {
    let payload = data.to_string();
    let salt: [u8; 32] = op.random();
    let mut hash = Sha256::new();
    hash.update(b"kaching/audit/private/v1");
    hash.update(salt);
    hash.update(payload.as_bytes());
    let sealed = op.keys.seal("audit_private", "payload", id.as_bytes(), payload.as_bytes())?;
    tx.execute(
        "insert into audit_private (id, customer, salt, payload) values (?1, ?2, ?3, ?4)",
        params![id, customer, salt, sealed],
    )?;
    Ok(Base64Url(hash.finalize()).to_string())
}

struct Body<'a> {
    id: AuditId,
    action: &'a str,
    target: Option<&'a str>,
    code: Option<ErrorCode>,
    change: &'a Value,
    private: Option<&'a str>,
}

impl Body<'_> {
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
