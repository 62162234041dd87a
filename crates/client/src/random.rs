use std::{sync::Arc, time::Duration};

use kaching_base::Base64Url;

/// The source of a guard's random bytes.
#[derive(Clone)]
pub(crate) struct Random(Arc<Fill>);

/// Fills a slice, or says that it cannot.
type Fill = dyn Fn(&mut [u8]) -> bool + Send + Sync;

impl Random {
    pub(crate) fn new(provider: Arc<rustls::crypto::CryptoProvider>) -> Self {
        Self::of(move |bytes| provider.secure_random.fill(bytes).is_ok())
    }

    pub(crate) fn of(fill: impl Fn(&mut [u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Returns random bytes. `None` if the system has none: the caller's attempt fails and is repeated.
    pub(crate) fn bytes<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.0)(&mut bytes).then_some(bytes)
    }

    /// Draws as many as one step of the engine may need.
    pub(crate) fn draw(&self) -> Option<Draw> {
        self.bytes().map(Draw::new)
    }
}

/// Random bytes for one step of the engine, which draws none itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draw {
    nonce: [u8; 16],
    fraction: u32,
}

impl Draw {
    /// Twenty random bytes.
    pub(crate) fn new(bytes: [u8; 20]) -> Self {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&bytes[..16]);
        Self { nonce, fraction: u32::from_be_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]) }
    }

    /// A nonce of 128 bits; at most one is used of each draw.
    pub(crate) fn nonce(&self) -> String {
        Base64Url(self.nonce).to_string()
    }

    /// A time between two others.
    pub(crate) fn between(&self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(f64::from(self.fraction) / f64::from(u32::MAX))
    }

    /// A time up to a fifth shorter or longer.
    pub(crate) fn jitter(&self, time: Duration) -> Duration {
        self.between(time.mul_f64(0.8), time.mul_f64(1.2))
    }
}
