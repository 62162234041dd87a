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

#[test]
fn the_settings_are_documented_as_they_are() {
    let settings = workspace::read("crates/server/src/config.default.toml");
    let page = workspace::read("docs/configuration.md");
    let shown = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    assert_eq!(
        shown, settings,
        "docs/configuration.md shows crates/server/src/config.default.toml word for word"
    );
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
