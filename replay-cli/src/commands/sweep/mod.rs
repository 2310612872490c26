//! `kubetape sweep`: many replays at once, one table of what came of them.

mod journal;
mod matrix;
mod merge;
mod one;
mod parquet;
mod shard;
mod table;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use kubetape_engine::synth::presets::{self, PRESETS, Preset, Scale};

use self::journal::Journal;
use self::matrix::{Matrix, Run, Seeds};
use self::shard::Shard;
use self::table::{Row, TableFormat};
use crate::commands::bench::scale;
use crate::error::CliError;
use crate::output::Out;
use crate::plan::UntilArg;
use crate::timespec::Moment;

const EXAMPLES: &str = "\
Examples:
  # Two traces, three versions of a manifest, and how it is without any of them
  kubetape sweep monday.tape tuesday.tape -f v1.yaml -f v2.yaml -f v3.yaml --as-is -o outcomes.csv

  # A hundred synthetic clusters
  kubetape sweep --preset churn-1k --scale 0.1 --seeds 1..100 -o outcomes.parquet

  # A tenth of it, for one of ten machines; then all tenths as one table
  kubetape sweep --preset churn-1k --seeds 1..100 --shard 3/10 -o part-3.csv
  kubetape sweep --merge part-*.csv -o outcomes.csv

  # The same in a Kubernetes Job with completionMode Indexed: the index comes from JOB_COMPLETION_INDEX
  kubetape sweep --preset churn-1k --seeds 1..100 --shard /10 -o part.csv

Settings are TOML (a .toml file, as `kubetape settings` prints it) or JSON; what is left out is as usual:
  {\"daemon_set\": {\"burst_replicas\": 250}, \"scheduler\": {\"bind_us\": 0}, \"kubelet\": {\"start_us\": 1500000, \"stop_us\": 1000000}}

A sweep that was interrupted goes on where it stopped when it is started again with the same options.
Exit status: 1 if a run failed; the others are in the table all the same.";

/// Replay many combinations of traces, manifests, settings and seeds
///
/// Every combination is one run and one row of the table. Runs share the machine's processors; the table is in
/// the order of the matrix and does not depend on how many there were.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "kubetape sweep [OPTIONS] -o TABLE [TRACE]...\n       kubetape sweep --merge -o TABLE PART...")]
pub struct Args {
    /// Traces: logs; with --merge the tables of the parts
    #[arg(value_name = "TRACE")]
    files: Vec<PathBuf>,
    #[arg(long = "preset", value_name = "PRESET", value_parser = preset, help = preset_help())]
    presets: Vec<&'static Preset>,
    /// Make synthetic traces smaller: nodes and events times this
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = scale, requires = "presets")]
    scale: Scale,
    /// Seeds of synthetic traces: `7`, `1..100` (both included), `1,2,5`
    #[arg(long, value_name = "SEEDS", default_value = "1", requires = "presets")]
    seeds: Seeds,
    /// A manifest that is applied on top: one alternative
    #[arg(long = "filename", short = 'f', value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// Run everything without a manifest, too
    #[arg(long, requires = "manifests")]
    as_is: bool,
    /// When manifests are applied [default: before the trace's first event]
    #[arg(long, value_name = "MOMENT", requires = "manifests", allow_hyphen_values = true)]
    at: Option<Moment>,
    /// The namespace of objects in MANIFEST that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    /// How the actors behave: one alternative [default: as usual]
    #[arg(long, value_name = "JSON")]
    settings: Vec<PathBuf>,
    /// When runs stop: `end`, `settled`, TIME, or +DURATION after the trace's last event
    #[arg(long, value_name = "WHEN", default_value = "settled")]
    until: UntilArg,
    /// The table to write; by its ending CSV (.csv), JSON lines (.jsonl) or Parquet (.parquet)
    #[arg(long, short, value_name = "TABLE")]
    output: PathBuf,
    /// Overwrite TABLE if it exists, and do not go on where an interrupted sweep stopped
    #[arg(long)]
    force: bool,
    /// The form of the table, whatever its ending
    #[arg(long, value_enum)]
    format: Option<TableFormat>,
    /// Only part I (from 0) of N; `/N` takes I from JOB_COMPLETION_INDEX
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// How many runs are made at once [default: one for each processor]
    #[arg(long, short, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    /// Put parts together
    #[arg(long, conflicts_with_all = ["presets", "manifests", "settings", "shard"])]
    merge: bool,
}

fn preset_help() -> String {
    let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
    format!("A synthetic trace, once for each seed; may be given more than once: {}", names.join(", "))
}

fn preset(text: &str) -> Result<&'static Preset, String> {
    let known = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    presets::find(text).ok_or_else(|| format!("no such preset; there are {}", known()))
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let format = match args.format {
        Some(format) => format,
        None => TableFormat::of(&args.output)?,
    };
    if !args.force && args.output.exists() {
        return Err(CliError::new(format!("{} exists already", args.output.display()))
            .hint("choose another name, or overwrite it with --force"));
    }
    if args.merge {
        return merge::run(&args.files, &args.output, format, out);
    }
    let matrix = Matrix::new(args)?;
    let runs = matrix.runs(args.shard.unwrap_or_default());
    let mut journal =
        Journal::open(&args.output, &matrix.fingerprint(args.shard.unwrap_or_default()), args.force)?;
    if !journal.rows.is_empty() {
        out.note(format!("{} of {} runs were made before", journal.rows.len(), runs.len()));
    }
    let left: Vec<&Run> = runs.iter().filter(|run| !journal.rows.contains_key(&run.number)).collect();
    all(args, &matrix, &left, &mut journal, runs.len(), out)?;
    let rows: Vec<&Row> = journal.rows.values().collect();
    table::write(&args.output, format, &rows)?;
    let failed: Vec<&&Row> = rows.iter().filter(|row| !row.error.is_empty()).collect();
    for row in &failed {
        out.warn(format!("run {} ({}) failed: {}", row.run, row.name(), row.error));
    }
    out.note(format!("{}: {} runs, {} failed", args.output.display(), rows.len(), failed.len()));
    let code = ExitCode::from(u8::from(!failed.is_empty()));
    journal.remove();
    Ok(code)
}

/// Makes all runs that are left, as many at once as there are processors.
fn all(
    args: &Args,
    matrix: &Matrix,
    left: &[&Run],
    journal: &mut Journal,
    total: usize,
    out: &Out,
) -> Result<(), CliError> {
    let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let jobs = args.jobs.unwrap_or(processors).get().min(left.len());
    let next = AtomicUsize::new(0);
    let (to, from) = mpsc::channel();
    let mut progress = out.progress("sweeping");
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (to, next) = (to.clone(), &next);
            scope.spawn(move || {
                while let Some(run) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody to tell means that the table cannot be written: then there is nothing to go on for.
                    if to.send(one::row(args, matrix, run)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(to);
        for row in from {
            journal.add(row)?;
            progress.update(journal.rows.len() as u64, Some(total as u64), "runs");
        }
        Ok(())
    })
}
