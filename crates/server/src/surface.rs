//! The public surface is recorded by tests; a diff of the record shows a change in compatibility.

/// Compares with a file of `surface/`, or writes it where `KACHING_ACCEPT` is set.
#[expect(clippy::disallowed_methods, reason = "a test asks its caller whether to accept")]
pub(crate) fn check(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../surface").join(name);
    if std::env::var("KACHING_ACCEPT").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "surface/{name} is not what the code says; look at it and accept with KACHING_ACCEPT=1"
    );
}
