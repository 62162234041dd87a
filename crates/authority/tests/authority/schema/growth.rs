//! Every table is bounded by what people configure, or by a retention that removes old rows.

use kaching_authority::{Actor, Cx, NewCustomer, NewLicense, NewPlan, NewProduct, Retention};
use kaching_base::{ActivationId, AuditId, LicenseId, Limit, Seconds, TokenId};
use kaching_db::{Db, Engine, Param};
use kaching_testkit::World;

/// The reason for which a table does not grow without bound.
enum Bound {
    /// It has as many rows as people configure, for this reason.
    Configured(&'static str),
    /// Old rows are removed: this statement inserts one, with these values.
    Removed(&'static str, &'static [Bind]),
}

#[derive(Clone, Copy)]
enum Bind {
    License,
    Activation,
    /// An id of 1970.
    Old,
    Bytes,
    False,
}

use Bind::{Activation, Bytes, False, License, Old};
use Bound::{Configured, Removed};

const BOUNDS: &[(&str, Bound)] = &[
    ("data_keys", Configured("one row for each of four keys")),
    ("roots", Configured("one row for each root that products pin")),
    ("signing_keys", Configured("some in two years, and one for each that an operator rotates")),
    ("keysets", Configured("one row for each root")),
    ("settings", Configured("one row for each name in the source")),
    ("products", Configured("made by operators")),
    ("features", Configured("made by operators")),
    ("plans", Configured("made by operators")),
    ("customers", Configured("made by operators")),
    ("licenses", Configured("made by operators")),
    ("license_keys", Configured("one row for each license")),
    ("tokens", Configured("made by operators")),
    ("search_words", Configured("the words of what is listed, removed with it")),
    ("jobs", Configured("each is done, or becomes a dead letter after its attempts")),
    ("change_numbers", Configured("one row")),
    ("schema_migrations", Configured("one row for each migration in the source")),
    (
        "finished_jobs",
        Removed(
            "insert into finished_jobs (id, kind, payload, priority, outcome, attempts, created_at, finished_at)
             values (?1, 'jobs.test', '{}', 0, 'done', 1, 0, 0)",
            &[Old],
        ),
    ),
    (
        "idempotency_keys",
        Removed(
            "insert into idempotency_keys (scope, idempotency_key, body, created_at) values ('test', 'key', ?1, 0)",
            &[Bytes],
        ),
    ),
    (
        "audit_entries",
        Removed(
            "insert into audit_entries (id, epoch, at, action, body) values (?1, 1, 0, 'test.old', '{}')",
            &[Old],
        ),
    ),
    (
        "audit_private",
        Removed(
            "insert into audit_private (id, salt, payload) values (?1, ?2, ?2)",
            &[Old, Bytes],
        ),
    ),
    (
        "activations",
        Removed(
            "insert into activations (id, license, fingerprint, kind, status, generation, activate_nonce, number,
               activated_at, last_seen_at, run_until, levels, suspected)
             values (?1, ?2, 'old', 'cluster', 'released', 1, 'nonce', 1, 0, 0, 0, '{}', ?3)",
            &[Activation, License, False],
        ),
    ),
    (
        "displaced_generations",
        Removed(
            "insert into displaced_generations (activation, generation, number, at) values (?1, 1, 1, 0)",
            &[Activation],
        ),
    ),
    (
        "activation_nonces",
        Removed("insert into activation_nonces (activation, nonce, at) values (?1, 'nonce', 0)", &[Activation]),
    ),
    (
        "moves",
        Removed(
            "insert into moves (license, at, from_activation, to_activation, by_key) values (?1, 0, ?2, ?2, ?3)",
            &[License, Activation, False],
        ),
    ),
    (
        "refused_fingerprints",
        Removed(
            "insert into refused_fingerprints (license, fingerprint, code, at) values (?1, ?2, 'limit', 0)",
            &[License, Bytes],
        ),
    ),
    (
        "usage_reports",
        Removed(
            "insert into usage_reports (activation, meter, seq, amount, at, received_at) values (?1, 'jobs', 1, 1, 0, 0)",
            &[Activation],
        ),
    ),
    (
        "usage_inbox",
        Removed(
            "insert into usage_inbox (activation, generation, number, increments, received_at) values (?1, 1, 1, '[]', 0)",
            &[Activation],
        ),
    ),
    (
        "license_changes",
        Removed(
            "insert into license_changes (number, license, revision, at) values (0, ?1, 1, 0)",
            &[License],
        ),
    ),
    (
        "fingerprint_spellings",
        Removed(
            "insert into fingerprint_spellings (activation, fpr) values (?1, ?2)",
            &[Activation, Bytes],
        ),
    ),
    (
        "level_use",
        Removed(
            "insert into level_use (activation, name, license, value) values (?1, 'nodes', ?2, 1)",
            &[Activation, License],
        ),
    ),
    (
        "daily_counts",
        Removed(
            "insert into daily_counts (license, day, reports, usage_entries, audit_entries, activations, skipped)
             values (?1, 0, 1, 1, 1, 1, 0)",
            &[License],
        ),
    ),
    (
        "repeated_entries",
        Removed(
            "insert into repeated_entries (activation, action, written_at, times) values (?1, 'test.old', 0, 0)",
            &[Activation],
        ),
    ),
];

