//! `kubetape log merge`: several logs of one cluster as one.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::log::{self, MergeError};

use crate::error::CliError;
use crate::output::Out;
use crate::tape::{self, Output};

const EXAMPLES: &str = "\
Examples:
  # Nodes recorded by one tool, workloads by another
  kubetape log merge nodes.tape workloads.tape -o cluster.tape

Events are ordered by time; at one moment, by the order of the logs here. Pods and revisions are numbered anew, and
causes follow their events. What a log begins with is part of the new log's beginning, unless an event of another log
lies before it: then it is what was seen at that time, and marked as inferred.

Logs that contradict each other are not joined: a node that joins twice, an object to which two logs apply different
manifests, an event about something that is not there.";

/// Join logs of one cluster by time
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct MergeArgs {
    /// The logs; one may be `-`, standard input
    #[arg(required = true, value_name = "LOG")]
    files: Vec<PathBuf>,
    /// The log to make; `-` is standard output
    #[arg(long, short, value_name = "MERGED")]
    output: PathBuf,
    /// Overwrite MERGED if it exists
    #[arg(long)]
    force: bool,
}

pub fn run(args: &MergeArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let readers: Result<Vec<_>, _> = args.files.iter().map(|file| tape::reader(file)).collect();
    let readers = readers?;
    let mut output = Output::create(&args.output, args.force, out)?;
    let merged = log::merge(readers, &mut output).map_err(|error| failure(args, error))?;
    output.finish()?;
    let (events, genesis) = (merged.events, merged.genesis);
    writeln!(
        out,
        "{}: {events} events, {genesis} of them the state at the beginning",
        args.output.display()
    )?;
    for (file, count) in args.files.iter().zip(&merged.from_each) {
        writeln!(out, "{count:>10}  from {}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn failure(args: &MergeArgs, error: MergeError) -> CliError {
    match error {
        MergeError::Log(error) => error.into(),
        MergeError::Conflict { log, seq, kind, at, reason } => {
            let place = args.files.get(log).map(|file| file.display().to_string()).unwrap_or_default();
            let hint = "logs are numbered as they are given; `kubetape log cut` leaves a part of one out";
            CliError::new(format!("{kind} at {at} contradicts what was merged before it: {reason}"))
                .at(format!("{place}, event {seq}"))
                .hint(hint)
        }
    }
}
