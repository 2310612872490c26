//! `kubetape log selftest`: the log's promises, tried out on this machine by whoever does not want to take our word.
//!
//! Nothing here is a test's own door into the log: it is written and read as every other command does.

mod damage;
mod kills;
mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::{Format, Out};

const EXAMPLES: &str = "\
Examples:
  # A few seconds
  kubetape log selftest

  # A night, on the disk in question
  kubetape log selftest --kills 100000 --dir /var/lib/kubetape

What is done: a log is cut at every byte, also one that was closed and opened again between, and read; every bit of one
is flipped, and it is read; every write and sync of a writer fails in every way that a disk has (no room, an error, a
part written, a sync that fails, the power gone before or after, with any part of what was not synced on the disk), and
what is left is read and gone on with; and a process that appends to a log on the disk is killed (SIGKILL) at random
moments again and again, each time the log is read, and the next process goes on with it. Lost is a batch that was
acknowledged and is not there; believed is a flipped bit, or the cut of a log that had been closed, after which the log
reads as if nothing had happened, or as something else.

The exit status is 1 if anything was lost or believed.";

/// Try to lose or to falsify something that was committed to a log, and print how often that was tried and succeeded
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SelftestArgs {
    /// How many processes to kill while they append
    #[arg(long, value_name = "N", default_value = "100")]
    kills: u64,
    /// The folder, on the disk in question, for the log that they append to [default: the one for temporary files]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Append to a log until killed; the process that is started for that has this
    #[arg(long, hide = true, value_name = "LOG")]
    append: Option<PathBuf>,
    /// Sync after every batch, with `--append`
    #[arg(long, hide = true)]
    sync: bool,
}

/// How often it was tried, and how often it succeeded.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    bytes_cut: u64,
    /// Closed logs that were cut, and were taken for whole ones.
    cuts_believed: u64,
    bits_flipped: u64,
    bits_believed: u64,
    faults_injected: u64,
    kills_survived: u64,
    batches_acknowledged: u64,
    batches_lost: u64,
    /// What was read that was never written.
    events_invented: u64,
}

impl Counts {
    fn holds(&self) -> bool {
        [self.batches_lost, self.cuts_believed, self.bits_believed, self.events_invented] == [0; 4]
    }
}

pub fn run(args: &SelftestArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    if let Some(path) = &args.append {
        return kills::append_until_killed(path, args.sync);
    }
    let mut counts = Counts::default();
    damage::cut_every_byte(&mut counts)?;
    damage::flip_every_bit(&mut counts)?;
    damage::every_fault(&mut counts)?;
    kills::kill(args.kills, args.dir.as_deref(), &mut counts, out)?;
    match args.format {
        Format::Json => out.json(&counts)?,
        Format::Text => print(&counts, out)?,
    }
    Ok(if counts.holds() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn print(counts: &Counts, out: &mut Out) -> Result<(), CliError> {
    let Counts { bytes_cut, bits_flipped, bits_believed, faults_injected, kills_survived, .. } = counts;
    writeln!(out, "bytes cut:            {bytes_cut:>9}")?;
    writeln!(out, "cuts believed:        {:>9}", counts.cuts_believed)?;
    writeln!(out, "bits flipped:         {bits_flipped:>9}")?;
    writeln!(out, "bits believed:        {bits_believed:>9}")?;
    writeln!(out, "disk faults injected: {faults_injected:>9}")?;
    writeln!(out, "kills survived:       {kills_survived:>9}")?;
    writeln!(out, "batches acknowledged: {:>9}", counts.batches_acknowledged)?;
    writeln!(out, "batches lost:         {:>9}", counts.batches_lost)?;
    writeln!(out, "events invented:      {:>9}", counts.events_invented)?;
    let verdict = match counts.holds() {
        true => out.style.paint(Paint::Good, "nothing acknowledged was lost, nothing damaged was believed"),
        false => out.style.paint(Paint::Bad, "THE LOG DOES NOT KEEP ITS PROMISES HERE"),
    }
    .into_owned();
    writeln!(out, "{verdict}")
}
