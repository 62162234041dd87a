//! Fills a database with as many installations as one wants to measure with, in the rows that the operations write.

use kaching_base::{
    ActivationId, CustomerId, FingerprintKind, Id, IdKind, LicenseId, ProductId, Seconds, Timestamp,
};
use kaching_db::{Json, Param, Sql, Tx, params};
use kaching_domain::License;
use kaching_license::LicenseKey;
use serde_json::json;

use crate::{
    Authority, Cx, Error, Op, Result, audit, licenses,
    search::Noun,
    stored::{StoredOverrides, StoredTerms},
};

/// What is added in one transaction.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// The license that the new ones are like: of its product, plan and terms.
    pub like: LicenseId,
    /// How many licenses, which a tenth as many customers buy; none where the installations go onto that license itself.
    pub licenses: Option<u32>,
    /// How many installations are on each license.
    pub each: u32,
    /// The number of the first license, or of this part of one: no two have the same.
    pub first: u64,
}

/// An installation that was added, in its first generation, which has run for a while.
#[derive(Clone, Debug)]
pub struct Filled {
    pub activation: ActivationId,
    pub fingerprint: String,
    /// Of its last heartbeat.
    pub number: u64,
}

/// Rows of one statement: more would be more parameters than PostgreSQL's protocol counts.
const AT_ONCE: usize = 500;
/// The heartbeats that each has sent, from the machine itself: its row is as long as it stays, and the next heartbeat
/// moves nothing else than those that follow.
const HEARTBEATS: u32 = 10;
/// For so long the installations run without a heartbeat.
const RUNS_FOR: Seconds = Seconds::days(1);

impl Authority {
    /// Adds customers, licenses and running installations as if they had been made one by one, with what searches
    /// find them by and an audit entry for each. For measurements: nothing is asked of any rule.
    ///
    /// # Errors
    /// If the license is not there, or the database does not take it.
    pub async fn fill(&self, fill: Fill) -> Result<Vec<Filled>> {
        self.write("filling.fill", Cx::system("fill"), move |tx, op| {
            let like = licenses::sql::lock_by_id(tx, fill.like)?.ok_or_else(crate::status::no_license)?;
            Filling::default().fill(tx, op, &fill, &like)
        })
        .await
    }
}

/// A statement that inserts many rows, one batch after the other.
struct Rows {
    head: &'static str,
    row: &'static str,
    sql: Sql,
    held: usize,
}

impl Rows {
    /// For a table and its columns, and a row of their values.
    fn into(head: &'static str, row: &'static str) -> Self {
        Self { head, row, sql: Sql::new("insert into "), held: 0 }
    }

    fn add(&mut self, tx: &mut Tx<'_>, values: &[Param<'_>]) -> Result<()> {
        if self.held == AT_ONCE {
            self.flush(tx)?;
        }
        match self.held {
            0 => self.sql.push(self.head).push(" values "),
            _ => self.sql.push(", "),
        };
        self.sql.add(self.row, values);
        self.held += 1;
        Ok(())
    }

    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        if self.held > 0 {
            let sql = std::mem::replace(&mut self.sql, Sql::new("insert into "));
            tx.execute(&sql, sql.params())?;
            self.held = 0;
        }
        Ok(())
    }
}

struct Filling {
    /// How many ids were drawn.
    drawn: i64,
    customers: Rows,
    licenses: Rows,
    keys: Rows,
    activations: Rows,
    words: Rows,
    entries: Rows,
}

impl Default for Filling {
    fn default() -> Self {
        Self {
            drawn: 0,
            customers: Rows::into(
                "customers (id, reference, name, sort_name, tags, notes, metadata, created_at, updated_at)",
                "(?, ?, ?, ?, '[]', '', '{}', ?, ?)",
            ),
            licenses: Rows::into(
                "licenses (id /*+ place */, product, customer, plan, license_type, status, revision, starts_at,
                        expires_at, ends_at, starts_at_first_activation, granted, overrides, bindings, tags, notes,
                        metadata, active, created_at, updated_at)",
                "(? /*+ place */, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', '[]', '', ?, ?, ?, ?)",
            ),
            keys: Rows::into("license_keys (lookup, license, sealed, created_at)", "(?, ?, ?, ?)"),
            activations: Rows::into(
                "activations (id /*+ place */, license, fingerprint, kind, name, version, status, generation,
                        activate_nonce, number, nonce, address, activated_at, last_seen_at, run_until, levels,
                        suspected, check_at)",
                "(? /*+ place */, ?, ?, ?, ?, '2.4.1', 'active', 1, ?, ?, ?, '127.0.0.1', ?, ?, ?, '{}', ?, ?)",
            ),
            words: Rows::into("search_words (noun, word, target)", "(?, ?, ?)"),
            entries: Rows::into(
                "audit_entries (id, epoch, at, action, target, body)",
                "(?, ?, ?, ?, ?, ?)",
            ),
        }
    }
}

impl Filling {
    fn fill(mut self, tx: &mut Tx<'_>, op: &mut Op, fill: &Fill, like: &License) -> Result<Vec<Filled>> {
        let mut filled = Vec::new();
        match fill.licenses {
            Some(licenses) => self.sell(tx, op, (fill, like), licenses, &mut filled)?,
            None => {
                self.install(tx, op, (like.id, fill.each), fill.first, &mut filled)?;
                licenses::sql::set_active(tx, like.id, like.active + i64::from(fill.each))?;
            }
        }
        // What refers to another row comes behind it.
        let Self { licenses, keys, activations, words, entries, .. } = &mut self;
        for rows in [licenses, keys, activations, words, entries] {
            rows.flush(tx)?;
        }
        Ok(filled)
    }

