//! Runs operations, each as one transaction.

use std::{any::Any, sync::Arc, time::Duration};

use kaching_base::Timestamp;
use kaching_db::{Db, Tx};
use kaching_domain::Refused;

use crate::{Authority, Cx, Error, Op, Result, audit::Entry, changes, idempotency};

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

    /// As [`write`](Self::write), for an operation of many rows, which has this long until its end.
    pub(crate) async fn write_long<T, F>(
        &self,
        name: &'static str,
        cx: Cx,
        longest: Duration,
        operation: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut Op) -> Result<T> + Send + 'static,
    {
        self.check_clock(self.now())?;
        self.write_to(&self.db.with_deadline(longest), name, cx, operation).await
    }

    /// As [`write`](Self::write), for what has to go on while the clock is wrong, and decides nothing by the time: backups,
    /// the steps of a start, and accepting the clock.
    pub(crate) async fn write_regardless<T, F>(&self, name: &'static str, cx: Cx, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut Op) -> Result<T> + Send + 'static,
    {
        self.write_to(&self.db, name, cx, operation).await
    }

    async fn write_to<T, F>(&self, db: &Db, name: &'static str, cx: Cx, mut operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut Op) -> Result<T> + Send + 'static,
    {
        let (now, seed, keys, daily) = (self.now(), self.entropy.seed(), self.keys(), self.daily);
        let (outcome, after) = db
            .write(name, move |tx| {
                let mut op = Op::new(now, cx.clone(), Arc::clone(&keys), seed, daily);
                let outcome = run_once(tx, &mut op, &mut operation)?;
                op.write_limited(tx)?;
                changes::sql::append(tx, &op.after.changes, now)?;
                Ok::<_, Error>((outcome, op.after))
            })
            .await?;
        if !after.changes.is_empty() {
            self.changes.wake();
        }
        if after.wakes_workers {
            self.jobs_enqueued.notify_one();
        }
        for code in after.repeated {
            self.refusals.count(now, code);
        }
        for product in after.catalogues {
            self.statements.catalogues.forget_product(product);
            self.entitlements.forget_product(product);
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
fn run_once<T: Send + 'static>(
    tx: &mut Tx<'_>,
    op: &mut Op,
    operation: &mut impl FnMut(&mut Tx<'_>, &mut Op) -> Result<T>,
) -> Result<Result<T, Refused>> {
    let Some(once) = op.cx.once.clone() else { return decide(tx, op, operation) };
    idempotency::claim(tx, op, &once)?;
    let outcome = decide(tx, op, operation)?;
    match &outcome {
        Ok(result) => {
            // A panic here would end the writer, which all operations share.
            let answer = once.answer(result as &dyn Any).ok_or_else(|| {
                Error::Failure("the answer under an Idempotency-Key is not that of this operation".to_owned())
            })?;
            idempotency::remember(tx, op, &once, &answer)?;
        }
        Err(_) => idempotency::release(tx, &once)?,
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
