//! Every recorded answer of the API server to a manifest, run against the strict door.
//!
//! The shipped recordings are always run; those of a neighbouring checkout only where it is present.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use flate2::read::GzDecoder;
use kubetape_engine::conformance::validation::{Tally, run};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with(".jsonl.gz"));
    files.sort();
    files
}

fn check(files: &[PathBuf]) {
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    for file in files {
        for line in BufReader::new(GzDecoder::new(File::open(file).unwrap())).lines() {
            let outcome = run(&line.unwrap()).unwrap();
            tally.add(&outcome);
            if let Some(difference) = outcome.difference {
                differences.push(format!("{}: {difference}", outcome.id));
            } else if std::env::var_os("SHOW_TEXTS").is_some() {
                if outcome.message_equal == Some(false) {
                    println!("{}: message differs", outcome.id);
                }
                if outcome.warnings_equal == Some(false) {
                    println!("{}: warnings differ", outcome.id);
                }
            }
        }
    }
    println!("{tally:?}");
    assert!(differences.is_empty(), "{} cases differ:\n{}", differences.len(), differences.join("\n"));
    let (messages, equal) = tally.messages;
    assert!(equal * 100 >= messages * 95, "message texts: {equal} of {messages} equal");
}

#[test]
fn shipped_cases_answer_as_recorded() {
    let files = recordings(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/conformance/validation"));
    assert_eq!(files.len(), 2, "the shipped recordings are missing");
    check(&files);
}

#[test]
fn neighbouring_cases_answer_as_recorded() {
    let Some(folder) = common::shared("oracle/validation") else { return };
    let files = recordings(&folder);
    check(&files);
}
