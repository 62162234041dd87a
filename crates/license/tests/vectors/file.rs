//! Files of vectors: written by these tests, read by every implementation.

use std::{fs, path::PathBuf};

use serde_json::Value;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors").join(name)
}

pub(crate) fn read(name: &str) -> Value {
    let path = path(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Compares what a test says with what the file holds, or writes the file if that is asked for.
pub(crate) fn agree(name: &str, vectors: &Value) {
    let text = serde_json::to_string_pretty(vectors).unwrap() + "\n";
    if std::env::var_os("KACHING_ACCEPT").is_some() {
        fs::write(path(name), text).unwrap();
    }
    assert!(
        read(name) == *vectors,
        "testdata/vectors/{name} differs from the test that writes it: look at the change, then accept it with KACHING_ACCEPT=1"
    );
}