    fn sell(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        (fill, like): (&Fill, &License),
        licenses: u32,
        filled: &mut Vec<Filled>,
    ) -> Result<()> {
        let mut customer = like.customer;
        for at in 0..licenses {
            let number = fill.first + u64::from(at);
            if at % 10 == 0 {
                customer = self.customer(tx, op, number)?;
                // What follows refers to it.
                self.customers.flush(tx)?;
            }
            let license = self.license(tx, op, (like, customer), number, fill.each)?;
            self.install(tx, op, (license, fill.each), number, filled)?;
        }
        Ok(())
    }

    fn install(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        (license, count): (LicenseId, u32),
        number: u64,
        filled: &mut Vec<Filled>,
    ) -> Result<()> {
        for one in 0..count {
            let fingerprint = format!("install-{number:08}x{one:05}");
            filled.push(self.activation(tx, op, license, fingerprint)?);
        }
        Ok(())
    }

    /// As if these rows had been made one by one, and not all in the moment of their transaction.
    fn id<K: IdKind>(&mut self, op: &mut Op) -> Id<K> {
        self.drawn += 1;
        Id::new(Timestamp::from_micros(op.now.micros() + self.drawn * 20), op.random())
    }

    fn customer(&mut self, tx: &mut Tx<'_>, op: &mut Op, number: u64) -> Result<CustomerId> {
        let id: CustomerId = self.id(op);
        let (name, reference) = (format!("Customer {number:08}"), format!("FILL-{number:08}"));
        self.customers.add(tx, params![id, reference, name, name.to_lowercase(), op.now, op.now])?;
        for word in ["customer".to_owned(), "fill".to_owned(), format!("{number:08}")] {
            self.words.add(tx, params![Noun::Customer.as_str(), word, id])?;
        }
        self.entry(tx, op, "customer.create", &id.to_string(), &json!({ "tags": [] }))?;
        Ok(id)
    }

    /// Ends spread over a year, as those of licenses that were sold one by one.
    fn license(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        (like, customer): (&License, CustomerId),
        number: u64,
        active: u32,
    ) -> Result<LicenseId> {
        let days = i64::try_from(number % 365).unwrap_or_default();
        let license = License {
            id: self.id(op),
            customer,
            expires_at: like.expires_at.map(|at| at.plus_days(days)),
            metadata: [("order".to_owned(), format!("order-{number:08}"))].into(),
            ..like.clone()
        };
        self.licenses.add(
            tx,
            params![
                license.id,
                license.product,
                license.customer,
                license.plan,
                license.license_type,
                license.status.as_str(),
                license.revision,
                license.starts_at,
                license.expires_at,
                license.end(),
                license.starts_at_first_activation,
                Json(StoredTerms::from(&*license.granted)),
                Json(StoredOverrides::from(&*license.overrides)),
                Json(&license.metadata),
                active,
                op.now,
                op.now
            ],
        )?;
        self.key(tx, op, license.id)?;
        for word in ["order".to_owned(), format!("{number:08}")] {
            self.words.add(tx, params![Noun::License.as_str(), word, license.id])?;
        }
        let product: ProductId = license.product;
        let change = json!({ "product": product, "plan": license.plan, "customer": customer });
        self.entry(tx, op, "license.create", &license.id.to_string(), &change)?;
        Ok(license.id)
    }

    fn key(&mut self, tx: &mut Tx<'_>, op: &mut Op, license: LicenseId) -> Result<()> {
        if self.keys.held == AT_ONCE {
            self.licenses.flush(tx)?;
        }
        let key = LicenseKey::generate("FILL", op.random())
            .map_err(|error| Error::Failure(format!("no license key can be made: {error}")))?;
        let lookup = op.keys.lookup(&key);
        let sealed = op.keys.seal("license_keys", "sealed", &lookup, key.expose().as_bytes())?;
        self.keys.add(tx, params![lookup[..], license, sealed, op.now])
    }

    fn activation(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        license: LicenseId,
        fingerprint: String,
    ) -> Result<Filled> {
        // The rows of licenses that installations refer to come before theirs.
        if self.activations.held == AT_ONCE {
            self.licenses.flush(tx)?;
        }
        let id: ActivationId = self.id(op);
        let run_until = op.now + RUNS_FOR;
        self.activations.add(
            tx,
            params![
                id,
                license,
                fingerprint.as_str(),
                FingerprintKind::Cluster,
                fingerprint.as_str(),
                format!("fill-{fingerprint}"),
                i64::from(HEARTBEATS),
                format!("heartbeat-{HEARTBEATS:012}"),
                op.now,
                op.now,
                run_until,
                false,
                run_until + Seconds(60)
            ],
        )?;
        for word in crate::search::words(&fingerprint) {
            self.words.add(tx, params![Noun::Activation.as_str(), word, id])?;
        }
        let change = json!({ "license": license, "kind": "cluster", "generation": 1, "again": false,
                             "version": "2.4.1", "levels": {} });
        self.entry(tx, op, "activation.activate", &id.to_string(), &change)?;
        Ok(Filled { activation: id, fingerprint, number: HEARTBEATS.into() })
    }

    fn entry(
        &mut self,
        tx: &mut Tx<'_>,
        op: &mut Op,
        action: &'static str,
        target: &str,
        change: &serde_json::Value,
    ) -> Result<()> {
        let (id, body) = audit::body(op, action, target, change);
        let epoch = i64::try_from(op.keys.epoch).unwrap_or(i64::MAX);
        self.entries.add(tx, params![id, epoch, op.now, action, target, body])
    }
}
