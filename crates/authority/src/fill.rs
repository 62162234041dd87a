//! Fills a database with many customers, licenses and running installations, for measurements.

use std::ops::Range;

use kaching_base::{ActivationId, CustomerId, FingerprintKind, Id, IdKind, LicenseId, Seconds, Timestamp};
use kaching_db::Tx;
use kaching_domain::{
    Activation, ActivationStatus, Customer, Fingerprint, License, Nonce,
    activations::{CredentialState, Suspicion},
};
use kaching_license::LicenseKey;
use serde_json::{Value, json};

use crate::{
    Authority, Cx, Error, Op, Result, activations,
    audit::{self, Entry},
    customers, licenses,
    search::{self, Noun},
};

/// The rows to add.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// The license whose product, plan and terms the new licenses copy.
    pub like: LicenseId,
    /// The number of new licenses, with one customer for ten of them. `None` adds the installations to `like` itself.
    pub licenses: Option<u32>,
    /// The number of installations on each license.
    pub each: u32,
    /// The number of the first license. No two fills of a database may use the same numbers.
    pub first: u64,
}

/// An installation that was added: active, in its first generation.
#[derive(Clone, Debug)]
pub struct FilledInstallation {
    pub activation: ActivationId,
    pub fingerprint: String,
    /// The number of its last heartbeat.
    pub number: u64,
}

/// Heartbeats that each installation has sent. After the first one a row keeps its length, so that the heartbeats of a
/// measurement do not move rows.
const HEARTBEATS: u32 = 10;
/// The time for which the installations may run without a heartbeat.
const RUNS_FOR: Seconds = Seconds::days(1);

/// The most installations of one transaction, whose deadline is short.
const BATCH: u32 = 200;

impl Authority {
    /// Adds customers, licenses and running installations, with their search words and audit entries, in transactions
    /// of some hundred. It checks no rule.
    ///
    /// # Errors
    /// If the license does not exist, or the database fails.
    pub async fn fill(&self, fill: Fill) -> Result<Vec<FilledInstallation>> {
        let mut filled = Vec::new();
        let mut customer = None;
        let (count, step) = match fill.licenses {
            Some(licenses) => (licenses, (BATCH / fill.each.max(1)).max(1)),
            None => (fill.each, BATCH),
        };
        let mut at = 0;
        while at < count {
            let batch = FillBatch { fill, from: at, to: count.min(at + step), customer };
            let (added, last) = self.fill_batch(batch).await?;
            filled.extend(added);
            (at, customer) = (batch.to, last);
        }
        Ok(filled)
    }

    async fn fill_batch(&self, batch: FillBatch) -> Result<(Vec<FilledInstallation>, Option<CustomerId>)> {
        self.write("filling.fill", Cx::system("fill"), move |tx, op| {
            let FillBatch { fill, from, to, customer } = batch;
            let like = licenses::sql::lock_by_id(tx, fill.like)?.ok_or_else(crate::status::no_license)?;
            let mut filler = Filler { ids: 0, customer, filled: Vec::new() };
            match fill.licenses {
                Some(_) => filler.add_licenses(tx, op, &batch, &like)?,
                None => {
                    filler.add_installations(tx, op, like.id, from..to, fill.first)?;
                    licenses::sql::set_active(tx, like.id, like.active + i64::from(to - from))?;
                }
            }
            Ok((filler.filled, filler.customer))
        })
        .await
    }
}

/// A part of a fill: of its licenses, or of the installations that it adds to one.
#[derive(Clone, Copy)]
struct FillBatch {
    fill: Fill,
    from: u32,
    to: u32,
    /// The last customer of the batch before.
    customer: Option<CustomerId>,
}

struct Filler {
    /// The number of ids so far.
    ids: i64,
    /// The last customer.
    customer: Option<CustomerId>,
    filled: Vec<FilledInstallation>,
}

impl Filler {
    fn add_licenses(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        batch: &FillBatch,
        like: &License,
    ) -> Result<()> {
        let Fill { each, first, .. } = batch.fill;
        for at in batch.from..batch.to {
            let number = first + u64::from(at);
            if at % 10 == 0 {
                self.customer = Some(self.add_customer(tx, op, number)?);
            }
            let customer = self.customer.unwrap_or(like.customer);
            let like = License { customer, active: each.into(), ..like.clone() };
            let license = self.add_license(tx, op, like, number)?;
            self.add_installations(tx, op, license, 0..each, number)?;
        }
        Ok(())
    }

