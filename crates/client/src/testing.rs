//! A guard for the tests of a product: it grants what a test says, without authority, network or directory. The
//! product's own code runs as it does with a license, since it holds a [`Guard`](crate::Guard) like any other.
//!
//! It needs the feature `testing`, which belongs in `[dev-dependencies]` alone: a program that can call this needs no
//! license.
//!
//! ```
//! use kaching_client::{ErrorCode, testing::{FakeLicense, Plan}};
//!
//! let (guard, control) = FakeLicense::new("community")
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
//! control.grant("federation");
//! guard.require("federation").unwrap();
//!
//! control.refuse(ErrorCode::LicenseSuspended);
//! assert_eq!(guard.check().unwrap_err().code_text(), "license_suspended");
//! ```

mod clock;
mod control;
mod fake_license;
mod fake_state;
mod seams;

pub use control::TestControl;
pub use fake_license::{FakeLicense, Plan};
