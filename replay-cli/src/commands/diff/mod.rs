//! `kubetape diff`: what differs between the placements of two logs.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use kubetape_engine::diff::{self, DiffError, Side, SideError, SourceError, Strictness, When};
use kubetape_engine::log::LogError;
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::time::Time;

use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::{Format, Out};
use crate::tape;

const EXAMPLES: &str = "\
Examples:
  # A recording against its own replay
  kubetape run traces/lesson.tape -o run.tape
  kubetape diff traces/lesson.tape run.tape --at every-settled

  # A gate for CI: exit status 1 if the placements differ
  kubetape diff before.tape after.tape --format json > diff.json

Exit status:
  0  same
  1  different
  2  they cannot be compared, for instance because they are never settled at the same time";

/// Compare the placements of two logs (runs or recordings)
///
/// Same means: the same sets of (DaemonSet, node) with a live pod, as many pods of each revision, and as many
/// pods of each ReplicaSet. Revisions are the same when their templates are, whatever their names. With
/// --strict, phase, binding and revision on each node and the ReplicaSets' nodes have to be the same too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The first log
    a: PathBuf,
    /// The second log
    b: PathBuf,
    /// When to compare: `settled` (the last moment at which both are), `every-settled`, `end` (each at its end),
    /// or a TIME
    #[arg(long, value_name = "WHEN", default_value = "settled")]
    at: WhenArg,
    /// Compare phase, binding and revision on each node too
    #[arg(long)]
    strict: bool,
    /// List all nodes, however many
    #[arg(long)]
    all: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// [`When`] as it is written.
#[derive(Clone, Copy, Debug)]
struct WhenArg(When);

impl FromStr for WhenArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(WhenArg(match text {
            "settled" => When::Settled,
            "every-settled" => When::EverySettled,
            "end" => When::End,
            _ => When::At(Time::parse(text).map_err(|_| {
                "write `settled`, `every-settled`, `end`, or a time such as 2026-11-24T02:17:02Z".to_owned()
            })?),
        }))
    }
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let compared = diff::diff(|| side(&args.a), || side(&args.b), args.at.0);
    let comparison = compared.map_err(|error| failure(args, error))?;
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Placements };
    let same = comparison.is_same(strictness);
    match args.format {
        Format::Text => report::print(args, &comparison, strictness, out)?,
        Format::Json => report::json(args, &comparison, strictness, out)?,
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// One log, opened.
fn side(path: &Path) -> Result<Side<'static>, SideError> {
    let read = |error: LogError| SideError::Read(error.into());
    let mut reader = tape::reader(path).map_err(read)?;
    let side = Side::from_batches::<SourceError, _>(Names::new(), move |names, batch| {
        reader.next_batch(names, batch)?;
        Ok(())
    });
    // A run is over when it ends; what a recording would have shown next, nobody knows.
    Ok(if is_run(path).map_err(read)? { side.known_until(Time::MAX) } else { side })
}

/// Whether a log was written by a replay: what it begins with was then played from another.
fn is_run(path: &Path) -> Result<bool, LogError> {
    let mut first = Vec::new();
    tape::reader(path)?.next_batch(&mut Names::new(), &mut first)?;
    Ok(first.iter().any(|event| event.origin != Seq::NONE))
}

fn failure(args: &Args, error: DiffError) -> CliError {
    let (error, path) = match error {
        DiffError::A(error) => (error, &args.a),
        DiffError::B(error) => (error, &args.b),
        never @ DiffError::NeverSettled { .. } => {
            return CliError::new(never.to_string())
                .hint("--at end compares each at its end, --at TIME at a moment");
        }
    };
    match error {
        SideError::Read(error) => match error.downcast::<LogError>() {
            Ok(error) => CliError::from(*error),
            Err(error) => CliError::new(error.to_string()).at(path.display()),
        },
        error => CliError::new(error.to_string())
            .at(path.display())
            .hint("the log was not written by kubetape; `kubetape log verify` says more"),
    }
}