    fn add_customer(&mut self, tx: &mut Tx<'_>, op: &mut Op, number: u64) -> Result<CustomerId> {
        let reference = format!("FILL-{number:08}").parse();
        let customer = Customer {
            id: self.id(op),
            reference: Some(reference.map_err(|error| malformed("reference", &error))?),
            name: format!("Customer {number:08}"),
            email: None,
            company: None,
            tags: Default::default(),
            notes: String::new(),
            metadata: Default::default(),
            created_at: op.now,
            updated_at: op.now,
            archived_at: None,
        };
        if !customers::sql::insert(tx, &customer)? {
            return Err(Error::Failure(format!("the database is already filled from number {number}")));
        }
        append(tx, op, "customer.create", customer.id, json!({ "tags": [] }))?;
        Ok(customer.id)
    }

    /// Adds a license with its key. The ends are spread over a year, as those of licenses sold one by one.
    fn add_license(&mut self, tx: &mut Tx<'_>, op: &mut Op, like: License, number: u64) -> Result<LicenseId> {
        let days = i64::try_from(number % 365).unwrap_or_default();
        let license = License {
            id: self.id(op),
            expires_at: like.expires_at.map(|at| at.plus_days(days)),
            bindings: Vec::new(),
            tags: Default::default(),
            notes: String::new(),
            metadata: [("order".to_owned(), format!("order-{number:08}"))].into(),
            created_at: op.now,
            updated_at: op.now,
            ..like
        };
        let key =
            LicenseKey::generate("FILL", op.random()).map_err(|error| malformed("license key", &error))?;
        licenses::sql::insert(tx, &license)?;
        licenses::sql::insert_key(tx, &op.keys, license.id, &key, op.now)?;
        let change =
            json!({ "product": license.product, "plan": license.plan, "customer": license.customer });
        append(tx, op, "license.create", license.id, change)?;
        Ok(license.id)
    }

    fn add_installations(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        license: LicenseId,
        installations: Range<u32>,
        number: u64,
    ) -> Result<()> {
        for one in installations {
            let fingerprint = format!("install-{number:08}x{one:05}");
            let activation = self.activation(op, license, &fingerprint)?;
            activations::sql::insert(tx, &activation)?;
            let words = activations::sql::words(&activation.fingerprint, activation.name.as_deref());
            search::add(tx, Noun::Activation, activation.id, &words)?;
            let change = json!({ "license": license, "kind": activation.kind, "generation": 1, "again": false,
                                 "version": activation.version, "levels": {} });
            append(tx, op, "activation.activate", activation.id, change)?;
            self.filled.push(FilledInstallation {
                activation: activation.id,
                fingerprint,
                number: HEARTBEATS.into(),
            });
        }
        Ok(())
    }

    fn activation(&mut self, op: &mut Op, license: LicenseId, fingerprint: &str) -> Result<Activation> {
        let nonce = |text: String| text.parse::<Nonce>().map_err(|error| malformed("nonce", &error));
        Ok(Activation {
            id: self.id(op),
            license,
            fingerprint: Fingerprint::stored(fingerprint)
                .map_err(|error| malformed("fingerprint", &error))?,
            kind: FingerprintKind::Cluster,
            name: Some(fingerprint.to_owned()),
            version: Some("2.4.1".to_owned()),
            status: ActivationStatus::Active,
            credential: CredentialState {
                generation: 1,
                made_by: Some(nonce(format!("fill-{fingerprint}"))?),
                number: HEARTBEATS.into(),
                nonce: Some(nonce(format!("heartbeat-{HEARTBEATS:012}"))?),
            },
            activated_at: op.now,
            last_seen_at: op.now,
            run_until: op.now + RUNS_FOR,
            move_ends_at: None,
            moved_generation: 0,
            displaced_until: None,
            address: Some("127.0.0.1".to_owned()),
            levels: Default::default(),
            refused: None,
            suspicion: Suspicion::default(),
        })
    }

    /// Returns a new id. Ids are spread over time, as those of rows that were added one by one.
    fn id<K: IdKind>(&mut self, op: &mut Op) -> Id<K> {
        self.ids += 1;
        Id::new(Timestamp::from_micros(op.now.micros() + self.ids * 20), op.random())
    }
}

fn append<K: IdKind>(tx: &mut Tx<'_>, op: &mut Op, action: &str, target: Id<K>, change: Value) -> Result<()> {
    audit::append(tx, op, action, Some(target.to_string()), Entry::ok(change))
}

fn malformed(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Failure(format!("the {what} of a filled row is malformed: {error}"))
}
