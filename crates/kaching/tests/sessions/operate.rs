//! `docs/operate.md`, followed as a reader does: a shell runs its commands in their order, on an empty authority.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Mutex,
};

use crate::{
    kaching::{Kaching, Said, date, id, key},
    serve::Server,
};

/// A fenced block of the page.
struct Block {
    /// The number of its first line in the page, counted from 1; the fence is the line before.
    line: usize,
    language: String,
    text: String,
}

/// The page as it is, or as it should be. `KACHING_ACCEPT` writes the latter.
struct Page {
    path: PathBuf,
    text: String,
}

/// Held while the page is written: each test of this file writes another part.
static WRITING: Mutex<()> = Mutex::new(());

impl Page {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate.md");
        Self { text: fs::read_to_string(&path).unwrap(), path }
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (at, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), open) {
                (Some(language), false) => {
                    blocks.push(Block { line: at + 2, language: language.to_owned(), text: String::new() });
                    open = true;
                }
                (Some(_), true) => open = false,
                (None, true) => {
                    let text = &mut blocks.last_mut().unwrap().text;
                    text.push_str(line);
                    text.push('\n');
                }
                (None, false) => {}
            }
        }
        blocks
    }

    /// Replaces a part of the page that should be another, or reports it.
    fn expect(&mut self, what: &str, before: &str, after: &str) {
        let accepts = std::env::var_os("KACHING_ACCEPT").is_some();
        assert!(accepts, "{what} is not as in docs/operate.md; accept it with KACHING_ACCEPT=1:\n{after}");
        assert_eq!(self.text.matches(before).count(), 1, "{what} cannot be replaced:\n{before}");
        let _writing = WRITING.lock().unwrap();
        self.text = fs::read_to_string(&self.path).unwrap().replacen(before, after, 1);
        fs::write(&self.path, &self.text).unwrap();
    }
}

#[test]
fn the_page_for_operators_can_be_followed() {
    let (kaching, mut page) = (Kaching::new(), Page::read());
    let blocks = page.blocks();
    let mut command = kaching.command();
    command.env_remove("KACHING_DATA").stderr(Stdio::null());
    let server = Server::of(command, &[]);
    follow(&kaching, &blocks, server.greeting["listen"].as_str().unwrap());

    let mut shown = 0;
    for (at, pair) in blocks.windows(2).enumerate().filter(|(_, pair)| pair[1].language == "text") {
        let output = &pair[1];
        assert_eq!(pair[0].language, "sh", "operate.md:{}: of which commands is this?", output.line);
        let printed = fs::read_to_string(kaching.path().join(format!("{at}.out"))).unwrap();
        if masked(&printed) != masked(&output.text) {
            let block = |text: &str| format!("{}```\n```text\n{text}```\n", pair[0].text);
            page.expect(&pair[0].text, &block(&output.text), &block(&printed));
        }
        shown += 1;
    }
    assert!(shown > 8, "only {shown} outputs are shown");
    assert_eq!(server.stop(), 0);
}

/// Runs the commands of all blocks in one shell, which puts the output of each into a file.
fn follow(kaching: &Kaching, blocks: &[Block], address: &str) {
    let mut script = "set -eu\n".to_owned();
    for (at, block) in blocks.iter().enumerate().filter(|(_, block)| block.language == "sh") {
        let commands = block.text.replace("127.0.0.1:7700", address);
        script.push_str(&format!("exec >{at}.out 2>{at}.err\n{commands}"));
    }
    let program = Path::new(env!("CARGO_BIN_EXE_kaching")).parent().unwrap().display().to_string();
    let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
    let mut shell = kaching.command_of("sh");
    shell.env_remove("KACHING_DATA").env("PATH", format!("{program}:{path}")).args(["-c", &script]);
    if Said::of(&shell.output().unwrap()).code != 0 {
        let errors = |at: &usize| kaching.path().join(format!("{at}.err"));
        let failed = (0..blocks.len()).rev().find(|at| errors(at).exists()).expect("one that failed");
        let (block, why) = (&blocks[failed], fs::read_to_string(errors(&failed)).unwrap());
        panic!("operate.md:{}: this block failed: {why}\n{}", block.line, block.text);
    }
}

