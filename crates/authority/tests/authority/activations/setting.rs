//! One product with one license, and installations that call the authority like clients.

use std::{collections::BTreeMap, sync::Arc};

use kaching_authority::{
    Activation, Actor, AuditFilter, Authority, Cx, Digest, Error, Fingerprint, KeyRing, LicenseKey, List,
    NewCustomer, NewFeature, NewLicense, NewPlan, NewProduct, Nonce, Refused, Sight,
    activations::{Activate, Activated, Answer, Deactivate, Heartbeat, Proof, Refusal, Renewed},
    domain::{Contact, licenses::Draft},
};
use kaching_base::{ActivationId, Code, ErrorCode, FingerprintKind, LicenseId, Limit, TokenId};
use kaching_db::{Config, Db, Metrics};
use kaching_license::{Authorization, Credential, Expected, Lease, Moment, TrustedKeyset};
use kaching_testkit::World;
use serde_json::Value;

pub fn operator() -> Cx {
    Cx::of(Actor::Token(TokenId::from_bytes([5; 16])))
}

/// Opens the database of an authority, next to the authority itself.
pub async fn database(config: &Config) -> Db {
    Db::open(config.clone(), Metrics::register(&mut Default::default())).await.unwrap()
}

pub fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// Awaits a future while the authority notifies listeners of changes, as it does in a server.
pub async fn following<T>(authority: &Authority, visit: impl Future<Output = T>) -> T {
    tokio::select! {
        visited = visit => visited,
        () = authority.follow_changes() => unreachable!("it runs until it is dropped"),
    }
}

/// The license of a world.
#[derive(Clone)]
pub struct Site {
    pub license: LicenseId,
    pub key: LicenseKey,
}

impl Site {
    /// A license with so many slots, whose other terms the test chooses.
    pub async fn new(world: &World, slots: u64, draft: Draft) -> Self {
        let authority = &world.authority;
        let contact = Contact { url: Some("https://chorus.example/buy".to_owned()), email: None };
        let product = NewProduct {
            code: code("chorus"),
            name: "CHORUS".to_owned(),
            key_prefix: None,
            contact,
            lease_alg: None,
            key_format: None,
        };
        authority.create_product(operator(), product).await.unwrap();
        for name in ["federation", "audit_export"] {
            let (title, benefit) = (name.to_owned(), format!("{name} for all"));
            let feature = NewFeature { product: "chorus".to_owned(), code: code(name), title, benefit };
            authority.create_feature(operator(), feature).await.unwrap();
        }
        for (name, rank, max) in [("team", 1, slots), ("enterprise", 2, slots + 100)] {
            authority.create_plan(operator(), plan(name, rank, max)).await.unwrap();
        }
        let reference = Some("CUST-001".parse().unwrap());
        let customer = NewCustomer { name: "Acme".to_owned(), reference, ..NewCustomer::default() };
        authority.create_customer(operator(), customer).await.unwrap();
        let new = NewLicense {
            customer: "CUST-001".to_owned(),
            product: "chorus".to_owned(),
            plan: "team".to_owned(),
            key_format: None,
            draft,
        };
        let made = authority.create_license(operator(), new).await.unwrap();
        Self { license: made.license.id, key: made.key.unwrap() }
    }

    pub async fn plain(world: &World, slots: u64) -> Self {
        Self::new(world, slots, Draft::default()).await
    }
}

fn plan(name: &str, rank: i64, slots: u64) -> NewPlan {
    let limits = [
        (code("activations"), Limit::Slots { max: Some(slots) }),
        (code("nodes"), Limit::Level { max: Some(3) }),
        (code("jobs"), "9/month".parse::<Limit>().unwrap()),
    ];
    NewPlan {
        product: "chorus".to_owned(),
        code: code(name),
        name: name.to_owned(),
        rank,
        license_type: None,
        features: [code("federation")].into(),
        limits: limits.into(),
        term: Some(kaching_base::Term::of_days(365).unwrap()),
        policy: Default::default(),
        price: None,
    }
}

/// An installation of the product, with what its client keeps.
#[derive(Clone)]
pub struct Installation {
    pub fingerprint: String,
    pub credential: Option<Credential>,
    pub number: u64,
    pub keys: Option<Arc<KeyRing>>,
    drawn: u64,
    salt: u64,
}

/// A body that no other request has.
fn body(nonce: &Nonce) -> Vec<u8> {
    format!("{{\"nonce\":\"{nonce}\"}}").into_bytes()
}

impl Installation {
    pub fn new(fingerprint: &str) -> Self {
        Self {
            fingerprint: fingerprint.to_owned(),
            credential: None,
            number: 0,
            keys: None,
            drawn: 0,
            salt: 0,
        }
    }

    /// Draws other nonces than another one of the same fingerprint does.
    pub fn salt(&mut self, salt: u64) {
        self.salt = salt;
    }

    pub fn id(&self) -> ActivationId {
        self.credential.as_ref().expect("it was activated").activation
    }

    pub fn draw(&mut self) -> Nonce {
        self.drawn += 1;
        let hash = Digest::of(format!("{}#{}#{}", self.fingerprint, self.salt, self.drawn)).to_string();
        hash.parse().unwrap()
    }

    pub fn request(&mut self, site: &Site) -> Activate {
        let nonce = self.draw();
        Activate {
            key: site.key.clone(),
            product: code("chorus"),
            fingerprint: Fingerprint::new(FingerprintKind::Cluster, self.fingerprint.clone()).unwrap(),
            kind: FingerprintKind::Cluster,
            name: Some(format!("name of {}", self.fingerprint)),
            version: Some("2.4.1".to_owned()),
            levels: BTreeMap::new(),
            moves_from: None,
            proof: None,
            request: Digest::of(body(&nonce)),
            admits_new: true,
            nonce,
        }
    }

