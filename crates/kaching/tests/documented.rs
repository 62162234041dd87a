//! Every command in the documents exists in the binary, with its flags.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const DOCUMENTS: &[&str] =
    &["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "bench", "docs", "examples"];

#[test]
fn documented_commands_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut helps = Helps::default();
    let (mut shown, mut findings) = (0, Vec::new());
    for document in DOCUMENTS.iter().flat_map(|path| markdown(&root.join(path))) {
        let text = std::fs::read_to_string(&document).expect("a document");
        for words in commands(&text) {
            shown += 1;
            if let Some(why) = helps.wrong(&words) {
                findings.push(format!("  {}: kaching {}: {why}", document.display(), words.join(" ")));
            }
        }
    }
    assert!(
        findings.is_empty(),
        "commands in the documents that the binary does not have\n{}\n",
        findings.join("\n")
    );
    assert!(shown > 30, "only {shown} commands found");
}

/// The page shows parts of the example as they are.
#[test]
fn the_example_of_a_test_is_shown_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("a document");
    let (page, example) = (read("docs/integrate.md"), read("examples/python/test_product.py"));
    let (_, shown) = page.split_once("```python\nclass ProductTest").expect("the example");
    let shown = format!("class ProductTest{}", shown.split("```").next().unwrap_or_default());
    let parts: Vec<&str> = shown.split("\n\n").collect();
    assert!(parts.len() > 2, "{shown}");
    for part in parts {
        assert!(example.contains(part.trim_end()), "examples/python/test_product.py has no\n{part}");
    }
}

/// The help of each command, read once.
#[derive(Default)]
struct Helps(BTreeMap<Vec<String>, String>);

impl Helps {
    fn of(&mut self, command: &[String]) -> &str {
        self.0.entry(command.to_vec()).or_insert_with(|| {
            let help = Command::new(env!("CARGO_BIN_EXE_kaching"))
                .args(command)
                .arg("--help")
                .output()
                .expect("it runs");
            String::from_utf8(help.stdout).expect("text")
        })
    }

    fn wrong(&mut self, words: &[String]) -> Option<String> {
        let mut command = Vec::new();
        for word in words {
            if !self.of(&command).contains("\nCommands:\n") || word.starts_with('-') {
                break;
            }
            let known = self.of(&command).lines().any(|line| line.split_whitespace().next() == Some(word));
            if !known {
                return Some(format!("there is no {word}"));
            }
            command.push(word.clone());
        }
        let help = self.of(&command).to_owned();
        let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
        let flag = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
        let known = |flag: &String| {
            help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == flag)
        };
        flags.map(|word| flag(word)).find(|flag| !known(flag)).map(|flag| format!("there is no {flag}"))
    }
}

/// Returns the commands in shell blocks and in back quotes, as words without the name of the program.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let joined = text.replace("\\\n", " ");
    let mut block = None;
    for line in joined.lines() {
        match (line.trim().strip_prefix("```"), &block) {
            (Some(language), None) => block = Some(language.to_owned()),
            (Some(_), Some(_)) => block = None,
            (None, Some(language)) if language == "sh" => found.extend(command(line)),
            (None, Some(language)) if language == "console" => {
                found.extend(line.trim().strip_prefix("$ ").and_then(command));
            }
            (None, Some(_)) => {}
            (None, None) => found.extend(line.split('`').skip(1).step_by(2).filter_map(command)),
        }
    }
    found
}

/// Returns `kaching …` or `cargo run --release -- …` without comments and variables.
fn command(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    let line = match line.split_once("' kaching ") {
        Some((variable, rest)) if variable.starts_with("KACHING_") => rest,
        _ => line.strip_prefix("kaching ").or_else(|| line.strip_prefix("cargo run --release -- "))?,
    };
    // A text in double quotes is a value, and never a flag.
    let words = line.split('"').step_by(2).flat_map(str::split_whitespace);
    Some(words.map(|word| word.trim_end_matches([',', ';']).to_owned()).collect())
}

fn markdown(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let below = std::fs::read_dir(path).into_iter().flatten().flatten().flat_map(|entry| {
        let path = entry.path();
        let wanted = path.is_dir() || path.extension().is_some_and(|extension| extension == "md");
        if wanted { markdown(&path) } else { Vec::new() }
    });
    below.collect()
}
