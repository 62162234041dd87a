use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use clap::Args;
use kaching_base::{decode_text, pasted};

use crate::failure::Failure;

/// The longest input: longer than any key or statement.
const LONGEST: u64 = 64 * 1024;

/// Reads an id, key or statement as it was [`pasted`]. `-` reads it from standard input, so that no list of processes
/// shows it.
pub(crate) fn argument(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(pasted(text));
    }
    let read = pasted(&text_of(&read_input(LONGEST)?)?);
    if read.is_empty() { Err(Failure::usage("Standard input is empty.")) } else { Ok(read) }
}

/// The longest list of ids, of some 500,000 lines.
const LONGEST_LIST: u64 = 16 * 1024 * 1024;

/// Reads ids or keys, each as [`argument`] does. `-` reads those on standard input, one on each line.
pub(crate) fn arguments(texts: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for text in texts {
        if text == "-" {
            all.extend(lines()?);
        } else {
            all.push(pasted(text));
        }
    }
    Ok(all)
}

/// Reads the lines of standard input that are not empty.
fn lines() -> Result<Vec<String>, Failure> {
    let read = read_input(LONGEST_LIST + 1)?;
    if read.len() as u64 > LONGEST_LIST {
        return Err(Failure::usage("Standard input is longer than 16 MiB: split the list."));
    }
    let text = text_of(&read)?;
    Ok(text.lines().map(pasted).filter(|line| !line.is_empty()).collect())
}

fn read_input(most: u64) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    let done = io::stdin().lock().take(most).read_to_end(&mut read);
    done.map_err(|error| Failure::usage(format!("Standard input could not be read: {error}.")))?;
    Ok(read)
}

fn text_of(read: &[u8]) -> Result<String, Failure> {
    decode_text(read)
        .ok_or_else(|| Failure::usage("Standard input is not text: it is neither in UTF-8 nor in UTF-16."))
}

/// The confirmation of a change that cannot be undone.
#[derive(Args)]
pub(crate) struct Confirmation {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Whether `--yes` was given.
    pub(crate) fn given(&self) -> bool {
        self.yes
    }

    /// Asks for an id, or a number, to be typed, unless `--yes` was given.
    ///
    /// # Errors
    /// If something else was typed, or standard input is not a terminal.
    pub(crate) fn typed(&self, what: &str, id: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(format!("{what} There is no terminal to confirm this: add --yes.")));
        }
        let mut error = io::stderr().lock();
        write!(error, "{what} Type {id} to go on: ").and_then(|()| error.flush())?;
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed)?;
        if typed.trim() == id {
            Ok(())
        } else {
            Err(Failure::refused(format!("That is not {id}: nothing was changed.")))
        }
    }
}
