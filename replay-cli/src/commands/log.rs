//! `kubetape log`: what a log holds as a file, whether it is whole, and what can be saved of it.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::log::{self, Stat};
use serde_json::json;

use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::{Format, Out};

const EXAMPLES: &str = "\
Examples:
  # What is in it
  kubetape log stat cluster.tape

  # Is it whole? Exit status 1 if it is not
  kubetape log verify cluster.tape

  # Save what is whole
  kubetape log repair cluster.tape -o saved.tape

The events themselves are printed by `kubetape show LOG events`.";

/// Look at logs as files: count, check, repair
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    Stat(StatArgs),
    Verify(VerifyArgs),
    Repair(RepairArgs),
}

const STAT_EXAMPLES: &str = "\
Examples:
  # How many events, of which kinds and tracks, and how many bytes for each
  kubetape log stat cluster.tape

  # The same, for a program
  kubetape log stat cluster.tape --format json";

const VERIFY_EXAMPLES: &str = "\
Examples:
  # Is it whole?
  kubetape log verify cluster.tape

  # All logs of a folder
  kubetape log verify traces/*.tape";

const REPAIR_EXAMPLES: &str = "\
Examples:
  # Save what is whole, and look at it
  kubetape log repair damaged.tape -o saved.tape
  kubetape show saved.tape";

/// Count what a log holds: events by kind and track, nodes, objects, time span, bytes per event
#[derive(Debug, clap::Args)]
#[command(after_help = STAT_EXAMPLES)]
pub struct StatArgs {
    /// The log
    #[arg(value_name = "LOG")]
    file: PathBuf,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Check every frame and every event of logs, and list all damage
///
/// The exit status is 1 if anything that was committed is damaged or missing. A last write that was cut off when its
/// writer died was never committed: it is said, and is no damage.
#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct VerifyArgs {
    /// The logs
    #[arg(required = true, value_name = "LOG")]
    files: Vec<PathBuf>,
}

/// Write all that is whole of a damaged log to a new one, and say what is missing
///
/// Events behind the damage are numbered anew; their old numbers are kept as their origins. The exit status is 1 if
/// anything is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = REPAIR_EXAMPLES)]
pub struct RepairArgs {
    /// The damaged log; it is not changed
    #[arg(value_name = "BAD")]
    bad: PathBuf,
    /// The log to make
    #[arg(long, short, value_name = "GOOD")]
    output: PathBuf,
    /// Overwrite GOOD if it exists
    #[arg(long)]
    force: bool,
}

pub fn run(command: Command, out: &mut Out) -> Result<ExitCode, CliError> {
    match command {
        Command::Stat(args) => stat(&args, out),
        Command::Verify(args) => verify(&args, out),
        Command::Repair(args) => repair(&args, out),
    }
}

fn stat(args: &StatArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let stat = log::stat(&args.file)?;
    match args.format {
        Format::Json => out.json(&json_of(&stat))?,
        Format::Text => print(&stat, out)?,
    }
    stat.torn.iter().for_each(|torn| out.warn(torn));
    Ok(ExitCode::SUCCESS)
}

fn json_of(stat: &Stat) -> serde_json::Value {
    let tracks = stat.tracks.iter().map(|(track, count)| (track.as_str().to_owned(), json!(count)));
    json!({
        "bytes": stat.bytes,
        "checkpoints": stat.checkpoints,
        "checkpointBytes": stat.checkpoint_bytes,
        "indexBytes": stat.index_bytes,
        "batches": stat.batches,
        "events": stat.events,
        "genesisEvents": stat.genesis,
        "kinds": stat.kinds,
        "tracks": serde_json::Map::from_iter(tracks),
        "nodes": stat.nodes,
        "objects": stat.objects,
        "pods": stat.pods,
        "from": stat.first_time.map(|time| time.to_string()),
        "to": stat.last_time.map(|time| time.to_string()),
        "knownUntil": stat.known_until.map(|time| time.to_string()),
        "closed": stat.closed,
    })
}

fn print(stat: &Stat, out: &mut Out) -> Result<(), CliError> {
    let Stat { events, batches, bytes, genesis, nodes, pods, checkpoints, .. } = stat;
    writeln!(out, "{events} events in {batches} batches, {genesis} of them the state at the beginning")?;
    if let (Some(first), Some(last)) = (stat.first_time, stat.last_time) {
        writeln!(out, "from {first} to {last} ({})", last - first)?;
        if let Some(known) = stat.known_until.filter(|known| *known > last) {
            writeln!(out, "known until {known}: nothing happened after the last event")?;
        }
    }
    let objects: Vec<_> = stat.objects.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    writeln!(out, "{nodes} nodes, {pods} pods created; objects: {}", or_none(&objects.join(", ")))?;
    let per_event = match stat.hundredth_bytes_per_event() {
        Some(n) => format!(", {}.{:02} bytes per event", n / 100, n % 100),
        None => String::new(),
    };
    let (of_checkpoints, of_indexes) = (stat.checkpoint_bytes, stat.index_bytes);
    let indexes = if of_indexes > 0 { format!("; indexes of {of_indexes} bytes") } else { String::new() };
    writeln!(out, "{bytes} bytes{per_event}; {checkpoints} checkpoints of {of_checkpoints} bytes{indexes}")?;
    writeln!(out, "{}", if stat.closed { "closed by its writer" } else { "not closed by its writer" })?;
    writeln!(out)?;
    for (track, count) in &stat.tracks {
        writeln!(out, "{count:>10}  {track}")?;
    }
    writeln!(out)?;
    for (kind, count) in &stat.kinds {
        writeln!(out, "{count:>10}  {kind}")?;
    }
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn verify(args: &VerifyArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut sound = true;
    for file in &args.files {
        let report = log::verify(file)?;
        sound &= report.is_sound();
        write!(out, "{report}")?;
        writeln!(out, "{}", if report.is_sound() { "whole" } else { "NOT WHOLE" })?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn repair(args: &RepairArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let repaired = log::repair(&args.bad, &args.output, args.force)?;
    write!(out, "{repaired}")?;
    let whole = repaired.damages.is_empty()
        && repaired.unreadable.is_empty()
        && repaired.torn.as_ref().is_none_or(|torn| !torn.was_closed);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}
