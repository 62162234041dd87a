//! Servers that share only a database.

use std::{
    fs,
    sync::{Arc, mpsc},
    time::Duration,
};

use kaching_authority::{
    Actor, AuditFilter, Authority, Cx, DatabaseConfig, Issuer, List, MasterKey, NewCustomer, NewLicense,
    NewPlan, NewProduct, Options, RootStore, Sight,
    domain::{Contact, licenses::Draft},
};
use kaching_base::{Code, LicenseId, Limit, Secret, TokenId};
use kaching_db::{Db, Metrics, ToParam as _};
use kaching_testkit::{FakeClock, SeededEntropy};
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A database, and what its servers agree on.
pub struct Shared {
    pub database: DatabaseConfig,
    pub clock: Arc<FakeClock>,
}

/// A server with a directory of its own.
pub struct Replica {
    pub authority: Arc<Authority>,
    pub directory: TempDir,
}

impl Shared {
    pub fn fresh() -> Self {
        Self::at(kaching_testkit::postgres())
    }

    pub fn at(url: String) -> Self {
        let mut database = DatabaseConfig::postgres(url);
        (database.writers, database.readers) = (3, 2);
        Self { database, clock: Arc::default() }
    }

    pub fn options(&self, directory: &TempDir, number: u64) -> Options {
        Options {
            database: self.database.clone(),
            directory: directory.path().to_owned(),
            master: Some(MasterKey::new([7; 32])),
            root_store: RootStore::Database,
            root_passphrase: Secret::new(String::new()),
            issuer: Issuer::Named("https://licenses.example.com".to_owned()),
            clock: Arc::<FakeClock>::clone(&self.clock),
            entropy: Arc::new(SeededEntropy::new(number)),
        }
    }

    /// Starts a server; each number draws other keys.
    pub async fn start(&self, number: u64) -> Replica {
        let directory = tempfile::tempdir().unwrap();
        let options = self.options(&directory, number);
        let authority = Authority::open(options, &mut Registry::default()).await.unwrap();
        Replica { authority: Arc::new(authority), directory }
    }

    /// Opens the database itself, for state that no operation shows.
    pub async fn database(&self) -> Db {
        Db::open(self.database.clone(), Metrics::register(&mut Registry::default())).await.unwrap()
    }
}

impl Replica {
    /// Returns the first operator's token.
    pub fn first_token(&self) -> Option<String> {
        fs::read_to_string(self.directory.path().join("first-token")).ok()
    }

    /// Returns the number of entries of an action in the audit log.
    pub async fn done(&self, action: &str) -> usize {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let list = List { limit: Some(200), filter, ..List::default() };
        self.authority.audit_entries(&Sight::All, list).await.unwrap().items.len()
    }
}

pub fn operator() -> Cx {
    Cx::of(Actor::Token(TokenId::from_bytes([5; 16])))
}

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// A product, a plan, and so many licenses of it.
pub async fn furnish(authority: &Authority, licenses: usize) -> Vec<LicenseId> {
    let product = NewProduct {
        code: code("chorus"),
        name: "CHORUS".to_owned(),
        key_prefix: None,
        contact: Contact::default(),
        lease_alg: None,
        key_format: None,
    };
    authority.create_product(operator(), product).await.unwrap();
    let plan = NewPlan {
        product: "chorus".to_owned(),
        code: code("team"),
        name: "Team".to_owned(),
        rank: 1,
        license_type: None,
        features: [].into(),
        limits: [(code("nodes"), Limit::Level { max: Some(3) })].into(),
        term: Some(kaching_base::Term::of_days(365).unwrap()),
        policy: Default::default(),
        price: None,
    };
    authority.create_plan(operator(), plan).await.unwrap();
    let reference = Some("CUST-001".parse().unwrap());
    let customer = NewCustomer { name: "Acme".to_owned(), reference, ..NewCustomer::default() };
    authority.create_customer(operator(), customer).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..licenses {
        let new = NewLicense {
            customer: "CUST-001".to_owned(),
            product: "chorus".to_owned(),
            plan: "team".to_owned(),
            key_format: None,
            draft: Draft::default(),
        };
        made.push(authority.create_license(operator(), new).await.unwrap().license.id);
    }
    made
}

/// A number that the database tells.
pub async fn number(db: &Db, sql: &'static str) -> i64 {
    db.read("test.number", move |tx| tx.query_one(sql, &[], |row| row.get(0))).await.unwrap()
}

/// Changes what no operation does.
pub async fn force(db: &Db, sql: &'static str, value: i64) -> u64 {
    db.write("test.force", move |tx| tx.execute(sql, &[value.to_param()])).await.unwrap()
}

/// A transaction that keeps others from what they need until it is released.
pub struct Busy {
    transaction: JoinSet<Result<(), kaching_db::Error>>,
    release: mpsc::Sender<()>,
}

impl Busy {
    /// Takes what this statement locks.
    pub async fn with(db: &Db, statement: &'static str) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (locked, is_locked) = tokio::sync::oneshot::channel();
        let (db, mut locked) = (db.with_deadline(Duration::from_secs(60)), Some(locked));
        let mut transaction = JoinSet::new();
        transaction.spawn(async move {
            db.write("test.busy", move |tx| {
                tx.execute(statement, &[])?;
                if let Some(locked) = locked.take() {
                    locked.send(()).unwrap();
                }
                // It is released by a word, or by a test that has failed.
                let _ = released.recv();
                Ok(())
            })
            .await
        });
        is_locked.await.unwrap();
        Self { transaction, release }
    }

    /// Waits until so many others wait.
    pub async fn until_waited_for(&self, db: &Db, others: i64) {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        while number(db, waiting).await < others {
            tokio::task::yield_now().await;
        }
    }

    pub async fn release(self) {
        drop(self.release);
        assert_eq!(self.transaction.join_all().await, [Ok(())]);
    }
}
