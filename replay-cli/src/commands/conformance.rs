//! `kubetape conformance`: recordings of Kubernetes' own code, run through the engine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubetape_engine::conformance::{self, FileReport};

use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

const EXAMPLES: &str = "\
Examples:
  # Everything that is shipped
  kubetape conformance traces/conformance

  # Recordings of your own, of the same formats
  kubetape conformance lockstep.jsonl.gz predicates.jsonl

What a file holds shows in its first case: predicates, lockstep scenarios, calls inside upstream's unit tests, or
manifests with the API server's answers; JSON lines, gzip or not. The exit status is 1 if a case differs, or if a
file is empty or not understood.";

/// Compare the engine with recordings of Kubernetes' own code
///
/// Every case is run from its inputs alone and then compared with what Kubernetes decided. The first differences of
/// each file are explained.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files of cases, or folders with such files (`.jsonl`, `.jsonl.gz`)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    if files.is_empty() {
        return Err(CliError::new("no file of cases is there")
            .hint("name files, or folders with .jsonl or .jsonl.gz files"));
    }
    let (mut passed, mut failed) = (0, 0);
    for path in &files {
        match run_file(path, out)? {
            Some(report) => {
                passed += report.passed;
                failed += report.failed;
            }
            None => failed += 1,
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Adds a file, or the files of cases in a folder and in those below it, in order of their names.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let read = |error| CliError::file("read", path, &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(read)? {
        entries.push(entry.map_err(read)?.path());
    }
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() || name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

/// Runs a file and prints what came of it; `None` if it could not be run.
fn run_file(path: &Path, out: &mut Out) -> Result<Option<FileReport>, CliError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| CliError::file("open", path, &error))?;
    let mut progress = out.progress(&name);
    let report = conformance::run_file(&name, file, &mut |done| progress.update(done, None, "cases"));
    drop(progress);
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            writeln!(out, "{} {error}", out.style.paint(Paint::Bad, "FAIL"))?;
            return Ok(None);
        }
    };
    let verdict = match report.failed {
        0 => out.style.paint(Paint::Good, "ok"),
        _ => out.style.paint(Paint::Bad, "FAIL"),
    };
    let FileReport { passed, failed, .. } = report;
    writeln!(out, "{verdict} {name} ({}): {passed} passed, {failed} failed", report.format.as_str())?;
    for failure in &report.failures {
        writeln!(out, "  {}: {}", failure.id, failure.explanation.replace('\n', "\n  "))?;
    }
    let more = failed.saturating_sub(report.failures.len() as u64);
    if more > 0 {
        writeln!(out, "  … and {more} more")?;
    }
    Ok(Some(report))
}
