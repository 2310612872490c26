//! `kubetape shadow`: a recording held against the engine's own decisions, write by write.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubetape_engine::import;
use kubetape_engine::log::LogError;
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Events, Source, SourceError};
use kubetape_engine::shadow::{self, Kind, Report, ShadowError, Tally};
use kubetape_engine::time::Micros;
use serde::Serialize;

use super::import as importing;
use crate::DIFFERENT;
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::table::Table;
use crate::output::{Format, Out, counted};
use crate::tape;

const EXAMPLES: &str = "\
Examples:
  # Would kubetape have decided as this cluster's controllers did?
  kubetape shadow traces/lesson.tape

  # The same from what was recorded, without making a log of it first
  kubetape shadow watch.jsonl.gz audit.jsonl.gz

How it is compared: every track is played back, and at each write that a real controller made kubetape's own
controller is asked, in that state, for its decision. Where Kubernetes chooses at random, as many pods have to be
chosen from among those that may be. A real controller decides on a view that is a little old, so a decision also
counts if it is right in a state shortly before the write; how long before is said. Writes of which nobody knows who
made them (pods' deletions, without an audit log) are not compared.

Exit status:
  0  every decision was the same
  1  some were not; each is listed
  2  the recording could not be read";

/// Compare a recording's decisions with kubetape's own, one by one
///
/// This is the test of fidelity for your own cluster: it needs nothing but the recording, and is not led astray by
/// what Kubernetes decides at random.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A log, or recordings of one cluster as `kubetape import` takes them; `-` is standard input
    #[arg(required = true, value_name = "RECORDING")]
    recording: Vec<PathBuf>,
    /// List so many disagreements at most; JSON has all
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut names = Names::new();
    let (mut source, total) = open(args, &mut names, out)?;
    let mut progress = out.progress("comparing");
    let report = shadow::shadow(&mut *source, names, &mut |done, _| progress.update(done, total, "events"));
    drop(progress);
    let report = report.map_err(|error| failure(args, error))?;
    match args.format {
        Format::Text => print(args, &report, out)?,
        Format::Json => out.json(&document(args, &report))?,
    }
    Ok(if report.agrees() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// Opens a log, or imports recordings; says how many events there are, if that is known.
fn open(args: &Args, names: &mut Names, out: &Out) -> Result<(Box<dyn Source>, Option<u64>), CliError> {
    if let [path] = &args.recording[..]
        && (path != Path::new("-") || tape::stdin_is_log()?)
    {
        match tape::reader(path) {
            Ok(reader) => return Ok((Box::new(reader), None)),
            Err(LogError::NotALog { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (sources, bytes) = importing::open(&args.recording)?;
    let mut progress = out.progress("importing");
    let options = import::Options::default();
    let imported =
        import::import(sources, &options, names, &mut |done| progress.update(done, bytes, "bytes"));
    let imported = imported.map_err(importing::failure)?;
    let events = [imported.genesis, imported.events].concat();
    let total = events.len() as u64;
    Ok((Box::new(Events(events)), Some(total)))
}

fn failure(args: &Args, error: ShadowError) -> CliError {
    let text = error.to_string();
    let read = |error: SourceError| match error.downcast::<LogError>() {
        Ok(error) => CliError::from(*error),
        Err(error) => CliError::new(error.to_string()),
    };
    match error {
        ShadowError::Source(error) => read(error),
        ShadowError::Event { .. } => CliError::new(text)
            .at(args.recording[0].display())
            .hint("`kubetape log verify` says whether the log is damaged"),
    }
}

fn name(args: &Args) -> String {
    let names: Vec<String> = args.recording.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn print(args: &Args, report: &Report, out: &mut Out) -> Result<(), CliError> {
    let span = report.span.map_or(Micros::ZERO, |(from, to)| to - from);
    writeln!(out, "{}: {} in {span}", name(args), counted(report.events as usize, "event"))?;
    let mut table = Table::new(["CONTROLLER", "DECISION", "AGREED", "DISAGREED", "UNATTRIBUTED"]);
    for (kind, tally) in &report.tallies {
        table.row([
            kind.controller().into(),
            kind.as_str().into(),
            tally.agreed.into(),
            tally.disagreed.into(),
            tally.unattributed.into(),
        ]);
    }
    if !report.tallies.is_empty() {
        table.print(out)?;
    }
    for disagreement in report.disagreements.iter().take(args.limit) {
        let head = format!("{} at {}: {}", disagreement.seq, disagreement.at, disagreement.about);
        writeln!(out, "{} {head}", out.style.paint(Paint::Bad, "DISAGREE"))?;
        writeln!(out, "  recorded: {}", disagreement.recorded)?;
        writeln!(out, "  kubetape: {}", disagreement.ours)?;
        writeln!(out, "  state:    {}", disagreement.state)?;
    }
    let more = report.disagreements.len().saturating_sub(args.limit);
    if more > 0 {
        writeln!(out, "… and {more} more")?;
    }
    conclude(report, out)
}

fn conclude(report: &Report, out: &mut Out) -> Result<(), CliError> {
    let total = report.total();
    if total == Tally::default() {
        return writeln!(out, "There is no decision of a controller in it");
    }
    let all = total.agreed + total.disagreed;
    let verdict = match total.disagreed {
        0 => out.style.paint(Paint::Good, "same"),
        _ => out.style.paint(Paint::Bad, "different"),
    };
    writeln!(out, "{verdict}: {} of {all} decisions are kubetape's own", total.agreed)?;
    let late: Vec<String> = report
        .lags
        .iter()
        .map(|(lag, count)| match *lag {
            Micros::ZERO => format!("just before the write {count}"),
            lag => format!("up to {lag} before {count}"),
        })
        .collect();
    if !late.is_empty() {
        writeln!(out, "  right in the state {}", late.join(", "))?;
    }
    if total.unattributed > 0 {
        let (unattributed, alike) = (total.unattributed, total.unattributed_alike);
        writeln!(
            out,
            "  not compared, as nobody says who made them: {unattributed}; kubetape's own may be {alike}"
        )?;
    }
    Ok(())
}

/// What came of it, as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    recording: String,
    events: u64,
    from: Option<String>,
    to: Option<String>,
    same: bool,
    decisions: Vec<DecisionRow>,
    /// How long before the write the state was last in which the decision is right.
    lags: Vec<LagRow>,
    disagreements: Vec<DisagreementRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecisionRow {
    controller: &'static str,
    decision: &'static str,
    agreed: u64,
    agreed_late: u64,
    disagreed: u64,
    unattributed: u64,
    unattributed_alike: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LagRow {
    at_most_us: i64,
    decisions: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DisagreementRow {
    event: u64,
    at: String,
    decision: &'static str,
    about: String,
    recorded: String,
    kubetape: String,
    state: String,
}

fn document(args: &Args, report: &Report) -> Document {
    let decision = |(kind, tally): (&Kind, &Tally)| DecisionRow {
        controller: kind.controller(),
        decision: kind.as_str(),
        agreed: tally.agreed,
        agreed_late: tally.agreed_late,
        disagreed: tally.disagreed,
        unattributed: tally.unattributed,
        unattributed_alike: tally.unattributed_alike,
    };
    let disagreement = |d: &shadow::Disagreement| DisagreementRow {
        event: d.seq.0,
        at: d.at.to_string(),
        decision: d.kind.as_str(),
        about: d.about.clone(),
        recorded: d.recorded.clone(),
        kubetape: d.ours.clone(),
        state: d.state.clone(),
    };
    Document {
        version: 1,
        recording: name(args),
        events: report.events,
        from: report.span.map(|span| span.0.to_string()),
        to: report.span.map(|span| span.1.to_string()),
        same: report.agrees(),
        decisions: report.tallies.iter().map(decision).collect(),
        lags: report.lags.iter().map(|(lag, n)| LagRow { at_most_us: lag.0, decisions: *n }).collect(),
        disagreements: report.disagreements.iter().map(disagreement).collect(),
    }
}
