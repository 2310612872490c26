//! `kubetape man`: manual pages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::Cli;
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

pub fn run(args: Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut command = Cli::command();
    command.build();
    match args.dir {
        None => out.bytes(&page(&command)?)?,
        Some(dir) => {
            std::fs::create_dir_all(&dir).map_err(|e| CliError::file("make the folder", &dir, &e))?;
            write_pages(&command, &dir, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(|e| CliError::output(&e))?;
    Ok(page)
}

fn write_pages(command: &clap::Command, dir: &Path, out: &mut Out) -> Result<(), CliError> {
    // clap joins the names of nested commands: `kubetape-node-label`.
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let path = dir.join(format!("{name}.1"));
    let command = command.clone().name(name);
    std::fs::write(&path, page(&command)?).map_err(|e| CliError::file("write", &path, &e))?;
    out.note(path.display());
    for nested in command.get_subcommands().filter(|c| c.get_name() != "help") {
        write_pages(nested, dir, out)?;
    }
    Ok(())
}
