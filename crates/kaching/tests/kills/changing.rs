//! A license that changes, and how soon its listeners know that.

use std::{
    iter,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    listeners::{Listener, Received},
    random::Random,
    server::Server,
    wire::{CLIENT, Target},
};

/// No event is waited for longer.
const DEADLINE: Duration = Duration::from_secs(60);
/// Changes whose way is measured. The quickest counts: on a busy machine anything can be late, but not each time.
const CHANGES: usize = 11;

pub(crate) struct Changing {
    license: String,
    key: String,
    suspended: bool,
    pub(crate) rev: u64,
    random: Random,
}

/// Has those who listen or wait go home, also where something has failed.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Changing {
    /// A license of the product that is there.
    pub(crate) fn new(server: &Server) -> Self {
        let body = json!({"customer": "loaded", "product": "chorus", "plan": "team",
            "limits": {"activations": {"kind": "slots", "max": 4}}});
        let made = server.ask("POST", "licenses", &body);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { license: text("id"), key: text("key"), suspended: false, rev: 1, random: Random::new(6) }
    }

    /// One more installation, on its way to the authority.
    pub(crate) fn listener(&mut self, target: Target) -> Listener {
        let fingerprint = self.random.nonce();
        Listener::activate(target, &self.key, &fingerprint, &mut self.random)
    }

    /// Suspends or reinstates it at this server.
    pub(crate) fn change(&mut self, server: &Server) {
        let (verb, body) =
            if self.suspended { ("reinstate", json!({})) } else { ("suspend", json!({"reason": "a test"})) };
        let changed = server.ask("POST", &format!("licenses/{}/{verb}", self.license), &body);
        self.suspended = !self.suspended;
        self.rev = changed["revision"].as_u64().unwrap();
    }

    /// How soon each of these learns of a change. Servers make them in turn: a listener at another server learns of it when
    /// that has looked.
    pub(crate) fn soonest<const N: usize>(
        &mut self,
        servers: &[Server],
        listeners: [&Listener; N],
    ) -> [Duration; N] {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let _ends = Ends(&ended);
            let received = listeners.map(|listener| listen(scope, listener, &ended).0);
            // The present state when a stream begins.
            for received in &received {
                received.recv_timeout(DEADLINE).unwrap();
            }
            let mut soonest = [Duration::MAX; N];
            for server in servers.iter().cycle().take(CHANGES) {
                let began = Instant::now();
                self.change(server);
                for (soonest, received) in soonest.iter_mut().zip(&received) {
                    let next = || received.recv_timeout(DEADLINE).unwrap();
                    let (_, at) = iter::repeat_with(next).find(|(rev, _)| *rev >= self.rev).unwrap();
                    *soonest = (*soonest).min(at - began);
                }
            }
            // The last one lets them go.
            ended.store(true, Ordering::SeqCst);
            self.change(&servers[0]);
            soonest
        })
    }

    /// The ids that its entries in the audit log name. Those who came through TLS have been seen at their own address.
    pub(crate) fn apart(&self, server: &Server) -> Vec<String> {
        let listed = server.list(&format!("activations?license={}", self.license));
        let addresses: Vec<_> = listed.iter().map(|it| it["address"].as_str().unwrap()).collect();
        let own = addresses.iter().filter(|address| **address == CLIENT.to_string()).count();
        assert_eq!(own, 2, "X-Forwarded-For has not come through: {addresses:?}");
        let ids = listed.iter().map(|it| it["id"].as_str().unwrap().to_owned());
        ids.chain([self.license.clone()]).collect()
    }
}

/// The events of a listener, and the number of streams that they took.
pub(crate) fn listen<'scope>(
    scope: &'scope Scope<'scope, '_>,
    listener: &'scope Listener,
    ended: &'scope AtomicBool,
) -> (Receiver<Received>, ScopedJoinHandle<'scope, u64>) {
    let (sender, received) = channel();
    (received, scope.spawn(move || listener.listen(&sender, ended)))
}
