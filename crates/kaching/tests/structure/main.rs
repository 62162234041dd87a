//! The structure of the workspace, as `ARCHITECTURE.md` states it: who may know whom, what each crate must not
//! contain, how files look. These tests read `cargo metadata` and the sources, so they hold for crates to come.

mod documents;
mod invariants;
mod migrations;
mod modules;
mod names;
mod shape;
mod source;
mod tokens;
mod walls;
mod words;
mod workspace;

use std::fmt::Display;

/// Fails with all findings together, under the rule that they break.
fn none_found<T: Display>(rule: &str, findings: impl IntoIterator<Item = T>) {
    let findings: Vec<String> = findings.into_iter().map(|finding| format!("  {finding}")).collect();
    assert!(findings.is_empty(), "{rule}\n{}\n", findings.join("\n"));
}
