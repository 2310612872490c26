//! `kubetape test`: placements under regression test.

mod case;
mod junit;
mod report;
mod snapshot;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::case::Case;
use self::snapshot::LineDiff;
use crate::error::{CliError, Report};
use crate::output::Out;
use crate::{DIFFERENT, TROUBLE};

const EXAMPLES: &str = "\
Examples:
  # Run all cases of a suite
  kubetape test traces/suite

  # Only those with `surge` in their name
  kubetape test traces/suite surge

  # Accept what they give now, and review it with git diff
  kubetape test traces/suite --bless

  # In CI
  kubetape test traces/suite --junit placements.xml

A case is a folder with a case.toml and, once it was accepted, an expected.txt:

  trace = \"../lesson.tape\"         # a log; paths are relative to the folder
  manifests = [\"fluentd.yaml\"]     # applied on top, if any
  at = \"+10s\"                      # when: default before the trace's first event
  namespace = \"default\"            # of objects that name none
  play = \"cluster,user\"            # tracks that are played back
  until = \"settled\"                # or `end`, a TIME, or +DURATION after the trace's end
  settings_file = \"settings.toml\"  # how the actors behave, as `kubetape settings` prints it; or, written here,
  [settings.kubelet]
  start_us = 1500000

Exit status:
  0  every case gave the placements that were expected
  1  some did not
  2  some could not be run";

/// Run a suite of cases: replay each trace and compare the placements with those expected
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A folder with cases, a case's folder, or a case.toml
    suite: PathBuf,
    /// Only cases that have one of these in their name
    filter: Vec<String>,
    /// Write the placements that are found as those that are expected
    #[arg(long)]
    bless: bool,
    /// Write a JUnit report as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How many cases run at once [default: as many as there are processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

/// How a case went.
struct Outcome {
    name: String,
    took: Duration,
    verdict: Verdict,
}

enum Verdict {
    /// As expected.
    Pass,
    /// Not as expected; what was found is kept for --bless.
    Fail { diff: LineDiff, found: String },
    /// Nothing is expected yet.
    New { found: String },
    /// What was found was written as expected.
    Blessed,
    /// It could not be run.
    Error(Box<Report>),
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let folders = case::find(&args.suite)?;
    let wanted = |name: &str| args.filter.is_empty() || args.filter.iter().any(|f| name.contains(f.as_str()));
    let cases: Vec<(String, PathBuf)> = folders.into_iter().filter(|(name, _)| wanted(name)).collect();
    if cases.is_empty() {
        return Err(CliError::new(format!("no case has {} in its name", args.filter.join(" or ")))
            .at(args.suite.display()));
    }
    let started = Instant::now();
    report::start(cases.len(), &args.suite, out)?;
    let mut outcomes = run_all(&cases, args.jobs);
    if args.bless {
        for (outcome, (_, folder)) in outcomes.iter_mut().zip(&cases) {
            bless(outcome, folder)?;
        }
    }
    for outcome in &outcomes {
        report::outcome(outcome, out)?;
    }
    report::summary(&outcomes, started.elapsed(), out)?;
    if let Some(path) = &args.junit {
        let text = junit::document(&args.suite.display().to_string(), &outcomes, started.elapsed());
        std::fs::write(path, text).map_err(|error| CliError::file("write", path, &error))?;
    }
    let any = |wanted: fn(&Verdict) -> bool| outcomes.iter().any(|outcome| wanted(&outcome.verdict));
    Ok(if any(|verdict| matches!(verdict, Verdict::Error(_))) {
        ExitCode::from(TROUBLE)
    } else if any(|verdict| matches!(verdict, Verdict::Fail { .. } | Verdict::New { .. })) {
        ExitCode::from(DIFFERENT)
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs cases on several threads; outcomes are in the order of the cases.
fn run_all(cases: &[(String, PathBuf)], jobs: Option<u16>) -> Vec<Outcome> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.map_or(processors, usize::from).min(cases.len());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::with_capacity(cases.len()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, folder)) = cases.get(index) else { return };
                    let outcome = run_one(name, folder);
                    // Another thread's panic leaves the list as it was.
                    done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn run_one(name: &str, folder: &Path) -> Outcome {
    let started = Instant::now();
    let verdict = judge(folder).unwrap_or_else(|error| match error {
        CliError::Failed(report) => Verdict::Error(report),
        CliError::ClosedPipe => Verdict::Error(Box::default()),
    });
    Outcome { name: name.to_owned(), took: started.elapsed(), verdict }
}

fn judge(folder: &Path) -> Result<Verdict, CliError> {
    let found = snapshot::of(&Case::read(folder)?)?;
    let path = folder.join(EXPECTED);
    match std::fs::read_to_string(&path) {
        Ok(expected) if snapshot::same(&expected, &found) => Ok(Verdict::Pass),
        Ok(expected) => Ok(Verdict::Fail { diff: LineDiff::of(&expected, &found), found }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Verdict::New { found }),
        Err(error) => Err(CliError::file("read", &path, &error)),
    }
}

/// The file that holds the placements that are expected.
const EXPECTED: &str = "expected.txt";

fn bless(outcome: &mut Outcome, folder: &Path) -> Result<(), CliError> {
    if let Verdict::Fail { found, .. } | Verdict::New { found } = &outcome.verdict {
        let path = folder.join(EXPECTED);
        std::fs::write(&path, found).map_err(|error| CliError::file("write", &path, &error))?;
        outcome.verdict = Verdict::Blessed;
    }
    Ok(())
}
