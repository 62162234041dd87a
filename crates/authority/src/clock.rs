//! Time and randomness come in from outside, so that tests own them.

use kaching_base::Timestamp;

/// Tells the time. Read once per operation.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Whether it is a machine's, which has to agree with the database's.
    fn is_real(&self) -> bool {
        true
    }
}

/// Seeds the randomness of one operation.
pub trait Entropy: Send + Sync + 'static {
    /// Thirty-two bytes that nobody can guess.
    fn seed(&self) -> [u8; 32];
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the machine's clock comes in")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).expect("the operating system gives random bytes");
        seed
    }
}
