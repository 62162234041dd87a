//! The passphrase of the master key in a backup: from a file, the environment, or the terminal, never an argument.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::Args;
use kaching_api::SecretText;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::{failure::Failure, settings::read_text};

/// The source of the passphrase.
#[derive(Args)]
pub(crate) struct Passphrase {
    /// A file with the passphrase of the master key, which KACHING_BACKUP_PASSPHRASE may hold instead
    #[arg(long, value_name = "FILE", env = "KACHING_BACKUP_PASSPHRASE_FILE", hide_env_values = true)]
    passphrase_file: Option<PathBuf>,
}

/// The number of times that the user types it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    Once,
    /// For a new passphrase: with a typo the key would be lost.
    Twice,
}

impl Passphrase {
    pub(crate) fn read(
        &self,
        environment: &BTreeMap<String, String>,
        prompt: Prompt,
    ) -> Result<SecretText, Failure> {
        if let Some(path) = &self.passphrase_file {
            let text = read_text(path).map_err(|error| {
                Failure::usage(format!("The passphrase file {} cannot be read: {error}.", path.display()))
            })?;
            return Ok(SecretText::new(text.trim_end_matches(['\n', '\r']).to_owned()));
        }
        if let Some(text) = environment.get("KACHING_BACKUP_PASSPHRASE").filter(|text| !text.is_empty()) {
            return Ok(SecretText::new(text.clone()));
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(
                "The master key needs its passphrase: --passphrase-file, or KACHING_BACKUP_PASSPHRASE.",
            ));
        }
        let first = ask("Passphrase of the master key: ")?;
        if prompt == Prompt::Twice && ask("Once more: ")? != first {
            return Err(Failure::usage("The two differ: nothing was done."));
        }
        Ok(first)
    }
}

/// Reads a line without showing it.
fn ask(prompt: &str) -> Result<SecretText, Failure> {
    let input = io::stdin();
    let _ = write!(io::stderr().lock(), "{prompt}");
    let shown = tcgetattr(&input).map_err(io::Error::from)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
    let mut line = String::new();
    let read = input.read_line(&mut line);
    let restored = tcsetattr(&input, OptionalActions::Flush, &shown);
    let _ = writeln!(io::stderr().lock());
    read?;
    restored.map_err(io::Error::from)?;
    Ok(SecretText::new(line.trim_end_matches(['\n', '\r']).to_owned()))
}
