//! The manual pages of all commands.

use std::{fs, io, path::PathBuf};

use clap::{Args, Command};
use serde_json::json;

use crate::{failure::Failure, output::Output};

/// Print the manual page, or write the pages of all commands into a directory
#[derive(Args)]
#[command(after_help = "man finds pages in these directories:
  ~/.local/share/man/man1       kaching man ~/.local/share/man/man1
  /usr/local/share/man/man1     for all users of the machine
Then: man kaching, man kaching-license-create")]
pub(crate) struct Man {
    /// The directory for the pages, created if it does not exist; without it, the main page is printed
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Man {
    /// Prints or writes the pages of the commands below `root`.
    pub(crate) fn run(self, root: Command, output: &Output) -> Result<(), Failure> {
        // The pages of `help` would repeat all others.
        let mut root = root.disable_help_subcommand(true);
        root.build();
        let Some(directory) = self.directory else { return print(root, output) };
        let pages = count(&root);
        let written =
            fs::create_dir_all(&directory).and_then(|()| clap_mangen::generate_to(root, &directory));
        written.map_err(|error| {
            Failure::refused(format!(
                "The pages cannot be written into {}: {error}. Name a directory that you may write.",
                directory.display()
            ))
        })?;
        output.either(&json!({ "directory": directory, "pages": pages }), || {
            format!("Wrote {pages} pages into {}. Next: man kaching", directory.display())
        })
    }
}

fn print(root: Command, output: &Output) -> Result<(), Failure> {
    if output.json {
        return Err(Failure::usage(
            "A manual page is no JSON document: leave out --json, or name a directory.",
        ));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(root).render(&mut page).map_err(|error: io::Error| Failure::from_error(error))?;
    output.words(&String::from_utf8_lossy(&page))
}

/// Returns the number of a command and all below it. Hidden ones have no page.
fn count(command: &Command) -> usize {
    1 + command.get_subcommands().filter(|one| !one.is_hide_set()).map(count).sum::<usize>()
}
