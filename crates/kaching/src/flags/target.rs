use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use clap::Args;
use kaching_base::{decode_text, pasted};

use crate::failure::Failure;

/// More than any key or statement, less than what would fill memory.
const LONGEST: u64 = 64 * 1024;

/// An id, key or statement as it was [`pasted`], or standard input where it is `-`: a key given there stands in no list of
/// processes.
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
    if read.is_empty() { Err(Failure::usage("Nothing came on standard input.")) } else { Ok(read) }
}

/// For what cannot be undone.
#[derive(Args)]
pub(crate) struct Confirmed {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Confirmed {
    /// Whether nobody needs to be asked.
    pub(crate) fn given(&self) -> bool {
        self.yes
    }

    /// Asks for the id to be typed, unless `--yes` was given.
    ///
    /// # Errors
    /// If something else was typed, or nobody is there to type.
    pub(crate) fn typed(&self, what: &str, id: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(format!("{what} Nobody can be asked here: add --yes.")));
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
