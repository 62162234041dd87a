//! The modules of a crate import each other without circles.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Source};
use crate::{none_found, workspace};

/// The path of a module below its crate; empty for the root.
type Module = Vec<String>;

/// An import of one module by another, with the place where the first of its kind is written.
type Imports = BTreeMap<Module, BTreeMap<Module, String>>;

struct Import<'a> {
    by: &'a Module,
    /// The longest part of the path that is a module.
    module: Module,
    /// The rest of the path: names inside that module.
    names: Vec<String>,
    at: String,
}

#[test]
fn modules_import_each_other_without_circles() {
    let mut findings = Vec::new();
    let mut edges = 0;
    for folder in workspace::checked_crates() {
        let imports = imports(&source::modules(&folder));
        edges += imports.values().map(BTreeMap::len).sum::<usize>();
        findings.extend(circles(&imports).into_iter().map(|circle| format!("{folder}:\n{circle}")));
    }
    assert!(edges > 100, "only {edges} imports found");
    none_found(
        "Modules of a crate import each other without a circle, but for a module and those below it",
        findings,
    );
}

/// Which module imports which. A name that a module re-exports counts as one of the module that defines it; an
/// import between a module and one below it is no finding and is left out.
fn imports(sources: &BTreeMap<Module, &Source>) -> Imports {
    let shipped = |source: &Source| source.facts()[0].0.clone();
    let mut exports = BTreeMap::new();
    let mut written = Vec::new();
    for (by, source) in sources {
        let facts = shipped(source);
        let resolved = |path: &str| resolve(sources, by, path);
        for (module, names) in facts.reexports.iter().filter_map(|spot| resolved(&spot.word)) {
            if let Some(name) = names.first() {
                exports.insert((by.clone(), name.clone()), module);
            }
        }
        for spot in &facts.paths {
            if let Some((module, names)) = resolved(&spot.word) {
                written.push(Import {
                    by,
                    module,
                    names,
                    at: format!("{} ({})", spot.word, source.at(spot.line)),
                });
            }
        }
    }
    let mut imports = Imports::new();
    for mut import in written {
        let mut seen = BTreeSet::new();
        while let Some(name) = import.names.first()
            && seen.insert(import.module.clone())
            && let Some(defining) = exports.get(&(import.module.clone(), name.clone()))
        {
            import.module.clone_from(defining);
        }
        if !import.by.starts_with(&import.module) && !import.module.starts_with(import.by) {
            imports.entry(import.by.clone()).or_default().entry(import.module).or_insert(import.at);
        }
    }
    imports
}

/// Divides a path into the module of this crate that it leads to, and the names inside it; `None` for a path that
/// leads elsewhere.
fn resolve(sources: &BTreeMap<Module, &Source>, by: &Module, path: &str) -> Option<(Module, Vec<String>)> {
    let mut parts: Vec<String> = path.split("::").map(str::to_owned).collect();
    let supers = parts.iter().take_while(|part| *part == "super").count();
    let mut full = match parts[0].as_str() {
        _ if parts.len() == 1 => return None,
        "crate" => Module::new(),
        "self" => by.clone(),
        "super" => by[..by.len().checked_sub(supers)?].to_vec(),
        child if sources.contains_key(&[by.as_slice(), &[child.to_owned()]].concat()) => by.clone(),
        _ => return None,
    };
    let skipped = if parts[0] == "crate" || parts[0] == "self" { 1 } else { supers };
    full.extend(parts.drain(skipped..).filter(|part| part != "self"));
    let depth = (0..=full.len()).rev().find(|depth| sources.contains_key(&full[..*depth]))?;
    let names = full.split_off(depth);
    Some((full, names))
}

/// Each set of modules that reach each other, as text with the imports inside it.
fn circles(imports: &Imports) -> Vec<String> {
    let reached: BTreeMap<_, _> = imports.keys().map(|module| (module, reachable(imports, module))).collect();
    let both = |a: &Module, b: &Module| {
        reached.get(a).is_some_and(|set| set.contains(b)) && reached.get(b).is_some_and(|set| set.contains(a))
    };
    let mut done = BTreeSet::new();
    let mut circles = Vec::new();
    for first in imports.keys() {
        let members: Vec<_> = imports.keys().filter(|module| both(first, module)).collect();
        if !done.insert(members.clone()) || members.is_empty() {
            continue;
        }
        let inside = members.iter().flat_map(|by| imports[*by].iter().map(move |(to, at)| (by, to, at)));
        let lines = inside
            .filter(|(_, to, _)| members.contains(to))
            .map(|(by, to, at)| format!("    {} imports {}: {at}", by.join("/"), to.join("/")));
        circles.push(lines.collect::<Vec<_>>().join("\n"));
    }
    circles
}

fn reachable(imports: &Imports, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in imports.get(module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let import = |by: &str, to: &str| (module(by), BTreeMap::from([(module(to), format!("{by}.rs:1"))]));
    let line = Imports::from([import("a", "b"), import("b", "c")]);
    assert!(circles(&line).is_empty());
    let round = Imports::from([import("a", "b"), import("b", "c"), import("c", "b")]);
    assert_eq!(circles(&round), ["    b imports c: b.rs:1\n    c imports b: c.rs:1"]);
}
