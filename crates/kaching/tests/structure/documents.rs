//! Documents: what they link to exists.

use crate::{none_found, workspace};

#[test]
fn links_lead_somewhere() {
    let mut findings = Vec::new();
    let documents = workspace::files("", "md");
    assert!(documents.iter().any(|path| path == "README.md"), "README.md is missing");
    for document in documents {
        let text = workspace::read(&document);
        for (line, link) in links(&text) {
            if let Some(why) = broken(&document, &text, link) {
                findings.push(format!("{document}:{line}: {link}: {why}"));
            }
        }
    }
    none_found("Links in documents lead to files and headings that exist", findings);
}

/// The page names files by the end of their path (`op.rs`, `changes/slot.rs`), and folders with a slash at the end.
#[test]
fn files_that_the_architecture_names_exist() {
    let page = workspace::read("ARCHITECTURE.md");
    let known: Vec<_> = workspace::files("crates", "rs").iter().map(|path| format!("/{path}")).collect();
    let words = page.split('`').skip(1).step_by(2);
    let named = words.filter(|word| {
        let folder = word.ends_with('/') && word.matches('/').count() == 1 && *word != "surface/";
        (folder || word.ends_with(".rs")) && !word.contains(['<', '…', ' '])
    });
    let named: Vec<_> = named.collect();
    assert!(named.len() > 40, "only {} files found in ARCHITECTURE.md", named.len());
    let exists = |word: &str| {
        let end = format!("/{word}");
        known.iter().any(|path| if word.ends_with('/') { path.contains(&end) } else { path.ends_with(&end) })
    };
    let missing = named.into_iter().filter(|word| !exists(word));
    none_found("ARCHITECTURE.md names only files and folders that exist", missing);
}

/// The page numbers its rules (`**V3**`). Its last table has a row for each, with what shows it: `FILE.json: NAME` is a vector,
/// `test_client.py: NAME` a function of the Python client's tests, `crates/…rs: NAME` a test of the Rust client.
#[test]
fn each_rule_of_the_protocol_names_what_shows_it() {
    let page = workspace::read("docs/protocol.md");
    let (text, table) = page.split_once("## What proves each rule\n").expect("the last section");
    let numbered = |line: &str| {
        let number = line.strip_prefix("| **")?.split("**").next()?;
        number.ends_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
    };
    let rules: Vec<_> = text.lines().filter_map(numbered).collect();
    assert!(rules.len() > 60, "only {} rules found", rules.len());
    let mut findings = Vec::new();
    let mut shown = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        shown.push(cells[1].to_owned());
        let named: Vec<_> = cells[3].split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            findings.push(format!("{}: nothing shows it", cells[1]));
        }
        let missing = named.into_iter().filter(|word| !is_shown(word));
        findings.extend(missing.map(|word| format!("{}: there is no {word}", cells[1])));
    }
    let unshown = rules.iter().filter(|rule| shown.iter().filter(|other| other == rule).count() != 1);
    findings.extend(unshown.map(|rule| format!("{rule}: not one row")));
    findings.extend(shown.iter().filter(|rule| !rules.contains(rule)).map(|rule| format!("{rule}: no rule")));
    for file in ["statements.json", "keysets.json", "pushed.json", "client.json"] {
        let broken = vectors(file).into_iter().filter_map(|case| Some(case["rule"].as_str()?.to_owned()));
        let unknown = broken.filter(|rule| !rules.contains(rule));
        findings.extend(unknown.map(|rule| format!("{file}: there is no rule {rule}")));
    }
    none_found("docs/protocol.md says what shows each rule, and that exists", findings);
}

fn vectors(file: &str) -> Vec<serde_json::Value> {
    let file: serde_json::Value =
        serde_json::from_str(&workspace::read(&format!("testdata/vectors/{file}"))).expect("JSON");
    file["cases"].as_array().expect("cases").clone()
}

