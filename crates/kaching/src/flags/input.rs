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
    let mut read = Vec::new();
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_end(&mut read)
        .map_err(|error| Failure::usage(format!("Standard input could not be read: {error}.")))?;
    let text = decode_text(&read)
        .ok_or_else(|| Failure::usage("Standard input is not text: it is neither in UTF-8 nor in UTF-16."))?;
    let read = pasted(&text);
    if read.is_empty() { Err(Failure::usage("Standard input is empty.")) } else { Ok(read) }
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

    /// Asks for the id to be typed, unless `--yes` was given.
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
            Err(Failure::refused("That is not the id: nothing was changed."))
        }
    }
}
