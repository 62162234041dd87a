//! Real clients, whose authority is restored to an older state.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use kaching_client::{Fingerprint, Guard, LicenseKey, State};
use kaching_testkit::{Engine, Scratch};
use serde_json::Value;

use crate::{kaching::Kaching, serve::Server};

/// The number of clients, unless `RESTORED_CLIENTS` sets another.
const CLIENTS: usize = 24;

/// The longest wait: a client activates again once a minute at most.
const LONGEST: Duration = Duration::from_secs(150);

/// The directory of an authority, and its database if that is elsewhere.
struct House {
    kaching: Kaching,
    database: Option<(Scratch, String)>,
}

/// An installation of the product.
struct Product {
    guard: Guard,
    dir: PathBuf,
    name: String,
}

struct Setting<'s> {
    url: String,
    root: String,
    key: String,
    folder: &'s Path,
    stops: Arc<AtomicUsize>,
}

impl House {
    fn new(engine: Engine) -> Self {
        let kaching = Kaching::new();
        let database = (engine == Engine::Postgres).then(|| {
            let scratch = Scratch::new(engine);
            let file = kaching.path().join("database");
            fs::write(&file, scratch.url.as_ref().unwrap()).unwrap();
            (scratch, format!("@{}", file.display()))
        });
        Self { kaching, database }
    }

    fn flags(&self) -> Vec<&str> {
        self.database.as_ref().map_or_else(Vec::new, |(_, file)| vec!["--database", file])
    }

    fn serve(&self, listen: &str) -> Server {
        Server::at(&self.kaching, listen, &self.flags())
    }
}

impl Setting<'_> {
    fn start(&self, name: &str) -> Product {
        let (dir, stops) = (self.folder.join(name), Arc::clone(&self.stops));
        let guard = Guard::builder(&self.url, &self.root)
            .product("chorus")
            .license_key(LicenseKey::new(self.key.clone()))
            .fingerprint(Fingerprint::instance(name).unwrap())
            .state_dir(&dir)
            .start_timeout(Duration::from_secs(60))
            .call_timeout(Duration::from_secs(60))
            .on_stop(move |_| {
                stops.fetch_add(1, Ordering::SeqCst);
            })
            .start()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Product { guard, dir, name: name.to_owned() }
    }
}

fn clients() -> usize {
    std::env::var_os("RESTORED_CLIENTS").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(CLIENTS)
}

fn activations(kaching: &Kaching) -> u64 {
    kaching.json(&["stats"])["activations"].as_u64().unwrap()
}

#[test]
fn going_back_to_a_backup_stops_no_client_on_sqlite() {
    goes_back(Engine::Sqlite);
}

#[test]
fn going_back_to_a_backup_stops_no_client_on_postgresql() {
    goes_back(Engine::Postgres);
}

fn goes_back(engine: Engine) {
    let (number, folder) = (clients(), tempfile::tempdir().unwrap());
    let house = House::new(engine);
    let server = house.serve("127.0.0.1:0");
    let listen = server.greeting["listen"].as_str().unwrap().to_owned();
    let text = |name: &str| server.greeting[name].as_str().unwrap().to_owned();
    house.kaching.with_license();
    let slots = format!("activations={}", number + 8);
    let create =
        ["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team", "--limit"];
    let license = house.kaching.json(&[&create[..], &[&slots]].concat());
    let (id, key) = (license["id"].as_str().unwrap(), license["key"].as_str().unwrap().to_owned());
    let stops = Arc::new(AtomicUsize::new(0));
    let setting = Setting {
        url: text("public_url"),
        root: text("root"),
        key,
        folder: folder.path(),
        stops: Arc::clone(&stops),
    };
    let mut products: Vec<_> = (0..number).map(|n| setting.start(&format!("before-{n}"))).collect();

    let (backup, root) = (folder.path().join("backup"), folder.path().join("root"));
    let (backup, root) = (backup.to_str().unwrap(), root.to_str().unwrap());
    let passphrase = folder.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery\n").unwrap();
    let sealed = ["--passphrase-file", passphrase.to_str().unwrap()];
    house.kaching.json(&["key", "root", "--save", root]);
    house.kaching.json(&[&["backup", backup, "--with-master-key"][..], &sealed].concat());

    life_after_the_backup(&house.kaching, &setting, &mut products, id);
    stops.store(0, Ordering::SeqCst);
    drop(server);

    let again = House::new(engine);
    let flags = again.flags();
    let restored =
        again.kaching.json(&[&["restore", backup, "--root-key", root][..], &sealed, &flags].concat());
    assert!(restored["epoch"].as_u64().unwrap() > 1);
    let server = again.serve(&listen);
    assert_eq!(activations(&again.kaching), number as u64, "those of the backup");
    come_back(&again.kaching, &products);
    assert_eq!(stops.load(Ordering::SeqCst), 0, "no client was stopped");
    let copies = again.kaching.json(&["audit", "list", "--action", "activation.two_holders"]);
    assert_eq!(copies["items"], Value::Array(Vec::new()), "nobody looks like a copy");

    // The revisions of the new epoch are below those that clients have seen, and are valid.
    again.kaching.json(&["license", "suspend", id, "--reason", "unpaid"]);
    for product in &products {
        let state = product.guard.heartbeat_now();
        assert!(matches!(state, State::Refused { .. }), "{}: {state:?}", product.name);
    }
    drop(server);
}

/// Makes changes after the backup: heartbeats, changed terms, new credentials, and installations that came and went.
fn life_after_the_backup(
    kaching: &Kaching,
    setting: &Setting<'_>,
    products: &mut Vec<Product>,
    license: &str,
) {
    for product in products.iter() {
        product.guard.heartbeat_now();
    }
    for nodes in ["nodes=5", "nodes=6", "nodes=7"] {
        kaching.json(&["license", "edit", license, "--limit", nodes]);
    }
    for n in (0..products.len()).step_by(3) {
        // Its state was lost: it activates again, with a credential of the next generation.
        let Product { guard, dir, name } = products.remove(n);
        drop(guard);
        fs::remove_dir_all(&dir).unwrap();
        products.insert(n, setting.start(&name));
    }
    products.extend((0..5).map(|n| setting.start(&format!("after-{n}"))));
    for product in products.iter() {
        product.guard.heartbeat_now();
    }
    let gone = products.remove(1);
    gone.guard.deactivate().unwrap();
}

/// Waits until each client has a lease of the restored authority, and asserts that none was without one.
fn come_back(kaching: &Kaching, products: &[Product]) {
    let end = now() + LONGEST;
    loop {
        for product in products {
            product.guard.heartbeat_now();
            product.guard.check().unwrap_or_else(|denied| panic!("{}: {denied}", product.name));
        }
        let active =
            products.iter().filter(|product| matches!(product.guard.state(), State::Active { .. })).count();
        // An installation that left after the backup holds its slot again, until it lapses.
        let held = activations(kaching);
        if active == products.len() && held == products.len() as u64 + 1 {
            return;
        }
        assert!(now() < end, "{active} of {} run, {held} are held", products.len());
    }
}

#[expect(clippy::disallowed_methods, reason = "real clients wait in real time")]
fn now() -> Instant {
    Instant::now()
}
