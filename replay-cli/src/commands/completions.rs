//! `kubetape completions`: scripts by which shells complete commands.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # bash, for this shell
  source <(kubetape completions bash)

  # zsh, for good
  kubetape completions zsh > \"${fpath[1]}/_kubetape\"

  # fish, for good
  kubetape completions fish > ~/.config/fish/completions/kubetape.fish";

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for a command line.
pub fn run(args: Args, mut command: clap::Command, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "kubetape", &mut script);
    out.bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
