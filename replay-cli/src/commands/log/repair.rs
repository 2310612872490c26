//! `kubetape log repair`: what can be saved of a damaged log.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::log;

use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::Out;
use crate::tape::{self, Output};

const REPAIR_EXAMPLES: &str = "\
Examples:
  # Save what is whole, and look at it
  kubetape log repair damaged.tape -o saved.tape
  kubetape show saved.tape";

/// Write all that is whole of a damaged log to a new one, and say what is missing
///
/// Events behind the damage are numbered anew; their old numbers are kept as their origins. The exit status is 1 if
/// anything is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = REPAIR_EXAMPLES)]
pub struct RepairArgs {
    /// The damaged log; it is not changed; `-` is standard input
    #[arg(value_name = "BAD")]
    bad: PathBuf,
    /// The log to make; `-` is standard output
    #[arg(long, short, value_name = "GOOD")]
    output: PathBuf,
    /// Overwrite GOOD if it exists
    #[arg(long)]
    force: bool,
}

pub fn run(args: &RepairArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let bad = tape::path(&args.bad)?;
    let mut output = Output::create(&args.output, args.force, out)?;
    let repaired = log::repair(&bad, &mut output)?;
    output.finish()?;
    write!(out, "{}", tape::shown(repaired.to_string()))?;
    let whole = repaired.damages.is_empty()
        && repaired.unreadable.is_empty()
        && repaired.torn.as_ref().is_none_or(|torn| !torn.was_closed);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}
