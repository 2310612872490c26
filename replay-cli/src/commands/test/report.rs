//! How cases went, for a person, in the manner of nextest.

use std::path::Path;
use std::time::Duration;

use super::snapshot::{LineDiff, SHOWN_MAX};
use super::{EXPECTED, Outcome, Verdict};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

/// `    Starting 3 cases in traces/suite`.
pub fn start(cases: usize, suite: &Path, out: &mut Out) -> Result<(), CliError> {
    label("Starting", Paint::Good, out)?;
    let noun = if cases == 1 { "case" } else { "cases" };
    writeln!(out, " {cases} {noun} in {}", suite.display())?;
    out.flush()
}

/// One case, with what differs.
pub fn outcome(outcome: &Outcome, out: &mut Out) -> Result<(), CliError> {
    let (word, paint) = match outcome.verdict {
        Verdict::Pass => ("PASS", Paint::Good),
        Verdict::Blessed => ("BLESSED", Paint::Warn),
        Verdict::Fail { .. } => ("FAIL", Paint::Bad),
        Verdict::New { .. } => ("NEW", Paint::Bad),
        Verdict::Error(_) => ("ERROR", Paint::Bad),
    };
    label(word, paint, out)?;
    writeln!(out, " {} {}", seconds(outcome.took), outcome.name)?;
    match &outcome.verdict {
        Verdict::Pass | Verdict::Blessed => Ok(()),
        Verdict::Fail { diff, .. } => differences(diff, out),
        Verdict::New { .. } => {
            writeln!(out, "             there is no {EXPECTED} yet; --bless writes what was found")
        }
        Verdict::Error(report) => {
            let text = report.render(out.style);
            text.lines().try_for_each(|line| writeln!(out, "             {line}"))
        }
    }
}

fn differences(diff: &LineDiff, out: &mut Out) -> Result<(), CliError> {
    if diff.lines.is_empty() {
        return writeln!(out, "             the same lines in another order");
    }
    for (sign, line) in diff.lines.iter().take(SHOWN_MAX) {
        let paint = if *sign == '-' { Paint::Bad } else { Paint::Good };
        let line = out.style.paint(paint, &format!("{sign} {line}")).into_owned();
        writeln!(out, "             {line}")?;
    }
    match diff.lines.len().saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => writeln!(out, "             … and {more} more lines"),
    }
}

/// The sum of it.
pub fn summary(outcomes: &[Outcome], took: Duration, out: &mut Out) -> Result<(), CliError> {
    let count = |wanted: fn(&Verdict) -> bool| outcomes.iter().filter(|o| wanted(&o.verdict)).count();
    let parts = [
        (count(|v| matches!(v, Verdict::Pass)), "passed"),
        (count(|v| matches!(v, Verdict::Blessed)), "blessed"),
        (count(|v| matches!(v, Verdict::Fail { .. })), "failed"),
        (count(|v| matches!(v, Verdict::New { .. })), "new"),
        (count(|v| matches!(v, Verdict::Error(_))), "in error"),
    ];
    let parts = parts.iter().filter(|(n, word)| *n > 0 || *word == "passed");
    let text = parts.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ");
    let well = outcomes.iter().all(|o| matches!(o.verdict, Verdict::Pass | Verdict::Blessed));
    label("Summary", if well { Paint::Good } else { Paint::Bad }, out)?;
    let noun = if outcomes.len() == 1 { "case" } else { "cases" };
    writeln!(out, " {} {} {noun} run: {text}", seconds(took), outcomes.len())?;
    let failed = outcomes.iter().any(|o| matches!(o.verdict, Verdict::Fail { .. }));
    if failed {
        out.note("what differs is right? --bless accepts it; what moved it? `kubetape explain` says");
    }
    Ok(())
}

fn label(word: &str, paint: Paint, out: &mut Out) -> Result<(), CliError> {
    let padding = 12_usize.saturating_sub(word.len());
    let word = out.style.paint(paint, word).into_owned();
    write!(out, "{:padding$}{word}", "")
}

fn seconds(took: Duration) -> String {
    format!("[{:>8.3}s]", took.as_secs_f64())
}
