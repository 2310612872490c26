//! `kubetape log cut`: a part of a log as a log of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubetape_engine::log::{self, SeekError};

use crate::error::CliError;
use crate::output::Out;
use crate::state;
use crate::tape::{self, Output};
use crate::timespec::{MOMENT_HELP, Moment};

const EXAMPLES: &str = "\
Examples:
  # Ten minutes
  kubetape log cut cluster.tape --from 2026-11-24T02:10:00Z --to 2026-11-24T02:20:00Z -o part.tape

  # Everything after event #120
  kubetape log cut cluster.tape --from '#120' -o rest.tape

  # The first hour, to another program
  kubetape log cut cluster.tape --to +1h -o - | zstd > first-hour.tape.zst

What is kept: the events between the moments, with their times, authors and pods; their old numbers are their origins,
and a cause before the cut becomes none. The new log begins with the state at --from, and folds to the states that the
old one had.

What is not: when timers began (how long a node has been silent or gone), how many pods an owner had that were gone
by then (it shows in the names of pods that a simulated controller makes), the words of messages and reasons of pods'
states before the cut.";

/// Write the part of a log between two moments to a log of its own, which begins with the state at the first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CutArgs {
    /// The log; `-` is standard input
    #[arg(value_name = "LOG")]
    file: PathBuf,
    #[arg(long, value_name = "MOMENT", default_value = "start", allow_hyphen_values = true, help = from_help())]
    from: Moment,
    #[arg(
        long,
        value_name = "MOMENT",
        default_value = "end",
        allow_hyphen_values = true,
        help = "To where: as --from"
    )]
    to: Moment,
    /// The log to make; `-` is standard output
    #[arg(long, short, value_name = "PART")]
    output: PathBuf,
    /// Overwrite PART if it exists
    #[arg(long)]
    force: bool,
}

fn from_help() -> String {
    format!("From where: {MOMENT_HELP}")
}

pub fn run(args: &CutArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let file = args.file.as_path();
    let from = moment(file, args.from)?;
    let Some(to) = moment(file, args.to)? else {
        return Err(CliError::new("--to start would keep nothing"));
    };
    let mut output = Output::create(&args.output, args.force, out)?;
    let cut = log::cut(tape::storage(file)?, from, to, &mut output).map_err(|error| failure(file, error))?;
    // Cut at its end, a log is its last state; anything else that keeps nothing is a mistake.
    if cut.kept == 0 && args.from != Moment::End && (from.is_some() || cut.genesis == 0) {
        return Err(CliError::new("there is no event between these moments").at(file.display()));
    }
    output.finish()?;
    let kept = match (cut.first, cut.last) {
        (Some(first), Some(last)) => format!("{} events, {first} to {last} of {}", cut.kept, file.display()),
        _ => "no event".to_owned(),
    };
    writeln!(
        out,
        "{}: {kept}, after {} of the state at their beginning",
        args.output.display(),
        cut.genesis
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A moment as the log knows it; none for its beginning.
fn moment(file: &Path, moment: Moment) -> Result<Option<log::Moment>, CliError> {
    Ok(Some(match moment {
        Moment::Start => return Ok(None),
        Moment::End => log::Moment::End,
        Moment::At(at) => log::Moment::Time(at),
        Moment::After(seq) => log::Moment::Seq(seq),
        Moment::BeforeEnd(_) | Moment::SinceStart(_) => log::Moment::Time(state::time_of(file, moment)?),
    }))
}

fn failure(file: &Path, error: SeekError) -> CliError {
    match error {
        SeekError::Log(error) => error.into(),
        error => CliError::new(error.to_string())
            .at(file.display())
            .hint("the log was not written by kubetape; `kubetape log verify` says more"),
    }
}
