//! `kubetape bench`: how fast the engine is, on this machine, now.

mod compare;
mod logs;
mod measure;
mod memory;
mod meter;
mod perfdata;
mod report;
mod result;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use kubetape_engine::synth::presets::{self, PRESETS, Preset, Scale};

use self::measure::{Subject, measure};
use crate::error::CliError;
use crate::output::Out;
use crate::settings::SettingsArgs;

const EXAMPLES: &str = "\
Examples:
  # How fast is a rollout to 5,000 nodes, and where does the time go?
  kubetape bench --preset rollout-5k

  # All presets, kept for later
  kubetape bench --preset all --format json > before.json

  # Is it faster now? Differences smaller than the noise are said to be none
  kubetape bench --preset all --baseline before.json

  # A trace of your own
  kubetape bench traces/lesson.tape

  # What reading the trace and writing the run add
  kubetape bench --preset churn-5k --logs

  # What a stock control plane, with its limits, makes of a rollout
  kubetape bench --preset rollout-5k --control-plane default

  # A small version of a large workload
  kubetape bench --preset churn-100k --scale 0.01

Exit status: 1 if something is slower than in the baseline by more than the noise, or computes something else.";

/// Measure how fast a workload is replayed
///
/// A workload is run several times; the median counts. Every run starts from nothing; setting the cluster up
/// is not measured. Everything is really computed, statuses are written, and the run's digest is taken; all
/// runs must have the same. Without settings of your own, nobody in a preset takes any time; with a TRACE, reading it
/// is part of what is measured, and everybody takes as long as in `kubetape run`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "kubetape bench [OPTIONS] TRACE\n       kubetape bench [OPTIONS] --preset PRESET")]
pub struct Args {
    /// A trace to replay
    trace: Option<PathBuf>,
    #[arg(long = "preset", value_name = "PRESET", conflicts_with = "trace", value_parser = preset, help = preset_help())]
    presets: Vec<Presets>,
    /// List the presets
    #[arg(long, conflicts_with_all = ["trace", "presets"])]
    list: bool,
    /// Make presets smaller (or larger): nodes and events times this
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = scale)]
    scale: Scale,
    /// How many runs are measured, after one that warms up, counts and is not measured
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The seed of presets
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Leave out the additional run that tells where the time goes
    #[arg(long)]
    no_profile: bool,
    /// Measure presets also with their trace read from a log, checked, and the run written: to memory, and to disk
    #[arg(long, conflicts_with_all = ["trace", "file", "control_plane"])]
    logs: bool,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Compare with a result that was kept with `--format json`
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: BenchFormat,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BenchFormat {
    /// For people
    Text,
    /// One JSON document; what `--baseline` reads
    Json,
    /// JSON as Kubernetes' performance dashboard reads it
    Perfdata,
}

/// One preset, or all of them.
#[derive(Clone, Copy, Debug)]
enum Presets {
    All,
    One(&'static Preset),
}

fn preset_help() -> String {
    let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
    format!("A preset, or `all`; may be given more than once. Presets: {}", names.join(", "))
}

fn preset(text: &str) -> Result<Presets, String> {
    if text == "all" {
        return Ok(Presets::All);
    }
    let known = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    presets::find(text).map(Presets::One).ok_or_else(|| format!("no such preset; there are {}, all", known()))
}

/// Reads a factor such as `0.01`; for clap.
pub fn scale(text: &str) -> Result<Scale, String> {
    let bad = || format!("{text:?} is not a factor such as 0.01, from 0.000001 to 100");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 6 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
    let part: u32 = format!("{part:0<6}").parse().map_err(|_| bad())?;
    let millionths =
        whole.checked_mul(1_000_000).and_then(|whole| whole.checked_add(part)).ok_or_else(bad)?;
    if (1..=100_000_000).contains(&millionths) { Ok(Scale(millionths)) } else { Err(bad()) }
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    if args.list {
        return list(out);
    }
    let baseline = args.baseline.as_deref().map(compare::read).transpose()?;
    let mut results = Vec::new();
    for subject in subjects(args)? {
        let mut progress = out.progress(&subject.name());
        let mut show = |done: u64, total: u64| progress.update(done, Some(total), "runs");
        let mut result = measure(&subject, args.runs, !args.no_profile, &mut show)?;
        if let Subject::Preset { preset, scale, seed, .. } = &subject
            && args.logs
        {
            result.logged = Some(logs::measure(preset, *scale, *seed, args.runs, &result.digest)?);
        }
        drop(progress);
        if args.format == BenchFormat::Text {
            report::print(&result, out)?;
            out.flush()?;
        }
        results.push(result);
    }
    match args.format {
        BenchFormat::Text => {}
        BenchFormat::Json => out.json(&result::Document::of(&results))?,
        BenchFormat::Perfdata => out.json(&perfdata::of(&results))?,
    }
    match baseline {
        Some(baseline) => compare::report(&baseline, &results, args.format == BenchFormat::Text, out),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn subjects(args: &Args) -> Result<Vec<Subject>, CliError> {
    if let Some(trace) = &args.trace {
        return Ok(vec![Subject::Trace { path: trace.clone(), settings: args.settings.read()? }]);
    }
    let (scale, seed) = (args.scale, args.seed);
    let settings = args.settings.origin().map(|_| args.settings.read()).transpose()?;
    let of = |preset: Preset| Subject::Preset { preset, scale, seed, settings: settings.clone() };
    let mut subjects = Vec::new();
    for presets in &args.presets {
        match presets {
            Presets::One(preset) => subjects.push(of(**preset)),
            Presets::All => subjects.extend(PRESETS.iter().map(|preset| of(*preset))),
        }
    }
    if subjects.is_empty() {
        return Err(CliError::new("what is to be measured?")
            .hint("name a trace, or a preset with --preset; `kubetape bench --list` lists them"));
    }
    Ok(subjects)
}

fn list(out: &mut Out) -> Result<ExitCode, CliError> {
    let mut table = crate::output::table::Table::new(["PRESET", "MEASURES"]);
    for preset in PRESETS {
        table.row([preset.name.into(), preset.about.into()]);
    }
    table.print(out)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_read_exactly() {
        assert_eq!(scale("1").unwrap(), Scale::FULL);
        assert_eq!(scale("0.01").unwrap(), Scale(10_000));
        assert_eq!(scale(".5").unwrap(), Scale(500_000));
        assert_eq!(scale("2").unwrap(), Scale(2_000_000));
        for bad in ["0", "-1", "a", "0.0000001", "1e3", "1000"] {
            assert!(scale(bad).is_err(), "{bad}");
        }
    }
}
