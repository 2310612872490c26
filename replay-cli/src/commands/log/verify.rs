//! `kubetape log verify`: whether logs are whole.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::log;

use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::Out;
use crate::tape;

const VERIFY_EXAMPLES: &str = "\
Examples:
  # Is it whole?
  kubetape log verify cluster.tape

  # All logs of a folder
  kubetape log verify traces/*.tape";

/// Check every frame and every event of logs, and list all damage
///
/// The exit status is 1 if anything that was committed is damaged or missing. A last write that was cut off when its
/// writer died was never committed: it is said, and is no damage.
#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct VerifyArgs {
    /// The logs; `-` is standard input
    #[arg(required = true, value_name = "LOG")]
    files: Vec<PathBuf>,
}

pub fn run(args: &VerifyArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut sound = true;
    for file in &args.files {
        let report = log::verify(&tape::path(file)?)?;
        sound &= report.is_sound();
        write!(out, "{}", tape::shown(report.to_string()))?;
        writeln!(out, "{}", if report.is_sound() { "whole" } else { "NOT WHOLE" })?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}
