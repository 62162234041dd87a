//! Completion of the command line by a shell.

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

use crate::{failure::Failure, output::Output};

/// Print the script with which a shell completes commands, flags and values
#[derive(Args)]
#[command(after_help = "Write it to the place where the shell looks for it, and open a new shell:
  bash  kaching completion bash > ~/.local/share/bash-completion/completions/kaching
  zsh   kaching completion zsh > /usr/local/share/zsh/site-functions/_kaching
  fish  kaching completion fish > ~/.config/fish/completions/kaching.fish
bash needs the package bash-completion; zsh takes any directory of $fpath.")]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: CompletedShell,
}

#[derive(Clone, Copy, ValueEnum)]
enum CompletedShell {
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    /// Prints the script for the commands below `root`.
    pub(crate) fn run(self, mut root: Command, output: &Output) -> Result<(), Failure> {
        if output.json {
            return Err(Failure::usage("A script for a shell is no JSON document: leave out --json."));
        }
        let shell = match self.shell {
            CompletedShell::Bash => Shell::Bash,
            CompletedShell::Zsh => Shell::Zsh,
            CompletedShell::Fish => Shell::Fish,
        };
        let name = root.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut root, name, &mut script);
        output.words(&String::from_utf8_lossy(&script))
    }
}
