//! The network between the clusters and the authority, which the demo can cut.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// A cable with two ends on this machine.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cut: bool,
    /// Both ends of what is connected, to be torn when it is cut.
    streams: Vec<TcpStream>,
}

impl Wire {
    /// From a free port to an address.
    pub(super) fn to(far: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let wire = Self { address: listener.local_addr()?, state: Arc::default() };
        let laid = wire.clone();
        thread::Builder::new().name("demo-wire".to_owned()).spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // A connection that cannot be made is one that is lost.
                let _ = laid.connect(near, far);
            }
        })?;
        Ok(wire)
    }

    pub(super) fn cut(&self) {
        let mut state = self.lock();
        state.cut = true;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn mend(&self) {
        self.lock().cut = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
            thread::Builder::new().name("demo-wire".to_owned()).spawn(move || carry(&from, &to))?;
        }
        Ok(())
    }
}

/// Until one end closes, which then closes the other.
fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
