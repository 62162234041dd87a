use std::sync::Arc;

use kaching_db as db;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;

use crate::{Error, Result};

/// Threads for RS256, whose signatures take most of a millisecond and would hold up the calls behind them.
pub(crate) struct SlowSigning {
    threads: Arc<Semaphore>,
    /// The number of calls that sign or wait.
    asked: Gauge,
    most: usize,
}

/// Signatures that may wait for each thread: about a fifth of a second of them.
const WAITING: usize = 256;

impl SlowSigning {
    /// Half of the machine, so that the other half can serve.
    pub(crate) fn new(asked: Gauge) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        Self { threads: Arc::new(Semaphore::new(threads)), asked, most: threads * WAITING }
    }

    /// Signs on a thread of its own, in the order of the calls.
    ///
    /// # Errors
    /// As the signing; immediately, where too many wait.
    pub(crate) async fn sign(
        &self,
        signing: impl FnOnce() -> Result<String> + Send + 'static,
    ) -> Result<String> {
        let _asked = Asked::one_more(self)?;
        let _thread = self.threads.acquire().await.expect("it is never closed");
        tokio::task::spawn_blocking(signing)
            .await
            .map_err(|error| Error::Failure(format!("a statement was not signed: {error}")))?
    }
}

/// A caller that signs or waits for a signature, until this is dropped.
struct Asked<'s>(&'s SlowSigning);

impl<'s> Asked<'s> {
    fn one_more(signing: &'s SlowSigning) -> Result<Self> {
        let asked = Self(signing);
        match usize::try_from(signing.asked.inc()) {
            Ok(before) if before < signing.most => Ok(asked),
            _ => Err(Error::Database(db::Error::Overloaded)),
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.asked.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn too_many_are_sent_away_and_the_others_signed() {
        let signing = SlowSigning { threads: Arc::new(Semaphore::new(1)), asked: Gauge::default(), most: 2 };
        let (release, released) = mpsc::channel::<()>();
        let first = signing.sign(move || {
            let _ = released.recv();
            Ok("first".to_owned())
        });
        let second = signing.sign(|| Ok("second".to_owned()));
        tokio::pin!(first, second);
        let third = async {
            let refused = signing.sign(|| Ok("third".to_owned())).await;
            release.send(()).unwrap();
            refused
        };
        let (first, second, third) = tokio::join!(biased; &mut first, &mut second, third);
        assert_eq!((first.unwrap(), second.unwrap()), ("first".to_owned(), "second".to_owned()));
        assert!(matches!(third, Err(Error::Database(db::Error::Overloaded))));
        assert_eq!(signing.sign(|| Ok("fourth".to_owned())).await.unwrap(), "fourth");
    }
}
