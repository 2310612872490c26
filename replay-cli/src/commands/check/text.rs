//! The report for people.

use kubetape_engine::manifest::{Place, snippet};

use super::cluster::Placed;
use super::files::Sources;
use super::judge::{Finding, Report, Severity};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

/// Nodes that are listed by name in a line; the rest is counted.
const NODES_SHOWN: usize = 5;

/// Prints every finding with the line that it is about, the placements, and a sum.
///
/// # Errors
/// Standard output is closed.
pub fn print(report: &Report, sources: &Sources, out: &mut Out) -> Result<(), CliError> {
    for finding in &report.findings {
        let text = sources.texts.get(&finding.file).map_or("", String::as_str);
        one(finding, text, out)?;
    }
    for placed in &report.placements {
        placement(placed, out)?;
    }
    writeln!(out, "{}", sum(report))
}

fn one(finding: &Finding, text: &str, out: &mut Out) -> Result<(), CliError> {
    let style = out.style;
    let (paint, label) = match finding.severity {
        Severity::Error => (Paint::Bad, "error:"),
        Severity::Warning => (Paint::Warn, "warning:"),
        Severity::Note => (Paint::Dim, "note:"),
    };
    let Finding { field, message, file, line, column, .. } = finding;
    // An unknown field's text names the path already.
    let what = if field.is_empty() || message.contains(&format!("\"{field}\"")) {
        message.clone()
    } else {
        format!("{field}: {message}")
    };
    writeln!(out, "{} {what}", style.paint(paint, label))?;
    let arrow = style.paint(Paint::Dim, "-->");
    writeln!(out, "  {arrow} {file}:{line}:{column} ({})", finding.object)?;
    let place = Place { line: *line, column: *column, width: finding.width };
    for line in snippet(text, place).lines() {
        writeln!(out, "  {line}")?;
    }
    if let Some(hint) = &finding.hint {
        writeln!(out, "  {} {hint}", style.paint(Paint::Good, "hint:"))?;
    }
    writeln!(out)
}

fn placement(placed: &Placed, out: &mut Out) -> Result<(), CliError> {
    let Placed { object, runs_on, nodes, .. } = placed;
    writeln!(out, "{object} would run on {runs_on} of {nodes} nodes")?;
    for group in &placed.kept_off {
        let shown = group.nodes.iter().take(NODES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match group.nodes.len().saturating_sub(NODES_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out, "  not on {}: {} ({shown}{more})", group.nodes.len(), group.rule)?;
    }
    writeln!(out)
}

/// `3 objects in 2 files: 2 pass, 1 refused; 4 of other kinds passed over (ConfigMap 1, Service 3)`
fn sum(report: &Report) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let objects = count(report.passed + report.refused, "object");
    let files = count(report.files, "file");
    let mut text = format!("{objects} in {files}: {} pass, {} refused", report.passed, report.refused);
    if !report.skipped.is_empty() {
        let kinds: Vec<_> = report.skipped.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        let all: usize = report.skipped.values().sum();
        text += &format!("; {all} of other kinds passed over ({})", kinds.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_what_was_passed_over() {
        let mut report = Report { files: 1, passed: 1, refused: 1, ..Report::default() };
        assert_eq!(sum(&report), "2 objects in 1 file: 1 pass, 1 refused");
        report.skipped.insert("Service".to_owned(), 3);
        assert_eq!(
            sum(&report),
            "2 objects in 1 file: 1 pass, 1 refused; 3 of other kinds passed over (Service 3)"
        );
    }
}
