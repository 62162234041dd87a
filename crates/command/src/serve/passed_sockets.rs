//! Sockets that a service manager passes to this process (sd_listen_fds(3)): systemd listens on them also while no server
//! runs, so that a restart refuses no connection.

use std::{net::TcpListener, os::fd::OwnedFd};

use kaching_server::PassedSockets;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::failure::Failure;

/// Returns the sockets that were passed to this process, none if it was started without.
///
/// # Errors
/// If one has another name than those we know or a name twice, or is not a TCP socket that listens.
pub(super) fn take() -> Result<PassedSockets, Failure> {
    let sockets = sd_listen_fds::get().map_err(|_| {
        Failure::refused("LISTEN_PID or LISTEN_FDS of the environment is no number: leave them to systemd.")
    })?;
    let mut passed = PassedSockets::default();
    for (name, socket) in sockets {
        let name = name.unwrap_or_default();
        let place = match name.as_str() {
            "product" => &mut passed.product,
            "admin" => &mut passed.private,
            _ => {
                return Err(Failure::refused(format!(
                    "A socket with the name '{name}' was passed: name it product or admin, with FileDescriptorName= of its \
                     unit."
                )));
            }
        };
        if place.replace(listening(&name, socket.into_std())?).is_some() {
            return Err(Failure::refused(format!(
                "Two sockets with the name {name} were passed: the server takes one. Leave one ListenStream= in its unit."
            )));
        }
    }
    if passed.private.is_some() && passed.product.is_none() {
        return Err(Failure::refused(
            "The socket for operators was passed without the one for products: enable kaching.socket as well.",
        ));
    }
    Ok(passed)
}

fn listening(name: &str, socket: OwnedFd) -> Result<TcpListener, Failure> {
    let listens = listens(&socket);
    let listener = TcpListener::from(socket);
    if !listens || listener.local_addr().is_err() {
        return Err(Failure::refused(format!(
            "The socket {name} that was passed is not a TCP socket that listens: use ListenStream=ADDRESS:PORT and \
             Accept=no in its unit."
        )));
    }
    // No process that this one may start inherits it.
    fcntl_setfd(&listener, FdFlags::CLOEXEC).map_err(|error| {
        Failure::refused(format!("The socket {name} that was passed cannot be used: {error}."))
    })?;
    Ok(listener)
}

#[cfg(target_os = "linux")]
fn listens(socket: &OwnedFd) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false)
}

/// No socket is passed on other systems.
#[cfg(not(target_os = "linux"))]
fn listens(_: &OwnedFd) -> bool {
    false
}
