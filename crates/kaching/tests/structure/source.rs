//! Every Rust file of the workspace, read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::tokens::{self, Facts, Read};
use crate::workspace;

pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
    read: Read,
    test: bool,
}

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(load);

/// All sources.
pub(crate) fn all() -> &'static [Source] {
    &SOURCES
}

/// The sources of the crate in this folder (`db`, or `examples/cluster`).
pub(crate) fn of(folder: &str) -> impl Iterator<Item = &'static Source> {
    let prefix = if folder.contains('/') { format!("{folder}/") } else { format!("crates/{folder}/") };
    all().iter().filter(move |source| source.path.starts_with(&prefix))
}

/// The modules of the crate in this folder by their path, without those of tests. The root has the empty path.
pub(crate) fn modules(folder: &str) -> BTreeMap<Vec<String>, &'static Source> {
    let path = |source: &Source| {
        let (_, path) = source.path.trim_end_matches(".rs").split_once("/src/")?;
        let root = path == "lib" || path == "main";
        Some(if root { Vec::new() } else { path.split('/').map(str::to_owned).collect() })
    };
    let for_tests = |source: &&Source| source.test && folder != "testkit";
    of(folder)
        .filter(|source| !for_tests(source))
        .filter_map(|source| Some((path(source)?, source)))
        .collect()
}

/// The shipped facts of the crate in this folder; there is at least one file, or the rule that asks tests nothing.
pub(crate) fn shipped(folder: &str) -> Vec<(&'static Source, &'static Facts)> {
    let found: Vec<_> =
        of(folder).filter(|source| !source.test).map(|source| (source, &source.read.shipped)).collect();
    assert!(!found.is_empty(), "crates/{folder} has no source");
    found
}

impl Source {
    /// The facts of the code that is shipped, then of the code for tests, each with whether it is for tests.
    pub(crate) fn facts(&self) -> [(&Facts, bool); 2] {
        [(&self.read.shipped, self.test), (&self.read.tested, true)]
    }

    /// A place in this file, as compilers print it.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }

    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// The number of lines without a module of tests at the end.
    pub(crate) fn lines_without_tests(&self) -> usize {
        if self.test {
            return 0;
        }
        self.text.lines().position(|line| line.trim_end() == "#[cfg(test)]").unwrap_or(self.lines())
    }
}

fn load() -> Vec<Source> {
    let mut sources: Vec<Source> = ["crates", "examples", "fuzz"]
        .iter()
        .flat_map(|folder| workspace::files(folder, "rs"))
        .map(|path| {
            let text = workspace::read(&path);
            let read = tokens::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let test = is_test(&path);
            Source { path, text, read, test }
        })
        .collect();
    let only_tested: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        source.test |=
            only_tested.iter().any(|module| stem == module || stem.starts_with(&format!("{module}/")));
    }
    sources
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.starts_with("crates/testkit/")
}

/// The files of modules that are declared under `#[cfg(test)]`, without their extension.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "lib" | "main")) => folder,
        _ => stem,
    };
    source.read.test_modules.iter().map(|module| format!("{folder}/{module}")).collect()
}
