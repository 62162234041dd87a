//! The packages of the workspace, by cargo, and its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Folders without a source of this project.
const NOT_OURS: &[&str] = &["target", ".git", "node_modules", "corpus", "artifacts"];

pub(crate) static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    MetadataCommand::new()
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata answers")
});

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    METADATA.workspace_root.as_std_path()
}

/// The packages of the workspace by name.
pub(crate) fn packages() -> BTreeMap<String, &'static Package> {
    METADATA.workspace_packages().into_iter().map(|package| (package.name.to_string(), package)).collect()
}

/// The folders of the crates whose words and modules are checked, as `source::of` takes them.
pub(crate) fn checked_crates() -> Vec<String> {
    let folders = packages().into_values().map(|package| {
        let folder = package.manifest_path.parent().expect("a manifest is in a folder").as_std_path();
        let folder =
            folder.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        folder.trim_start_matches("crates/").to_owned()
    });
    folders.collect()
}

/// The names of the dependencies of a package, of one kind.
pub(crate) fn dependencies(package: &Package, kind: DependencyKind) -> Vec<String> {
    package.dependencies.iter().filter(|on| on.kind == kind).map(|on| on.name.clone()).collect()
}

/// Every file below a folder of the workspace with this extension, as paths relative to the workspace.
pub(crate) fn files(below: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(below), extension, &mut found);
    let mut found: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/"))
        .collect();
    found.sort();
    found
}

/// The text of a file, by its path relative to the workspace.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().expect("a kind of file");
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) && !name.starts_with("target-") {
            collect(&path, extension, found);
        } else if kind.is_file() && path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}