    pub async fn activate(&mut self, world: &World, site: &Site) -> Result<Activated, Refusal> {
        let request = self.request(site);
        self.send(world, request).await
    }

    pub async fn move_from(
        &mut self,
        world: &World,
        site: &Site,
        from: ActivationId,
    ) -> Result<Activated, Refusal> {
        let request = Activate { moves_from: Some(from), ..self.request(site) };
        self.send(world, request).await
    }

    pub async fn send(&mut self, world: &World, request: Activate) -> Result<Activated, Refusal> {
        let answer = world.authority.activate(Cx::of(Actor::Client), request).await;
        let activated = answered(answer)?;
        self.credential = Some(Credential::parse(activated.credential.expose()).unwrap());
        self.keys = Some(world.authority.keys());
        self.number = 0;
        Ok(activated)
    }

    /// The proof of a call with this number.
    pub fn prove(&self, number: u64, nonce: &Nonce) -> Proof {
        let credential = self.credential.as_ref().expect("it was activated");
        let (header, request) = credential.authorize(number, "POST", "/v1/x", &body(nonce));
        let keys = self.keys.as_ref().expect("it was activated");
        Proof::check(keys, Authorization::parse(&header).unwrap(), request).unwrap()
    }

    pub fn beat(&mut self) -> Heartbeat {
        let nonce = self.draw();
        Heartbeat {
            proof: self.prove(self.number + 1, &nonce),
            nonce,
            fpr: Digest::of(&self.fingerprint),
            version: None,
            health: None,
            levels: None,
            usage: Vec::new(),
        }
    }

    /// The next heartbeat; a refusal is an answer, too.
    pub async fn heartbeat(&mut self, world: &World) -> Result<Renewed, Refusal> {
        let beat = self.beat();
        let answer = self.send_heartbeat(world, beat).await;
        if answer.as_ref().err().is_none_or(|refusal| refusal.refused.code.signed()) {
            self.number += 1;
        }
        answer
    }

    pub async fn send_heartbeat(&self, world: &World, beat: Heartbeat) -> Result<Renewed, Refusal> {
        answered(world.authority.heartbeat(Cx::of(Actor::Client), beat).await)
    }

    pub async fn deactivate(&mut self, world: &World) -> Result<(), ErrorCode> {
        let nonce = self.draw();
        let ask = self.give_back(&nonce);
        self.send_back(world, ask).await
    }

    pub fn give_back(&self, nonce: &Nonce) -> Deactivate {
        Deactivate { proof: self.prove(0, nonce), nonce: nonce.clone() }
    }

    pub async fn send_back(&self, world: &World, ask: Deactivate) -> Result<(), ErrorCode> {
        world.authority.deactivate(Cx::of(Actor::Client), ask).await.map_err(|error| error.code())
    }
}

/// Refusals, signed or not, in one place.
fn answered<T>(answer: Result<Answer<T>, Error>) -> Result<T, Refusal> {
    match answer {
        Ok(Answer::Granted(granted)) => Ok(granted),
        Ok(Answer::Refused(refusal)) => Err(refusal),
        Err(error @ (Error::Invalid { .. } | Error::OutdatedCredential { .. })) => {
            let refused = Refused::new(error.code(), error.to_string());
            Err(Refusal { refused: Box::new(refused), statement: None })
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// The code of a refusal.
pub fn refused<T>(answer: Result<T, Refusal>) -> ErrorCode {
    match answer {
        Err(refusal) => refusal.refused.code,
        Ok(_) => panic!("it was granted"),
    }
}

/// The keyset as a client verifies it, from the pinned roots.
pub fn trusted(authority: &Authority) -> TrustedKeyset {
    let keys = authority.keys();
    TrustedKeyset::verify(&keys.keysets[0], &keys.roots, None, Moment::Inspect).unwrap()
}

/// Verifies a lease as the answer to the request, and returns its claims.
pub fn read_lease(world: &World, lease: &str, request: Digest) -> Lease {
    let expected = Expected { req: Some(request), ..Expected::default() };
    trusted(&world.authority).verify_lease(lease, &expected, Moment::Answer).unwrap()
}

pub async fn shown(world: &World, id: ActivationId) -> Activation {
    world.authority.activation(&Sight::All, id).await.unwrap().activation
}

/// Returns the number of activations with a slot, and the count in the license's row.
pub async fn counts(world: &World, site: &Site) -> (u64, i64) {
    let asker = kaching_authority::status::Asker::Key(site.key.clone());
    let standing = world.authority.status(asker).await.unwrap();
    (standing.active, standing.license.license.active)
}

/// The actions and codes of a target's entries, the newest first.
pub async fn entries(world: &World, target: impl ToString) -> Vec<(String, Option<String>)> {
    let filter = AuditFilter { target: Some(target.to_string()), personal: true, ..AuditFilter::default() };
    let list = List { limit: Some(200), filter, ..List::default() };
    let found = world.authority.audit_entries(&Sight::All, list).await.unwrap();
    let read = |body: &str| -> Value { serde_json::from_str(body).unwrap() };
    found
        .items
        .into_iter()
        .map(|record| {
            let body = read(&record.body);
            (body["action"].as_str().unwrap().to_owned(), body["code"].as_str().map(str::to_owned))
        })
        .collect()
}
