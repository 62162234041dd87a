//! Names the commit that is built, for `kaching --version`.
//!
//! A build without `.git` (a source package, an image) sets `KACHING_COMMIT` to the full hash and `KACHING_COMMIT_DATE` to
//! the date of that commit, as `git show --no-patch --format=%cs` prints it. Otherwise git is asked. Both give the same
//! version for the same commit, and neither reads a clock, so that two builds of a commit are equal.

use std::{env, path::Path, process::Command};

fn main() {
    for name in ["KACHING_COMMIT", "KACHING_COMMIT_DATE"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // Without this line, cargo would look at every file of the package.
    println!("cargo::rerun-if-changed=build.rs");
    let commit = match text("KACHING_COMMIT") {
        Some(hash) => Some((hash, text("KACHING_COMMIT_DATE"))),
        None => ask_git(),
    };
    let built_from = match &commit {
        None => "without a commit".to_owned(),
        Some((hash, date)) => {
            let is_hash = hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_hash, "KACHING_COMMIT is the full hash of a commit, 40 hexadecimal digits");
            [Some(&hash[..8]), date.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    };
    println!("cargo::rustc-env=KACHING_BUILT_FROM={built_from}");
}

fn text(name: &str) -> Option<String> {
    env::var_os(name)?.into_string().ok().filter(|text| !text.is_empty())
}

/// Returns hash and date of the last commit in this workspace, if that is a clone.
fn ask_git() -> Option<(String, Option<String>)> {
    // Sources that were unpacked inside another repository are not of its commits.
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.git");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("--git-dir").arg(&directory).args(arguments).output().ok()?;
        let printed = output.status.success().then(|| String::from_utf8(output.stdout).ok())?;
        printed.map(|text| text.trim().to_owned())
    };
    let hash = git(&["rev-parse", "HEAD"])?;
    // The files that change with a commit. Those that do not exist are left out: cargo would run this each time.
    for name in ["HEAD", "refs/heads", "packed-refs"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some((hash, git(&["show", "--no-patch", "--format=%cs", "HEAD"])))
}