/// Commands that the test does not run are in blocks of another kind, each with the reason.
#[test]
fn what_the_page_does_not_run_has_a_reason() {
    let blocks = Page::read().blocks();
    let commands: usize = blocks.iter().filter(|block| block.language == "sh").map(count).sum();
    assert!(commands > 60, "only {commands} commands are run");
    for Block { line, language, text } in &blocks {
        match language.as_str() {
            "sh" | "text" => {}
            "console" => assert!(text.starts_with("# Not run by the test"), "operate.md:{line}: why not?"),
            other => {
                assert!(!text.contains("\nkaching "), "operate.md:{line}: commands in a block of {other}")
            }
        }
    }
}

fn count(block: &Block) -> usize {
    block.text.matches("kaching ").count()
}

/// What lists search is in their help, and what they sort by in the refusal of another column.
#[test]
fn the_page_says_what_lists_search_and_sort_by() {
    const BEGIN: &str = "<!-- lists: a test writes this table -->\n";
    const END: &str = "<!-- /lists -->\n";
    let (kaching, mut page) = (Kaching::new(), Page::read());
    kaching.with_license();
    let mut table = "| list | searches | sorts by |\n|---|---|---|\n".to_owned();
    let help = kaching.run(&["--help"]).out;
    let nouns =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for noun in nouns.filter_map(|line| line.split_whitespace().next()) {
        let help = kaching.run(&[noun, "list", "--help"]);
        let words = help.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some((_, search)) = words.split_once("words that begin with them, in ") else { continue };
        let search = search.split(" --").next().unwrap().trim_end_matches(" -q,");
        let said = kaching.run(&[noun, "list", "--sort", "nothing"]);
        let (_, columns) = said.err.split_once("ort is one of ").unwrap_or_else(|| panic!("{}", said.err));
        let columns = columns.split(", with").next().unwrap();
        table.push_str(&format!("| `kaching {noun} list` | {search} | {columns} |\n"));
    }
    assert!(table.lines().count() > 8, "{table}");
    let (_, rest) = page.text.split_once(BEGIN).unwrap();
    let present = rest.split_once(END).unwrap().0;
    if present != table {
        page.expect("the table of lists", &format!("{BEGIN}{present}{END}"), &format!("{BEGIN}{table}{END}"));
    }
}

/// Replaces what differs in each run: ids, keys, dates, ages, the number of the user, and the width of columns.
fn masked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after_word = plain.ends_with(|c: char| c.is_ascii_alphanumeric());
        let found = id(rest).filter(|_| !after_word).map(|(_, length)| ("ID", length));
        let found = found.or(key(rest).map(|length| ("-KEY", length)));
        let found = found.or(date(rest).map(|length| ("DATE", length)));
        let (mask, length) =
            found.map_or((&rest[..character.len_utf8()], character.len_utf8()), |found| found);
        plain.push_str(mask);
        rest = &rest[length..];
    }
    plain.lines().map(|line| format!("{}\n", masked_words(line))).collect()
}

fn masked_words(line: &str) -> String {
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    let mut words: Vec<&str> = line.split_whitespace().collect();
    for at in 0..words.len() {
        if words[at].trim_start_matches('(') == "in" && words.get(at + 1).is_some_and(|word| number(word)) {
            words[at + 1] = "N";
        } else if words[at..].starts_with(&["just", "now"]) {
            words[at..at + 2].copy_from_slice(&["N", "ago"]);
        } else if words.get(at + 2) == Some(&"ago") && number(words[at]) {
            words[at..at + 3].copy_from_slice(&["", "N", "ago"]);
        } else if words[at].strip_prefix("local:").is_some_and(number) {
            words[at] = "local:0";
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[test]
fn a_mask_hides_only_what_differs() {
    let first = "lic_01m81jhz4sewe84nq6ffy7jzvt  active  2027-11-30 (in 365 days)  local:0  just now\n";
    let second =
        "lic_01kb7v3e9yf5a8k1x4rm2dq6ht active 2028-01-01 (in 366 days)     local:1000    12 s ago\n";
    assert_eq!(masked(first), masked(second));
    assert_ne!(masked(first), masked(&first.replace("active", "expired")));
}
