//! The authority without a database: the decisions of the domain over rows in memory.

use std::collections::BTreeMap;

use kaching_base::{
    ActivationId, Code, CopyPolicy, CustomerId, ErrorCode, FingerprintKind, LeasePolicy, LicenseId,
    LicenseType, PlanId, ProductId, Seconds, Timestamp,
};
use kaching_domain::{
    Activation, Fingerprint, License, Nonce, Status, Terms,
    activations::{
        Displaced,
        activate::{self, activate},
        heartbeat::{self, HeartbeatOutcome, heartbeat},
    },
};

use super::simulation::{Authority, Beat, Reply};

pub struct Ledger {
    license: License,
    product: Code,
    activation: Option<Activation>,
    displaced: BTreeMap<i64, Displaced>,
    nonces: BTreeMap<String, Timestamp>,
    sightings: usize,
    pub sighted_at: Option<Timestamp>,
    pub renewals: usize,
}

impl Ledger {
    pub fn new(copies: CopyPolicy) -> Self {
        Self {
            license: license(copies),
            product: "chorus".parse().unwrap(),
            activation: None,
            displaced: BTreeMap::new(),
            nonces: BTreeMap::new(),
            sightings: 0,
            sighted_at: None,
            renewals: 0,
        }
    }

    fn request(&self, nonce: &str) -> activate::ActivateRequest {
        activate::ActivateRequest {
            product: self.product.clone(),
            fingerprint: Fingerprint::new(FingerprintKind::Cluster, "c1").unwrap(),
            kind: FingerprintKind::Cluster,
            name: None,
            version: None,
            levels: BTreeMap::new(),
            nonce: nonce.parse().unwrap(),
            address: None,
        }
    }
}

impl Authority for Ledger {
    fn activate(&mut self, now: Timestamp, nonce: &str) -> Reply {
        let seen = self.nonces.get(nonce).is_some_and(|at| now <= *at + Seconds::days(1));
        let situation = activate::ActivateContext {
            license: &self.license,
            product: &self.product,
            present: self.activation.as_ref(),
            nonce_seen: seen,
            moving: None,
            held: u64::from(self.activation.as_ref().is_some_and(|activation| activation.holds_slot(now))),
            holders: &[],
            in_grace: &[],
            moves: &[],
            new_id: ActivationId::from_bytes([1; 16]),
            now,
        };
        match activate(&self.request(nonce), &situation) {
            Ok(decision) => {
                let generation = decision.activation.credential.generation;
                if let Some(displaced) = decision.displaced {
                    self.displaced.insert(displaced.generation, displaced);
                }
                self.nonces.insert(nonce.to_owned(), now);
                self.activation = Some(decision.activation);
                Reply::Activated { generation }
            }
            Err(refused) if refused.code == ErrorCode::CredentialInvalid => Reply::Invalid,
            Err(refused) if refused.code == ErrorCode::CopySuspected => Reply::Suspected,
            Err(refused) => panic!("{refused:?}"),
        }
    }

    fn heartbeat(&mut self, now: Timestamp, beat: &Beat) -> Reply {
        let activation = self.activation.as_ref().expect("it was activated");
        let request = heartbeat::HeartbeatRequest {
            generation: beat.generation,
            number: beat.number,
            nonce: beat.nonce.parse::<Nonce>().unwrap(),
            own_fingerprint: true,
            version: None,
            levels: BTreeMap::new(),
            address: None,
        };
        let situation = heartbeat::HeartbeatContext {
            license: &self.license,
            product: &self.product,
            activation,
            displaced: self.displaced.get(&beat.generation),
            free_slot: Some(true),
            now,
        };
        let (remembered, reply) = match heartbeat(&request, &situation) {
            HeartbeatOutcome::NeedsSlot => unreachable!("the slot is free"),
            HeartbeatOutcome::Moved(_) => unreachable!("nothing moves away"),
            HeartbeatOutcome::Fails(remembered) => {
                let activation = self.activation.as_mut().expect("it was activated");
                activation.suspicion = remembered.suspicion.clone();
                (remembered, Reply::Invalid)
            }
            HeartbeatOutcome::Answered(answered) => {
                let reply = match answered.answer {
                    Ok(_) => Reply::Renewed,
                    Err(refused) if refused.code == ErrorCode::CopySuspected => Reply::Suspected,
                    Err(refused) => panic!("{refused:?}"),
                };
                self.renewals += usize::from(reply == Reply::Renewed);
                self.activation = Some(answered.activation);
                (answered.remembered, reply)
            }
        };
        if let Some(displaced) = remembered.displaced {
            self.displaced.insert(displaced.generation, displaced);
        }
        if remembered.sighting {
            self.sightings += 1;
            self.sighted_at.get_or_insert(now);
        }
        reply
    }

    fn sightings(&mut self) -> usize {
        self.sightings
    }
}

fn license(copies: CopyPolicy) -> License {
    let policy = LeasePolicy { copies, ..LeasePolicy::default() };
    let start = Timestamp::from_seconds(1_795_305_600);
    License {
        id: LicenseId::from_bytes([2; 16]),
        product: ProductId::from_bytes([3; 16]),
        customer: CustomerId::from_bytes([4; 16]),
        plan: PlanId::from_bytes([5; 16]),
        license_type: LicenseType::Perpetual,
        status: Status::Active,
        revision: 1,
        starts_at: Some(start),
        expires_at: None,
        kept_day: None,
        starts_at_first_activation: false,
        granted: Terms { policy, ..Terms::default() }.into(),
        overrides: Default::default(),
        bindings: Vec::new(),
        tags: Default::default(),
        notes: String::new(),
        metadata: Default::default(),
        suspended_reason: None,
        scheduled: None,
        active: 0,
        created_at: start,
        updated_at: start,
        archived_at: None,
    }
}
