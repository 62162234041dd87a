//! A node whose lease another node of the cluster keeps: it joins there, takes the lease from there, and carries its
//! usage there. All of it goes over the cluster's own network.

use std::{fs, io, path::Path, time::Duration};

use kaching_client::{Fingerprint, Guard, HandoverError, HandoverSource, LeaseUrl};
use serde_json::{Value, json};

use crate::{app::LICENSING, error::RunError};

/// The nodes that may keep the lease; whichever answers is asked.
#[derive(Clone)]
pub(crate) struct Peers {
    urls: Vec<String>,
    agent: ureq::Agent,
}

/// How long another node may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often usage is carried over.
const CARRIED: Duration = Duration::from_secs(1);

impl HandoverSource for Peers {
    fn fetch(&self) -> Result<Vec<u8>, HandoverError> {
        self.first(|url| LeaseUrl::new(format!("{url}{LICENSING}/lease")).fetch())
    }
}

impl Peers {
    pub(crate) fn new(urls: Vec<String>) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None);
        Self { urls, agent: config.http_status_as_error(false).build().new_agent() }
    }

    fn first<T>(&self, ask: impl Fn(&str) -> Result<T, HandoverError>) -> Result<T, HandoverError> {
        let mut why = "there is no node to ask".into();
        for url in &self.urls {
            match ask(url) {
                Ok(answer) => return Ok(answer),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// The cluster's id, as its other nodes have it; kept in the same place as theirs.
    pub(crate) fn cluster_id(&self, data: &Path) -> Result<Fingerprint, RunError> {
        let path = data.join("cluster-id");
        if !path.exists() {
            let cluster = self.first(|url| self.get(&format!("{url}/cluster"))).map_err(unreachable)?;
            let id = cluster["id"].as_str().filter(|id| !id.is_empty());
            let id = id.ok_or_else(|| unreachable("a node does not give the cluster's id".into()))?;
            fs::create_dir_all(data)?;
            fs::write(&path, id)?;
        }
        Ok(Fingerprint::cluster(path)?)
    }

    fn get(&self, url: &str) -> Result<Value, HandoverError> {
        let mut answer = self.agent.get(url).call()?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }

    /// Sends something to whichever node keeps the lease: its status and its answer.
    fn send(&self, path: &str, body: &Value) -> Result<(u16, Value), HandoverError> {
        self.first(|url| {
            let request = self.agent.post(format!("{url}{path}"));
            let mut answer = request.content_type("application/json").send(body.to_string())?;
            let status = answer.status().as_u16();
            let body = serde_json::from_str(&answer.body_mut().read_to_string()?).unwrap_or_default();
            // A node that follows itself refers to the one that keeps the lease.
            if status == 421 { Err(format!("{url} keeps no lease").into()) } else { Ok((status, body)) }
        })
    }

    /// Joins the cluster, if its license allows one node more.
    pub(crate) fn join(&self, name: &str, cluster: &Fingerprint) -> Result<(), RunError> {
        let body = json!({"name": name, "cluster": cluster.value()});
        let (status, answer) = self.send("/nodes", &body).map_err(unreachable)?;
        // It may be there already, from before a crash.
        if status == 201 || answer["code"] == "already_exists" {
            return Ok(());
        }
        Err(RunError::NotJoined(answer["error"].as_str().unwrap_or("the cluster gives no reason").to_owned()))
    }

    pub(crate) fn leave(&self, name: &str) {
        // A cluster that cannot be reached removes the node on its own.
        let _ = self.first(|url| Ok(self.agent.delete(format!("{url}/nodes/{name}")).call().map(drop)?));
    }

    /// Carries what was used here to the node that keeps the lease, until the guard ends.
    pub(crate) fn keep_carrying(&self, guard: &Guard, name: &str, cluster: &Fingerprint) {
        let mut watch = guard.watch();
        while !watch.closed() {
            self.carry(guard, name, cluster);
            let _ = watch.next(CARRIED);
        }
    }

    /// Sends the usage once, and joins again if another node renews the lease now. Usage that cannot be sent stays here.
    pub(crate) fn carry(&self, guard: &Guard, name: &str, cluster: &Fingerprint) {
        let usage = guard.take_usage();
        let sent = self.send("/usage", &json!({"node": name, "usage": usage}));
        if matches!(sent, Ok((204, _))) {
            return;
        }
        for (counter, amount) in usage {
            // The name was known when it was recorded.
            let _ = guard.record(&counter, amount);
        }
        if matches!(sent, Ok((404, _))) {
            let _ = self.join(name, cluster);
        }
    }
}

fn unreachable(error: HandoverError) -> RunError {
    RunError::System(io::Error::other(format!("no node of the cluster can be asked: {error}")))
}
