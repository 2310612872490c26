//! Files that are empty, foreign or wrong.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use super::*;

fn run(text: &str) -> Result<FileReport, ConformanceError> {
    run_file("f", text.as_bytes(), &mut |_| {})
}

const PREDICATE: &str = r#"{"id":"p","apiValid":true,"daemonSet":{"spec":{"template":{"spec":{"containers":[],"nodeName":"a"}}}},"node":{"metadata":{"name":"a"}},"expect":{"shouldRun":true,"shouldContinueRunning":true}}"#;

#[test]
fn cases_are_counted_and_differences_explained() {
    let report =
        run(&[PREDICATE, &PREDICATE.replace(r#""shouldRun":true"#, r#""shouldRun":false"#)].join("\n"));
    let report = report.unwrap();
    assert_eq!((report.format, report.passed, report.failed), (Format::Predicates, 1, 1));
    assert_eq!(
        report.failures[0].explanation,
        "node a\n  expected {\"shouldContinueRunning\":true,\"shouldRun\":false}\n  got      {\"shouldContinueRunning\":true,\"shouldRun\":true}"
    );
}

#[test]
fn gzip_is_recognised_by_content() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(PREDICATE.as_bytes()).unwrap();
    let report = run_file("f", gzip.finish().unwrap().as_slice(), &mut |_| {}).unwrap();
    assert_eq!(report.passed, 1);
}

#[test]
fn what_is_empty_or_not_understood_is_an_error() {
    assert!(matches!(run(""), Err(ConformanceError::Empty { .. })));
    assert!(matches!(run("\n\n"), Err(ConformanceError::Empty { .. })));
    assert!(matches!(run("{}"), Err(ConformanceError::NotUnderstood { line: 1, .. })));
    assert!(matches!(run("what?"), Err(ConformanceError::NotUnderstood { line: 1, .. })));
    let cut = format!("{PREDICATE}\n{}", &PREDICATE[..50]);
    assert!(matches!(run(&cut), Err(ConformanceError::NotUnderstood { line: 2, .. })));
    let answerless = PREDICATE.replace("shouldRun", "x");
    assert!(matches!(run(&answerless), Err(ConformanceError::NotUnderstood { .. })));
}
