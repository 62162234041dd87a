//! The command line as people and programs use it: the real binary on real data directories.

mod inspect;
mod json;
mod kaching;
mod recorded;
mod refused;
mod serve;
