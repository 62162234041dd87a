//! A guard for the tests of a product: it grants what a test says, without authority, network or directory. The
//! product's own code runs as it does with a license, since what it holds is a [`Guard`](crate::Guard) like any other.
//!
//! Needs the feature `testing`, which belongs into `[dev-dependencies]` alone: whoever can call this needs no license.
//!
//! ```
//! use kaching_client::{ErrorCode, testing::{Licensed, Plan}};
//!
//! let (guard, desk) = Licensed::new("community")
//!     .limit("nodes", 3)
//!     .offer("federation", "Federation", "Link clusters across regions")
//!     .plan_above(Plan::new("team", "Team").feature("federation").limit("nodes", 25))
//!     .contact("sales@example.com")
//!     .start();
//!
//! let denied = guard.require("federation").unwrap_err();
//! assert_eq!(
//!     denied.to_string(),
//!     "Federation is not part of the community plan. The Team plan has it: Link clusters across regions. \
//!      Ask sales@example.com."
//! );
//! desk.grant("federation");
//! guard.require("federation").unwrap();
//!
//! desk.refuse(ErrorCode::LicenseSuspended);
//! assert_eq!(guard.check().unwrap_err().code_text(), "license_suspended");
//! ```

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kaching_base::{Code, ErrorCode, Timestamp};

use crate::{
    Clock, LicenseKey, StartError,
    clock::SystemClock,
    shared::{Inner, Shared},
};

mod desk;
mod licensed;
mod stage;

pub use desk::Desk;
pub use licensed::{Licensed, Plan};
pub(crate) use stage::Stage;

/// The machine's clocks, and how far a test has moved them.
#[derive(Debug, Default)]
struct MovedClock(AtomicU64);

impl MovedClock {
    fn ahead(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Acquire))
    }

    fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::AcqRel);
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> Duration {
        SystemClock.boot() + self.ahead()
    }

    fn wall(&self) -> Timestamp {
        crate::clock::after(SystemClock.wall(), self.ahead())
    }

    fn boot_id(&self) -> String {
        SystemClock.boot_id()
    }
}

/// What entering a key comes to, if the guard is one of a test.
pub(crate) fn enter(
    shared: &Shared,
    inner: &mut Inner,
    license_key: &LicenseKey,
) -> Option<Result<(), StartError>> {
    let crate::place::Place::Nowhere(stage) = &inner.place else { return None };
    let stage = stage.clone();
    if !stage.lock().takes(license_key) {
        let (code, detail) = (ErrorCode::LicenseNotFound, "No license has this key.".to_owned());
        return Some(Err(StartError::UnknownKey { code, detail }));
    }
    inner.engine.begin_anew();
    stage.lock().show(shared, inner);
    Some(Ok(()))
}

fn code(text: &str) -> Code {
    Code::verbatim(text.to_owned())
}
