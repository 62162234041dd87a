use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use clap::Args;

use crate::failure::Failure;

/// More than any key or statement, less than what would fill memory.
const LONGEST: u64 = 64 * 1024;

/// An argument, or standard input where it is `-`: a key given there stands in no list of processes.
pub(crate) fn argument(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut read = String::new();
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut read)
        .map_err(|error| Failure::usage(format!("Standard input could not be read as text: {error}.")))?;
    let read = read.trim().to_owned();
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