#[tokio::test]
async fn every_table_is_bounded_or_loses_its_old_rows() {
    World::each(|world| async move {
        let db = super::database(&world).await;
        let tables = tables(&db).await;
        for table in &tables {
            let bounds = BOUNDS.iter().filter(|(name, _)| name == table).count();
            assert_eq!(bounds, 1, "{table} needs one bound: a reason why it does not grow, or a retention");
        }
        for (name, bound) in BOUNDS {
            assert!(tables.iter().any(|table| table == name), "there is no table {name}");
            assert!(!matches!(bound, Configured("")), "{name} has no reason");
        }

        let license = license(&world).await;
        let activation = ActivationId::from_bytes([1; 16]);
        let before: Vec<i64> = counts(&db).await;
        // Activations come first: others refer to them.
        let mut rows: Vec<_> = removed().collect();
        rows.sort_by_key(|(name, ..)| *name != "activations");
        for (name, sql, binds) in rows {
            let inserted = db.write("test.insert_old", move |tx| {
                let bound: Vec<Param<'_>> =
                    binds.iter().map(|bind| bind.param(license, activation)).collect();
                tx.execute(sql, &bound)
            });
            assert_eq!(inserted.await, Ok(1), "{name}");
        }
        let authority = world.replica(7).await;
        let retention = Retention { audit: Some(Seconds::days(30)), ..Retention::default() };
        let authority =
            std::sync::Arc::into_inner(authority).unwrap().with_limits(Default::default(), retention);
        authority.run_jobs().await.unwrap();
        authority.remove_old_when_due().await.unwrap().expect("it was never done");
        for (((name, ..), before), after) in removed().zip(before).zip(counts(&db).await) {
            // The removal itself is on record.
            let recorded = i64::from(name == "audit_entries");
            assert!(after <= before + recorded, "{name} keeps its old rows: {after}");
        }
        authority.close().await;
        db.close().await;
    })
    .await;
}

fn removed() -> impl Iterator<Item = (&'static str, &'static str, &'static [Bind])> {
    BOUNDS.iter().filter_map(|(name, bound)| match bound {
        Removed(sql, binds) => Some((*name, *sql, *binds)),
        Configured(_) => None,
    })
}

impl Bind {
    fn param(self, license: LicenseId, activation: ActivationId) -> Param<'static> {
        match self {
            Self::License => Param::Uuid(*license.as_bytes()),
            Self::Activation => Param::Uuid(*activation.as_bytes()),
            Self::Old => Param::Uuid(*AuditId::from_bytes([0; 16]).as_bytes()),
            Self::Bytes => Param::Bytes(vec![0; 32].into()),
            Self::False => Param::Bool(false),
        }
    }
}

/// The tables as the database names them.
async fn tables(db: &Db) -> Vec<String> {
    let sql = match db.engine() {
        Engine::Sqlite => "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
        Engine::Postgres => "select tablename::text from pg_tables where schemaname = 'public'",
    };
    db.read("test.tables", move |tx| tx.query_all(sql, &[], |row| row.get(0))).await.unwrap()
}

/// Returns the number of rows in each table from which old rows are removed.
async fn counts(db: &Db) -> Vec<i64> {
    let mut counts = Vec::new();
    for (name, ..) in removed() {
        let sql: &'static str = Box::leak(format!("select count(*) from {name}").into_boxed_str());
        counts.push(db.read("test.count", move |tx| tx.query_one(sql, &[], |row| row.get(0))).await.unwrap());
    }
    counts
}

async fn license(world: &World) -> LicenseId {
    let operator = || Cx::of(Actor::Token(TokenId::from_bytes([5; 16])));
    let authority = &world.authority;
    let product = NewProduct {
        code: "chorus".parse().unwrap(),
        name: "CHORUS".to_owned(),
        key_prefix: None,
        contact: Default::default(),
        lease_alg: None,
        key_format: None,
    };
    authority.create_product(operator(), product).await.unwrap();
    let plan = NewPlan {
        product: "chorus".to_owned(),
        code: "team".parse().unwrap(),
        name: "Team".to_owned(),
        rank: 1,
        license_type: None,
        features: [].into(),
        limits: [("nodes".parse().unwrap(), Limit::Level { max: Some(3) })].into(),
        term: None,
        policy: Default::default(),
        price: None,
    };
    authority.create_plan(operator(), plan).await.unwrap();
    let reference = Some("CUST-001".parse().unwrap());
    let customer = NewCustomer { name: "Acme".to_owned(), reference, ..NewCustomer::default() };
    authority.create_customer(operator(), customer).await.unwrap();
    let license = NewLicense {
        customer: "CUST-001".to_owned(),
        product: "chorus".to_owned(),
        plan: "team".to_owned(),
        key_format: None,
        draft: Default::default(),
    };
    authority.create_license(operator(), license).await.unwrap().license.id
}