fn is_shown(word: &str) -> bool {
    let (file, name) = word.split_once(": ").map_or((word, None), |(file, name)| (file, Some(name)));
    match (file, name) {
        ("test_client.py", Some(name)) => {
            workspace::read("examples/python/test_client.py").contains(&format!("    def {name}(self):"))
        }
        (file, Some(name)) if file.starts_with("crates/") => {
            let test = format!("#[test]\n{{}}fn {name}() {{");
            let text = workspace::read(file);
            ["", "    "].iter().any(|indent| text.contains(&test.replace("{}", indent)))
        }
        (file, Some(name)) => vectors(file).iter().any(|case| case["name"] == name),
        (file, None) => !vectors(file).is_empty(),
    }
}

#[test]
fn the_settings_are_documented_as_they_are() {
    let settings = workspace::read("crates/server/src/config.default.toml");
    let page = workspace::read("docs/configuration.md");
    let shown = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    assert_eq!(
        shown, settings,
        "docs/configuration.md shows crates/server/src/config.default.toml unchanged"
    );
}

#[test]
fn metrics_that_documents_name_exist() {
    let known = workspace::read("surface/metrics.txt");
    let known: Vec<_> =
        known.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    let crates: Vec<_> = workspace::packages().keys().map(|name| name.replace('-', "_")).collect();
    let exists = |word: &str| {
        let suffixes = ["", "_total", "_bucket", "_sum", "_count", "_info"];
        suffixes.iter().any(|suffix| word.strip_suffix(suffix).is_some_and(|name| known.contains(&name)))
    };
    let mut findings = Vec::new();
    let mut named = 0;
    for document in workspace::files("docs", "md") {
        let text = workspace::read(&document);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let words = words.filter(|word| ["kaching_", "process_"].iter().any(|start| word.starts_with(start)));
        for word in words.filter(|word| !crates.iter().any(|name| name == word)) {
            named += 1;
            if !exists(word) {
                findings.push(format!("{document}: {word}"));
            }
        }
    }
    none_found("Metrics that documents name are in surface/metrics.txt", findings);
    assert!(named > 30, "only {named} names of metrics found");
}

#[test]
fn troubleshooting_explains_each_code_warning_and_state() {
    let page = workspace::read("docs/troubleshooting.md");
    let known = workspace::read("surface/error-codes.md");
    let codes: Vec<_> =
        known.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let warnings = variants("warning.rs", "Warning");
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let missing = codes.iter().copied().chain(warnings.iter().map(String::as_str));
    let missing =
        missing.filter(|name| !headings.contains(name)).map(|name| format!("### {name} is missing"));
    let stale = headings.iter().filter(|name| !codes.contains(name) && !warnings.iter().any(|w| w == *name));
    let stale = stale.map(|name| format!("### {name} is neither a code nor a warning"));
    let mut findings: Vec<_> = missing.chain(stale).collect();
    for name in variants("start_error.rs", "StartError").iter().chain(&variants("state.rs", "State")) {
        if !page.contains(&format!("\n| `{name}` |")) {
            findings.push(format!("the row of {name} is missing"));
        }
    }
    none_found("docs/troubleshooting.md has each code, warning, state and reason not to start", findings);
}

/// The variants of an enum of the client, as rustfmt sets them.
fn variants(file: &str, name: &str) -> Vec<String> {
    let text = workspace::read(&format!("crates/client/src/{file}"));
    let (_, rest) = text.split_once(&format!("pub enum {name} {{\n")).expect("the enum");
    let body = rest.split("\n}").next().unwrap_or_default();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let named = lines.filter(|line| line.starts_with(char::is_uppercase));
    let found: Vec<_> =
        named.map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect()).collect();
    assert!(found.len() > 3, "{file}: only {found:?}");
    found
}

/// The targets of `[text](target)` and `src="target"` with their lines, code apart.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let images = line.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(targets.chain(images).map(|link| (number + 1, link)));
    }
    found
}

fn broken(document: &str, text: &str, link: &str) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let target = workspace::root().join(folder).join(path);
    if !path.is_empty() && !target.exists() {
        return Some("no such file");
    }
    let heading = heading?;
    let there = if path.is_empty() { text.to_owned() } else { std::fs::read_to_string(target).ok()? };
    let known = there.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
    (!known).then_some("no such heading")
}

/// The anchor of a heading, as the usual renderers make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
