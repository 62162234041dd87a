//! Compares the authority's state with its acknowledgements. Nothing else calls it meanwhile.

use std::collections::BTreeMap;

use kaching_base::ActivationId;
use serde_json::Value;

use crate::{
    installation::Installation,
    load::RetryingClient,
    operator::License,
    random::Random,
    rounds::{AcknowledgedWrites, SLOTS},
    server::Server,
};

/// Checks after each kill: the holders of the slots, their number, the states of the licenses, and that nobody looks like a copy.
pub(crate) fn standing(
    server: &Server,
    acknowledged: &AcknowledgedWrites,
    probe: &mut Installation,
    client: &mut RetryingClient<'_>,
    random: &mut Random,
) {
    let listed = server.list(&format!("activations?license={}", acknowledged.license));
    let mut found: BTreeMap<_, _> =
        listed.iter().map(|it| (it["fingerprint"].as_str().unwrap(), it)).collect();
    assert_eq!(found.len(), listed.len(), "two activations of one fingerprint");
    let mut active = 0;
    let own: Vec<_> = acknowledged.installations.iter().map(|own| own.lock().unwrap()).collect();
    for Installation { fingerprint, id, active: runs, .. } in own.iter().flat_map(|own| own.iter()) {
        let status = id.as_ref().map(|_| if *runs { "active" } else { "deactivated" });
        let found = found.remove(fingerprint.as_str());
        assert_eq!(found.and_then(|it| it["id"].as_str()), id.as_deref(), "{fingerprint}");
        assert_eq!(found.and_then(|it| it["status"].as_str()), status, "{fingerprint}");
        active += u64::from(*runs);
    }
    found.remove("probe");
    assert!(found.is_empty(), "activations that nobody asked for: {found:?}");
    assert!(active <= SLOTS, "{active} active activations");
    // The count in the license's row is the one that admits an installation.
    assert_eq!(probe.activate(client, random), active < SLOTS, "{active} of {SLOTS} slots are held");
    if probe.active {
        probe.deactivate(client, random);
    }
    let listed = server.list("licenses?customer=operated");
    let found: BTreeMap<_, _> = listed.iter().map(|it| (it["id"].as_str().unwrap(), it)).collect();
    let operator = acknowledged.operator.lock().unwrap();
    assert_eq!(found.len(), operator.licenses.len(), "licenses that nobody made, or lost ones");
    for license in &operator.licenses {
        let found = found[license.id.as_str()];
        assert_eq!(found["status"], if license.suspended { "suspended" } else { "active" }, "{}", license.id);
        assert_eq!(found["revision"], 1 + license.suspensions + license.reinstatements, "{}", license.id);
    }
    assert!(entries(server, "activation.two_holders").is_empty(), "a false copy");
}

/// At the end: one audit entry for each change, and in the database every number and every use. How many writes.
pub(crate) fn everything(
    server: &mut Server,
    acknowledged: &AcknowledgedWrites,
    probe: &Installation,
) -> u64 {
    let own: Vec<_> = acknowledged.installations.iter().map(|own| own.lock().unwrap()).collect();
    let installations = || own.iter().flat_map(|own| own.iter()).chain([probe]).filter(|it| it.id.is_some());
    let of_installations = |count: fn(&Installation) -> u64| {
        counted(installations().map(|it| (it.id.clone().unwrap(), count(it))))
    };
    let operator = acknowledged.operator.lock().unwrap();
    let of_licenses =
        |count: fn(&License) -> u64| counted(operator.licenses.iter().map(|it| (it.id.clone(), count(it))));
    let changes = [
        ("activation.activate", of_installations(|it| it.activations)),
        ("activation.deactivate", of_installations(|it| it.deactivations)),
        ("license.suspend", of_licenses(|it| it.suspensions)),
        ("license.reinstate", of_licenses(|it| it.reinstatements)),
    ];
    let entries = |action: &str| {
        let mut found = entries(server, action);
        found.retain(|id, _| !acknowledged.apart.contains(id));
        found
    };
    let mut writes = operator.licenses.len() as u64;
    for (action, acknowledged) in changes {
        assert_eq!(entries(action), acknowledged, "entries of {action}");
        writes += acknowledged.values().sum::<u64>();
    }
    let mut created = entries("license.create");
    assert_eq!(created.remove(&acknowledged.license), Some(1));
    assert_eq!(created, of_licenses(|_| 1), "entries of license.create");

    server.kill();
    let (numbers, usage) = stored(server);
    for installation in installations() {
        let id = installation.id.as_ref().unwrap();
        let used = usage.get(id).cloned().unwrap_or_default();
        assert_eq!(used, installation.used, "usage of {}", installation.fingerprint);
        assert_eq!(numbers[id], installation.number, "heartbeats of {}", installation.fingerprint);
        writes += installation.heartbeats + used.len() as u64;
    }
    writes
}

/// Successful entries of an action by target.
fn entries(server: &Server, action: &str) -> BTreeMap<String, u64> {
    let entries = server.list(&format!("audit?action={action}"));
    let done = entries.iter().filter(|entry| entry["outcome"] == "ok");
    let target = |entry: &Value| (entry["target"].as_str().unwrap().to_owned(), 1);
    counted(done.map(target))
}

fn counted(all: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (name, count) in all.filter(|(_, count)| *count > 0) {
        *counts.entry(name).or_default() += count;
    }
    counts
}

/// The last heartbeat's number and the usage by its number, of each activation, as they are in the database.
pub(crate) fn stored(server: &Server) -> (BTreeMap<String, u64>, BTreeMap<String, BTreeMap<u64, u64>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = server.scratch.open().await;
        let number = |number: i64| u64::try_from(number).unwrap();
        let numbers = db.read("test.numbers", move |tx| {
            tx.query_all("select id, number from activations", &[], |row| {
                Ok((row.get::<ActivationId>(0)?.to_string(), number(row.get(1)?)))
            })
        });
        let numbers = numbers.await.unwrap_or_else(|error| panic!("{error}"));
        let usage = db.read("test.usage", move |tx| {
            tx.query_all("select activation, seq, amount from usage_reports", &[], |row| {
                Ok((row.get::<ActivationId>(0)?.to_string(), number(row.get(1)?), number(row.get(2)?)))
            })
        });
        let mut by_activation: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (id, seq, amount) in usage.await.unwrap_or_else(|error| panic!("{error}")) {
            by_activation.entry(id).or_default().insert(seq, amount);
        }
        // Those that the server had not rolled up when it was killed.
        let waiting = db.read("test.usage_inbox", |tx| {
            tx.query_all("select activation, increments from usage_inbox", &[], |row| {
                Ok((row.get::<ActivationId>(0)?.to_string(), row.get::<String>(1)?))
            })
        });
        for (id, increments) in waiting.await.unwrap_or_else(|error| panic!("{error}")) {
            let increments: Vec<serde_json::Value> = serde_json::from_str(&increments).unwrap();
            for one in increments {
                let (seq, amount) = (one["seq"].as_u64().unwrap(), one["amount"].as_u64().unwrap());
                by_activation.entry(id.clone()).or_default().insert(seq, amount);
            }
        }
        db.close().await;
        (numbers.into_iter().collect(), by_activation)
    })
}
