//! As much of a balancer as there has to be: it asks each server whether it is ready, and hands connections to those that
//! are. Its threads end with the process.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::wire::{Call, Line};

/// Between two questions to a server.
const CHECK: Duration = Duration::from_millis(50);

pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    servers: Arc<Servers>,
}

struct Servers {
    addresses: Vec<SocketAddr>,
    ready: Mutex<Vec<bool>>,
    changed: Condvar,
    turn: AtomicUsize,
}

impl Balancer {
    pub(crate) fn start(addresses: Vec<SocketAddr>) -> Self {
        let ready = Mutex::new(vec![true; addresses.len()]);
        let servers =
            Arc::new(Servers { addresses, ready, changed: Condvar::default(), turn: AtomicUsize::default() });
        for at in 0..servers.addresses.len() {
            let servers = Arc::clone(&servers);
            thread::spawn(move || servers.watch(at));
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handing = Arc::clone(&servers);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let servers = Arc::clone(&handing);
                thread::spawn(move || servers.hand_over(&client));
            }
        });
        Self { address, servers }
    }

    /// Waits until it sends nothing to this server, or something again.
    pub(crate) fn until(&self, server: SocketAddr, is_ready: bool) {
        let at = self.servers.addresses.iter().position(|address| *address == server).unwrap();
        let ready = self.servers.ready.lock().unwrap();
        let longest = Duration::from_secs(60);
        let waited =
            self.servers.changed.wait_timeout_while(ready, longest, |ready| ready[at] != is_ready).unwrap();
        assert_eq!(waited.0[at], is_ready, "{server}");
    }
}

/// Whether a server says that it can work.
pub(crate) fn status(line: &mut Line) -> Option<u16> {
    line.ask(&Call::new("GET", "/ready", &Value::Null)).ok().map(|answer| answer.status)
}

impl Servers {
    fn watch(&self, at: usize) {
        loop {
            let ready = status(&mut Line::to(self.addresses[at])) == Some(200);
            let mut known = self.ready.lock().unwrap();
            known[at] = ready;
            self.changed.notify_all();
            drop(self.changed.wait_timeout_while(known, CHECK, |_| true).unwrap());
        }
    }

    /// One connection belongs to one server, for as long as both keep it.
    fn hand_over(&self, client: &TcpStream) {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.addresses.len();
        let ready = self.ready.lock().unwrap().clone();
        let server = (first..first + count)
            .map(|at| at % count)
            .filter(|at| ready[*at])
            .find_map(|at| TcpStream::connect(self.addresses[at]).ok());
        let Some(server) = server else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        thread::scope(|scope| {
            scope.spawn(|| pass_on(client, &server));
            pass_on(&server, client);
        });
    }
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream) {
    // The side that ends first ends it for both.
    let _ = io::copy(&mut from, &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
