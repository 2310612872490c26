//! The report for CI: GitHub's workflow commands, and SARIF.

use serde_json::{Value, json};

use super::judge::{Finding, Report, Severity};
use crate::error::CliError;
use crate::output::Out;

/// One workflow command a finding.
///
/// # Errors
/// Standard output is closed.
pub fn github(report: &Report, out: &mut Out) -> Result<(), CliError> {
    for finding in &report.findings {
        writeln!(out, "{}", command(finding))?;
    }
    Ok(())
}

fn command(finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let Finding { line, column, .. } = finding;
    let (file, title) = (property(&finding.file), property(&finding.object));
    format!("::{level} file={file},line={line},col={column},title={title}::{}", data(&sentence(finding)))
}

/// Path, message and hint in one.
fn sentence(finding: &Finding) -> String {
    let Finding { field, message, .. } = finding;
    let text = if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
    match &finding.hint {
        Some(hint) => format!("{text} (hint: {hint})"),
        None => text,
    }
}

/// Data of a workflow command: line ends and percent signs are escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property: separators too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A SARIF 2.1.0 log with one run.
pub fn sarif(report: &Report) -> Value {
    let mut reasons: Vec<&str> = report.findings.iter().map(|f| f.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let rules: Vec<Value> = reasons.iter().map(|reason| json!({ "id": reason })).collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "kubetape", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let (line, column) = (finding.line.max(1), finding.column.max(1));
    json!({
        "ruleId": finding.reason,
        "level": level,
        "message": { "text": sentence(finding) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": finding.file },
                "region": { "startLine": line, "startColumn": column, "endColumn": column + finding.width.max(1) },
            },
            "logicalLocations": [{ "fullyQualifiedName": finding.object }],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding {
            severity: Severity::Error,
            file: "a,b.yaml".to_owned(),
            line: 3,
            column: 5,
            width: 4,
            object: "DaemonSet default/d".to_owned(),
            reason: "FieldValueInvalid".to_owned(),
            field: "spec".to_owned(),
            message: "100%\nwrong".to_owned(),
            hint: Some("do it".to_owned()),
            code: Some(422),
        }
    }

    #[test]
    fn workflow_commands_are_escaped() {
        assert_eq!(
            command(&finding()),
            "::error file=a%2Cb.yaml,line=3,col=5,title=DaemonSet default/d::spec: 100%25%0Awrong (hint: do it)"
        );
    }

    #[test]
    fn sarif_has_a_rule_for_every_result() {
        let report = Report { findings: vec![finding()], ..Report::default() };
        let log = sarif(&report);
        assert_eq!(
            log["runs"][0]["results"][0]["ruleId"],
            log["runs"][0]["tool"]["driver"]["rules"][0]["id"]
        );
        assert_eq!(
            log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["endColumn"],
            9
        );
    }
}
