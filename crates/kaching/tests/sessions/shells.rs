//! Completion by real shells, and the manual pages.

use std::{fs, process::Command};

use crate::kaching::{Kaching, Said};

/// Runs a script by a shell, with the binary as `kaching` on the path.
fn run(kaching: &Kaching, shell: &str, arguments: &[&str], script: &str) -> Said {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_kaching")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display());
    // A shell that waits for its terminal would hold up the test.
    let mut command = Command::new("timeout");
    command.args(["60", shell]).args(arguments).args(["-c", script]).env_clear();
    command.env("HOME", kaching.path()).env("PATH", path).env("TERM", "dumb");
    let output = command.output();
    let output =
        output.unwrap_or_else(|error| panic!("{shell} is needed: `./check tools` installs it: {error}"));
    let said = Said::of(&output);
    assert_eq!(said.code, 0, "{shell}: {}{}", said.out, said.err);
    said
}

/// Words of a line, the beginning of the next word, and the word that completes it. The last one is an argument without a
/// flag, which the script for fish leaves out.
const COMPLETED: [(&str, &str, &str); 5] = [
    ("kaching", "lic", "license"),
    ("kaching license", "reinst", "reinstate"),
    ("kaching license list", "--expires-b", "--expires-before"),
    ("kaching license list --state", "susp", "suspended"),
    ("kaching completion", "z", "zsh"),
];

#[test]
fn bash_completes_commands_flags_and_values() {
    let kaching = Kaching::new();
    for (words, begun, completed) in COMPLETED {
        let count = words.split(' ').count();
        let last = words.rsplit(' ').next().unwrap();
        let script = format!(
            "source <(kaching completion bash)
             COMP_WORDS=({words} {begun}); COMP_CWORD={count}
             _kaching kaching {begun} {last}
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        assert_eq!(run(&kaching, "bash", &["--norc"], &script).out.trim(), completed, "{words} {begun}");
    }
}

#[test]
fn fish_completes_commands_flags_and_values() {
    let kaching = Kaching::new();
    for (words, begun, completed) in &COMPLETED[..4] {
        let script = format!("kaching completion fish | source; complete --do-complete '{words} {begun}'");
        let said = run(&kaching, "fish", &["--no-config"], &script);
        let found: Vec<&str> = said.out.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(found, [*completed], "{words} {begun}");
    }
}

/// zsh completes only on a terminal: one that zsh itself provides shows the line after the completion.
#[test]
fn zsh_completes_commands_flags_and_values() {
    let kaching = Kaching::new();
    // The terminal also shows what it reads: the marks around the line are only in this file.
    let setting = "autoload -U compinit; compinit -u -D; source <(kaching completion zsh)
        show() { zle complete-word; print -r -- \"<[$BUFFER]>\"; exit }
        zle -N show; bindkey '^M' show; bindkey '^J' show; print -r -- \"<[\"ready\"]>\"";
    fs::write(kaching.path().join("setting"), setting).unwrap();
    for (words, begun, completed) in COMPLETED {
        let script = format!(
            "zmodload zsh/zpty
             zpty shell zsh -f -i
             zpty -w shell 'source ~/setting'
             zpty -r shell shown '*<\\[ready\\]>*'
             zpty -w shell '{words} {begun}'
             zpty -r shell shown '*<\\[*\\]>*'
             print -r -- \"$shown\""
        );
        let said = run(&kaching, "zsh", &["-f"], &script);
        let line = said.out.rsplit_once("<[").and_then(|(_, rest)| rest.split_once("]>")).unwrap().0;
        // A flag that takes a value gets its equals sign.
        assert_eq!(line.trim().trim_end_matches('='), format!("{words} {completed}"), "{}", said.out);
    }
}

#[test]
fn completion_and_manual_need_no_authority_and_no_home() {
    let kaching = Kaching::new();
    for arguments in [["completion", "bash"].as_slice(), &["man"], &["man", "pages"], &["help", "license"]] {
        let output = kaching.command().env_clear().args(arguments).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    assert!(!kaching.data().exists());
    for arguments in
        [["completion", "bash", "--json"].as_slice(), &["man", "--json"], &["completion", "tcsh"]]
    {
        assert_eq!(kaching.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let kaching = Kaching::new();
    let secret = "kch_a_token_of_the_environment";
    let folder = kaching.path().join("share/man1");
    let mut command = kaching.command();
    command.args(["man", "share/man1", "--json"]).env("KACHING_TOKEN", secret);
    let said = Said::of(&command.output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let pages: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(answer["pages"], pages.len());
    assert!(pages.len() > 80, "{} pages", pages.len());
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains(".TH kaching") && text.contains(".SH SYNOPSIS"), "{}", page.display());
        assert!(!text.contains(secret), "{}", page.display());
    }
    let page = fs::read_to_string(folder.join("kaching-license-list.1")).unwrap();
    assert!(page.contains("not_yet_valid") && page.contains("Only those of this product"), "{page}");
    assert!(page.contains("KACHING_TOKEN"), "{page}");

    let main = kaching.run(&["man"]);
    assert!(main.out.contains("kaching\\-license(1)"), "{}", main.out);
    fs::write(kaching.path().join("file"), "").unwrap();
    let said = kaching.run(&["man", "file/below"]);
    assert!(said.code == 1 && said.err.contains("Name a directory that you may write"), "{}", said.err);
}
