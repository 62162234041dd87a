//! Sockets that another process made and listens on, so that they outlive this one.

use std::{io, net::TcpListener};

use super::BindError;
use crate::config::Config;

/// The listening sockets that were passed to this process.
#[derive(Default)]
pub struct PassedSockets {
    /// For the product API.
    pub product: Option<TcpListener>,
    /// For the operator API and metrics.
    pub private: Option<TcpListener>,
}

impl PassedSockets {
    /// Sets the addresses of the settings to those of the sockets, as a flag does. What the settings imply (the issuer, the
    /// address of operators, warnings) then fits the addresses that are used.
    ///
    /// # Errors
    /// If the system does not name the address of a socket.
    pub fn set_addresses(&self, config: &mut Config) -> io::Result<()> {
        if let Some(product) = &self.product {
            config.server.listen = product.local_addr()?;
        }
        if let Some(private) = &self.private {
            config.server.admin_listen = Some(private.local_addr()?);
        }
        Ok(())
    }
}

/// Returns the listener for the runtime.
pub(super) fn accept_on(listening: TcpListener) -> Result<tokio::net::TcpListener, BindError> {
    let accepting = || {
        listening.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listening)
    };
    accepting().map_err(|error| BindError(format!("a socket that was passed cannot be used: {error}")))
}
