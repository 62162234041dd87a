//! A proxy between the clusters and the authority, which can be cut like a network.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// A TCP proxy from a port of this machine to an address.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<ProxyState>>,
}

#[derive(Default)]
struct ProxyState {
    cut: bool,
    /// Both ends of each connection, to be closed by a cut.
    streams: Vec<TcpStream>,
}

impl Proxy {
    /// Starts a proxy from a free port to an address.
    pub(super) fn to(far: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self { address: listener.local_addr()?, state: Arc::default() };
        let accepting = proxy.clone();
        thread::Builder::new().name("demo-proxy".to_owned()).spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // A connection that fails counts as lost.
                let _ = accepting.connect(near, far);
            }
        })?;
        Ok(proxy)
    }

    pub(super) fn cut(&self) {
        let mut state = self.lock();
        state.cut = true;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn restore(&self) {
        self.lock().cut = false;
    }

    fn lock(&self) -> MutexGuard<'_, ProxyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, near: TcpStream, far: SocketAddr) -> io::Result<()> {
        let far = TcpStream::connect(far)?;
        let mut state = self.lock();
        if state.cut {
            return Ok(());
        }
        state.streams.extend([near.try_clone()?, far.try_clone()?]);
        let back = (far.try_clone()?, near.try_clone()?);
        for (from, to) in [(near, far), back] {
            thread::Builder::new().name("demo-proxy".to_owned()).spawn(move || copy(&from, &to))?;
        }
        Ok(())
    }
}

/// Copies bytes until one end closes, and then closes the other.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
