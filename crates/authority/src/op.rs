//! One operation: one transaction, one reading of the clock, one seed of randomness.

use std::{any::Any, mem, sync::Arc};

use kaching_base::{ActivationId, ErrorCode, Id, IdKind, LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{License, Refused};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    Actor, Authority, Cx, Error, Result, audit,
    audit::Entry,
    changes::{self, Changed},
    daily::{self, Charged, Counted, DailyLimits},
    idempotency,
    keys::KeyRing,
};

/// What an operation works with. Made anew for each attempt from the same moment and seed, so that a
/// transaction that is run again does the same.
pub struct Op {
    /// When the operation happens.
    pub now: Timestamp,
    pub(crate) cx: Cx,
    pub(crate) keys: Arc<KeyRing>,
    random: ChaCha20Rng,
    subject: Option<(&'static str, Option<String>)>,
    changes: Vec<Changed>,
    repeated: Vec<ErrorCode>,
    /// Whether the version that the caller expects was compared.
    pub(crate) version_checked: bool,
    pub(crate) daily: DailyLimits,
    charged: Option<Charged>,
    /// Entries that only the limit of a day may keep out, which are written at the end.
    limited: Vec<(&'static str, Option<String>, Entry)>,
}

impl Op {
    /// A new id.
    pub fn id<K: IdKind>(&mut self) -> Id<K> {
        Id::new(self.now, self.random())
    }

    /// Bytes that nobody can guess.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// Names what is done (`license.suspend`) and on what, for the entries of this operation.
    pub fn on(&mut self, action: &'static str, target: impl ToString) {
        self.subject = Some((action, Some(target.to_string())));
    }

    /// Appends an audit entry about the subject named by [`on`](Self::on).
    ///
    /// # Errors
    /// If the database does not take it.
    pub fn audit(&mut self, tx: &mut Tx<'_>, entry: Entry) -> Result<()> {
        let (action, target) = self.subject.clone().expect("an operation names its subject before it audits");
        audit::append(tx, self, action, target, entry)
    }

    /// As [`audit`](Self::audit), for a refusal, which changes nothing and can be caused again and again: of a product's
    /// call it is written only within the license's limit of the day.
    ///
    /// # Errors
    /// If the database does not take it.
    pub(crate) fn audit_limited(&mut self, tx: &mut Tx<'_>, entry: Entry) -> Result<()> {
        let (action, target) = self.subject.clone().expect("an operation names its subject before it audits");
        self.append_limited(tx, action, target, entry)
    }

    /// Names the license to which the refusals of a product's call are charged.
    pub(crate) fn charge(&mut self, license: &License) {
        self.charged = Some(Charged::to(license));
    }

    fn append_limited(
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
        audit::append(tx, self, action, target, entry)
    }

    /// Writes the refusals that a license may still leave today. The others are counted, of which one entry tells.
    /// The count is locked for the rest of the transaction, so it comes last.
    fn write_limited(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let entries = mem::take(&mut self.limited);
        let Some(charged) = self.charged.filter(|_| !entries.is_empty()) else { return Ok(()) };
        let wanted = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let within = self.daily.take(tx, charged, Counted::Audit, wanted, self.now)?;
        let some = usize::try_from(within).unwrap_or(0);
        for (action, target, entry) in entries.into_iter().take(some) {
            audit::append(tx, self, action, target, entry)?;
        }
        if within < wanted && daily::skip(tx, charged.license, wanted - within, self.now)? {
            let license = Some(charged.license.to_string());
            let until = self.now + daily::until_tomorrow(self.now);
            let change = serde_json::json!({ "counted_only_until": until });
            audit::append(tx, self, "license.audit_limited", license, Entry::ok(change))?;
        }
        Ok(())
    }

    /// A license changed for all of its activations: those who listen are told after COMMIT.
    pub fn changed(&mut self, license: LicenseId, revision: i64) {
        self.changes.push(Changed { license, activation: None, revision });
    }

    /// What this one activation may do changed: only it is told after COMMIT.
    pub(crate) fn changed_one(&mut self, license: LicenseId, activation: ActivationId, revision: i64) {
        self.changes.push(Changed { license, activation: Some(activation), revision });
    }

    /// A refusal repeats the last one: it leaves no entry of its own, and is counted after COMMIT.
    pub(crate) fn repeated(&mut self, code: ErrorCode) {
        self.repeated.push(code);
    }
}

impl Authority {
    /// Runs one operation as one transaction. A refusal keeps what was written and leaves an audit entry; every
    /// other error undoes all. Where the clock is wrong, nothing is begun.
    pub(crate) async fn write<T, F>(&self, name: &'static str, cx: Cx, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut Op) -> Result<T> + Send + 'static,
    {
        self.check_clock(self.now())?;
        self.write_regardless(name, cx, operation).await
    }

    /// As [`write`](Self::write), for what has to go on while the clock is wrong, and decides nothing by the time: backups,
    /// what a start does, and accepting the clock.
    pub(crate) async fn write_regardless<T, F>(
        &self,
        name: &'static str,
        cx: Cx,
        mut operation: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut Op) -> Result<T> + Send + 'static,
    {
        let (now, seed, keys) = (self.now(), self.entropy.seed(), self.keys());
        let daily = self.daily;
        let epoch_keys = Arc::clone(&keys);
        let (outcome, changed, repeated) = self
            .db
            .write(name, move |tx| {
                let random = ChaCha20Rng::from_seed(seed);
                let keys = Arc::clone(&epoch_keys);
                let mut op = Op {
                    now,
                    cx: cx.clone(),
                    keys,
                    random,
                    subject: None,
                    changes: Vec::new(),
                    repeated: Vec::new(),
                    version_checked: false,
                    daily,
                    charged: None,
                    limited: Vec::new(),
                };
                let outcome = once(tx, &mut op, &mut operation)?;
                op.write_limited(tx)?;
                changes::sql::append(tx, &op.changes, now)?;
                Ok::<_, Error>((outcome, !op.changes.is_empty(), op.repeated))
            })
            .await?;
        if changed {
            self.changes.wake();
        }
        for code in repeated {
            self.refusals.count(now, code);
        }
        if ["products.", "features.", "plans."].iter().any(|noun| name.starts_with(noun)) {
            // Two changes in one microsecond have one stamp.
            self.statements.catalogues.forget();
            self.grounds.forget();
        }
        outcome.map_err(Error::from)
    }

    /// Runs queries on one consistent view.
    pub(crate) async fn read<T, F>(&self, name: &'static str, mut query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, Timestamp) -> Result<T> + Send + 'static,
    {
        let now = self.now();
        self.db.read(name, move |tx| query(tx, now)).await
    }
}

/// Runs the operation unless its idempotency key was answered before, and remembers the answer.
fn once<T: Send + 'static>(
    tx: &mut Tx<'_>,
    op: &mut Op,
    operation: &mut impl FnMut(&mut Tx<'_>, &mut Op) -> Result<T>,
) -> Result<Result<T, Refused>> {
    let Some(once) = op.cx.once.clone() else { return decide(tx, op, operation) };
    idempotency::claim(tx, op, &once)?;
    let outcome = decide(tx, op, operation)?;
    match &outcome {
        Ok(result) => {
            // A panic here would end the writer, which everybody shares.
            let answer = once.answer(result as &dyn Any).ok_or_else(|| {
                Error::Failure("the answer under an Idempotency-Key is not that of this operation".to_owned())
            })?;
            idempotency::remember(tx, op, &once, &answer)?;
        }
        Err(_) => idempotency::forget(tx, &once)?,
    }
    Ok(outcome)
}

/// Turns a refusal into a result, so that it commits, with its entry.
fn decide<T>(
    tx: &mut Tx<'_>,
    op: &mut Op,
    operation: &mut impl FnMut(&mut Tx<'_>, &mut Op) -> Result<T>,
) -> Result<Result<T, Refused>> {
    match operation(tx, op) {
        Ok(result) => op.expected_nothing().map(|()| Ok(result)),
        Err(Error::Refused(refused)) => {
            if let Some((action, target)) = op.subject.clone() {
                op.append_limited(tx, action, target, Entry::refused(refused.code))?;
            }
            Ok(Err(*refused))
        }
        Err(error) => Err(error),
    }
}
