//! Runs recordings of Kubernetes' own code: those shipped, and any that `KUBETAPE_CONFORMANCE` names.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::path::{Path, PathBuf};

use kubetape_engine::conformance;

fn check(path: &Path) {
    let report = conformance::run_file(&path.display().to_string(), File::open(path).unwrap(), &mut |_| {});
    let report = report.unwrap();
    println!("{}: {} passed, {} failed", report.name, report.passed, report.failed);
    for failure in &report.failures {
        println!("{}: {}", failure.id, failure.explanation);
    }
    assert!(report.passed > 0 && report.failed == 0, "{}: see above", report.name);
}

fn shipped(file: &str) {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/conformance").join(file));
}

#[test]
fn predicates() {
    shipped("predicates.jsonl.gz");
}

#[test]
fn predicates_with_comparing_tolerations() {
    shipped("predicates-gate-on.jsonl.gz");
}

#[test]
fn upstreams_own_cases() {
    shipped("upstream.jsonl.gz");
}

#[test]
fn lockstep_scenarios() {
    shipped("lockstep.jsonl.gz");
}

#[test]
fn named_recordings_come_out_as_recorded() {
    let Some(paths) = std::env::var_os("KUBETAPE_CONFORMANCE") else {
        println!("KUBETAPE_CONFORMANCE names no file: nothing to run");
        return;
    };
    std::env::split_paths(&paths).for_each(|path: PathBuf| check(&path));
}
