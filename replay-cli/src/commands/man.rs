//! `kubetape man`: manual pages.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # Read it
  kubetape man | man -l -

  # Install the pages of all commands
  kubetape man --dir ~/.local/share/man/man1";

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Write kubetape.1, kubetape-run.1 and so on here; the folder is made if need be
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Prints or writes the pages of a command line.
pub fn run(args: Args, command: clap::Command, out: &mut Out) -> Result<ExitCode, CliError> {
    match args.dir {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page).map_err(|e| CliError::output(&e))?;
            out.bytes(&page)?;
        }
        Some(dir) => {
            std::fs::create_dir_all(&dir).map_err(|e| CliError::file("make the folder", &dir, &e))?;
            clap_mangen::generate_to(command, &dir).map_err(|e| CliError::file("write to", &dir, &e))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
