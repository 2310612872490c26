//! Compares the engine with recordings of Kubernetes' own code, case by case.
//!
//! A file is JSON lines, plain or gzipped, one case a line; which format it is shows in its first case. Every
//! case is run through the engine from its inputs alone; what it lists under `expect` is compared afterwards
//! and decides nothing.
//!
//! | format | what a case is |
//! |---|---|
//! | [`Format::Predicates`] | a DaemonSet and a node: should it run, may it stay |
//! | [`Format::Upstream`] | a call inside one of upstream's unit tests of the controller |
//! | [`Format::Lockstep`] | a scenario, with every round's decisions of controller and environment |
//! | [`Format::Validation`] | a manifest, and what the API server says of it |

mod loader;
mod lockstep;
mod objects;
mod predicates;
mod upstream;
pub mod validation;

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

/// How many failures a report explains.
const EXPLAINED: usize = 3;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Pairs of a DaemonSet and a node.
    Predicates,
    /// Calls inside upstream's unit tests.
    Upstream,
    /// Scenarios with an environment.
    Lockstep,
    /// Manifests and the API server's answers.
    Validation,
}

impl Format {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Predicates => "predicates",
            Format::Upstream => "upstream",
            Format::Lockstep => "lockstep",
            Format::Validation => "validation",
        }
    }

    /// Recognises a case by the fields that only its format has.
    fn of(case: &Value) -> Option<Format> {
        let has = |fields: &[&str]| fields.iter().all(|field| case.get(field).is_some());
        if has(&["daemonSet", "node", "expect"]) {
            Some(Format::Predicates)
        } else if has(&["kind", "test", "daemonSets", "expect"]) {
            Some(Format::Upstream)
        } else if has(&["t0", "steps", "startRules", "expect"]) {
            Some(Format::Lockstep)
        } else if has(&["id", "manifest"]) && (has(&["response"]) || has(&["object"])) {
            Some(Format::Validation)
        } else {
            None
        }
    }
}

/// What came of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file's name, as it was given.
    pub name: String,
    /// What it holds.
    pub format: Format,
    /// Cases that came out as recorded.
    pub passed: u64,
    /// Cases that did not.
    pub failed: u64,
    /// The first cases that did not, explained.
    pub failures: Vec<Failure>,
}

/// A case that did not come out as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The case's id.
    pub id: String,
    /// The first difference, in a few lines.
    pub explanation: String,
}

/// A file that could not be run to its end. It counts as a failure.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// The file cannot be read: check that it is there and whole.
    #[error("{name}: cannot be read: {source}")]
    Read {
        /// The file.
        name: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file holds no case.
    #[error("{name}: holds no case")]
    Empty {
        /// The file.
        name: String,
    },
    /// A line is no case of a format that is known, or not of the file's.
    #[error("{name}:{line}: not understood: {reason}")]
    NotUnderstood {
        /// The file.
        name: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// Counts cases and keeps the first failures.
#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<Failure>,
}

impl Tally {
    /// Counts a case: passed, or failed for a reason.
    fn count(&mut self, id: &str, verdict: Result<(), String>) {
        match verdict {
            Ok(()) => self.passed += 1,
            Err(explanation) => {
                self.failed += 1;
                if self.failures.len() < EXPLAINED {
                    self.failures.push(Failure { id: id.to_owned(), explanation });
                }
            }
        }
    }
}

/// Runs the cases of one format.
trait Runner {
    /// Runs a case.
    ///
    /// # Errors
    /// Says what in the case cannot be read.
    fn run(&mut self, case: &Value, tally: &mut Tally) -> Result<(), String>;

    /// Runs what could not be decided before all cases were known.
    fn finish(&mut self, _tally: &mut Tally) {}
}

/// Runs all cases of a file. `on_progress` hears, after every case, how many have been run.
///
/// # Errors
/// The file is empty, cannot be read, or is not understood.
pub fn run_file(
    name: &str,
    reader: impl Read,
    on_progress: &mut dyn FnMut(u64),
) -> Result<FileReport, ConformanceError> {
    let read = |source| ConformanceError::Read { name: name.to_owned(), source };
    let mut plain = BufReader::new(reader);
    let gzipped = plain.fill_buf().map_err(read)?.starts_with(&[0x1f, 0x8b]);
    let mut lines: Box<dyn BufRead + '_> =
        if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(plain))) } else { Box::new(plain) };

    let (mut tally, mut line, mut number) = (Tally::default(), String::new(), 0);
    let mut running: Option<(Format, Box<dyn Runner>)> = None;
    loop {
        line.clear();
        if lines.read_line(&mut line).map_err(read)? == 0 {
            break;
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let odd = |reason| ConformanceError::NotUnderstood { name: name.to_owned(), line: number, reason };
        let case: Value = serde_json::from_str(&line).map_err(|e| odd(e.to_string()))?;
        let format = Format::of(&case).ok_or_else(|| odd("not a case of a known format".to_owned()))?;
        let (first, runner) = running.get_or_insert_with(|| (format, runner(format)));
        if *first != format {
            return Err(odd(format!("a {} case among {} cases", format.as_str(), first.as_str())));
        }
        runner.run(&case, &mut tally).map_err(odd)?;
        on_progress(tally.passed + tally.failed);
    }
    let Some((format, mut runner)) = running else {
        return Err(ConformanceError::Empty { name: name.to_owned() });
    };
    runner.finish(&mut tally);
    let Tally { passed, failed, failures } = tally;
    Ok(FileReport { name: name.to_owned(), format, passed, failed, failures })
}

fn runner(format: Format) -> Box<dyn Runner> {
    match format {
        Format::Predicates => Box::new(predicates::Predicates::default()),
        Format::Upstream => Box::new(upstream::Upstream),
        Format::Lockstep => Box::new(lockstep::Lockstep),
        Format::Validation => Box::new(Validation),
    }
}

/// Runs manifests against the strict door.
struct Validation;

impl Runner for Validation {
    fn run(&mut self, case: &Value, tally: &mut Tally) -> Result<(), String> {
        let outcome = validation::run(&case.to_string()).map_err(|e| e.to_string())?;
        tally.count(&outcome.id, outcome.difference.map_or(Ok(()), Err));
        Ok(())
    }
}

/// A case's id, for reports.
fn id(case: &Value) -> String {
    case.get("id").and_then(Value::as_str).unwrap_or("(no id)").to_owned()
}

/// `expected …, got …`, a line each.
fn difference(what: &str, expected: &impl ToString, got: &impl ToString) -> String {
    format!("{what}\n  expected {}\n  got      {}", expected.to_string(), got.to_string())
}

#[cfg(test)]
mod tests;
