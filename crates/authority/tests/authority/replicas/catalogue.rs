//! A server sees the edits of a product's catalogue that another server has made, although it caches what it has read.

use std::{collections::BTreeMap, sync::Arc};

use kaching_authority::{
    Actor, Authority, Cx, Digest, EditContact, EditFeature, EditPlan, EditProduct, Fingerprint, LicenseKey,
    NewFeature, Nonce,
    activations::{Activate, Activated, Answer, Heartbeat, Proof},
    license::{Lease, Moment, TrustedKeyset},
    validate::Validate,
};
use kaching_base::{ErrorCode, FingerprintKind, LeaseAlgorithm, Seconds};
use kaching_license::{Authorization, Credential, Unverified};

use super::setting::{Shared, furnish, operator};

/// An installation that is active, and the server that it talks to.
struct Active {
    authority: Arc<Authority>,
    key: LicenseKey,
    credential: Credential,
    number: u64,
}

fn nonce(number: u64) -> Nonce {
    format!("nonce-of-the-installation-{number:020}").parse().unwrap()
}

fn granted<T>(answer: kaching_authority::Result<Answer<T>>) -> T {
    match answer.unwrap() {
        Answer::Granted(granted) => granted,
        Answer::Refused(refusal) => panic!("{:?}", refusal.refused),
    }
}

impl Active {
    async fn on(authority: &Arc<Authority>, key: LicenseKey) -> Self {
        let ask = Activate {
            key: key.clone(),
            product: "chorus".parse().unwrap(),
            fingerprint: Fingerprint::new(FingerprintKind::Cluster, "c1".to_owned()).unwrap(),
            kind: FingerprintKind::Cluster,
            name: None,
            version: None,
            levels: BTreeMap::new(),
            moves_from: None,
            proof: None,
            request: Digest::of("activate"),
            admits_new: true,
            nonce: nonce(0),
        };
        let Activated { credential, .. } = granted(authority.activate(Cx::of(Actor::Client), ask).await);
        let credential = Credential::parse(credential.expose()).unwrap();
        Self { authority: Arc::clone(authority), key, credential, number: 0 }
    }

    /// The lease of the next heartbeat.
    async fn lease(&mut self) -> Lease {
        self.number += 1;
        let (header, request) = self.credential.authorize(self.number, "POST", "/v1/heartbeat", b"{}");
        let proof =
            Proof::check(&self.authority.keys(), Authorization::parse(&header).unwrap(), request).unwrap();
        let heartbeat = Heartbeat {
            proof,
            nonce: nonce(self.number),
            fpr: Digest::of("c1"),
            version: None,
            health: None,
            levels: None,
            usage: Vec::new(),
        };
        let renewed = granted(self.authority.heartbeat(Cx::of(Actor::Client), heartbeat).await);
        let keys = self.authority.keys();
        let keyset = TrustedKeyset::verify(&keys.keysets[0], &keys.roots, None, Moment::Inspect).unwrap();
        keyset.verify_lease(&renewed.lease, &Default::default(), Moment::Inspect).unwrap()
    }

    /// The algorithm that signs a validation.
    async fn validation(&self) -> String {
        let ask = Validate {
            key: Some(self.key.clone()),
            product: None,
            fingerprint: None,
            kind: None,
            features: Vec::new(),
            nonce: Some(nonce(self.number)),
            request: Digest::of("validate"),
        };
        let validated = self.authority.validate(ask).await.unwrap();
        Unverified::read(&validated.statement.unwrap()).unwrap().alg.to_owned()
    }

    /// The contact that a refusal names: no slot is free for another installation.
    async fn contact(&self) -> Option<String> {
        let ask = Activate {
            key: self.key.clone(),
            product: "chorus".parse().unwrap(),
            fingerprint: Fingerprint::new(FingerprintKind::Cluster, "c2".to_owned()).unwrap(),
            kind: FingerprintKind::Cluster,
            name: None,
            version: None,
            levels: BTreeMap::new(),
            moves_from: None,
            proof: None,
            request: Digest::of("activate"),
            admits_new: true,
            nonce: nonce(1_000_000 + self.number),
        };
        match self.authority.activate(Cx::of(Actor::Client), ask).await.unwrap() {
            Answer::Granted(_) => panic!("the license has one slot"),
            Answer::Refused(refusal) => {
                assert_eq!(refusal.refused.code, ErrorCode::ActivationLimitReached);
                refusal.refused.contact.unwrap().url
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn catalogue_edits_are_seen_by_a_second_replicas_cache() {
    let shared = Shared::fresh();
    let (one, two) = (shared.start(1).await, shared.start(2).await);
    let license = furnish(&one.authority, 1).await[0];
    shared.clock.advance(Seconds(1));
    one.authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
    two.authority.follow_keys().await.unwrap();
    let key = one.authority.reveal_key(operator(), license.to_string()).await.unwrap().key;
    let mut installation = Active::on(&two.authority, key).await;
    let before = installation.lease().await;
    assert_eq!(installation.lease().await.cat, before.cat, "nothing has changed, and it is cached");
    assert_eq!((installation.validation().await, installation.contact().await), ("EdDSA".to_owned(), None));

    let feature = NewFeature {
        product: "chorus".to_owned(),
        code: "federation".parse().unwrap(),
        title: "Federation".to_owned(),
        benefit: String::new(),
    };
    shared.clock.advance(Seconds(1));
    one.authority.create_feature(operator(), feature).await.unwrap();
    let with_feature = installation.lease().await;
    assert_ne!(with_feature.cat, before.cat, "a new feature");

    let title = EditFeature { title: Some("Federated rooms".to_owned()), ..EditFeature::default() };
    shared.clock.advance(Seconds(1));
    one.authority.edit_feature(operator(), "chorus:federation".to_owned(), title).await.unwrap();
    let retitled = installation.lease().await;
    assert_ne!(retitled.cat, with_feature.cat, "a feature with another title");

    let name = EditPlan { name: Some("Teams".to_owned()), ..EditPlan::default() };
    shared.clock.advance(Seconds(1));
    one.authority.edit_plan(operator(), "chorus:team".to_owned(), name).await.unwrap();
    let renamed = installation.lease().await;
    assert_ne!(renamed.cat, retitled.cat, "a plan with another name");

    let url = Some(Some("https://chorus.example/buy".to_owned()));
    let contact = EditContact { url, ..EditContact::default() };
    let edit = EditProduct { contact, lease_alg: Some(LeaseAlgorithm::Rs256), ..EditProduct::default() };
    shared.clock.advance(Seconds(1));
    one.authority.edit_product(operator(), "chorus".to_owned(), edit).await.unwrap();
    assert_eq!(installation.validation().await, "RS256", "a product with another algorithm");
    let buy = installation.contact().await;
    assert_eq!(buy.as_deref(), Some("https://chorus.example/buy"), "a product with another contact");
    assert_ne!(installation.lease().await.cat, renamed.cat, "and in the catalogue");
}
