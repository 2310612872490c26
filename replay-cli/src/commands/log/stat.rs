//! `kubetape log stat`: what a log holds, counted.

use std::path::PathBuf;
use std::process::ExitCode;

use kubetape_engine::log::{self, Stat};
use serde_json::json;

use crate::error::CliError;
use crate::output::{Format, Out};
use crate::tape;

const STAT_EXAMPLES: &str = "\
Examples:
  # How many events, of which kinds and tracks, and how many bytes for each
  kubetape log stat cluster.tape

  # The same, for a program
  kubetape log stat cluster.tape --format json";

/// Count what a log holds: events by kind and track, nodes, objects, time span, bytes per event
#[derive(Debug, clap::Args)]
#[command(after_help = STAT_EXAMPLES)]
pub struct StatArgs {
    /// The log; `-` is standard input
    #[arg(value_name = "LOG")]
    file: PathBuf,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: &StatArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let stat = log::stat(&tape::path(&args.file)?)?;
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
