//! The report as JUnit XML, which every CI reads: a case for each DaemonSet and moment, and one for each gate.

use std::fmt::Write;

use super::model::{ChangeRow, Document, GroupRow, StretchRow, WorkloadRow};
use super::words;
use crate::output::xml::escaped;

/// How many nodes of a group are named.
const NAMED_MAX: usize = 50;

struct Case {
    class: String,
    name: String,
    /// What differs, if anything does.
    differs: Option<(String, String)>,
    fails: bool,
}

/// The document. Where gates were asked for, only they fail, as with the exit status.
pub fn document(document: &Document) -> String {
    let cases = cases(document);
    let failures = cases.iter().filter(|case| case.fails).count();
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\"", cases.len());
    let name = escaped(&format!("{} against {}", document.a, document.b));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kubetape diff\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n"
    );
    for case in &cases {
        // Writing to a string cannot fail.
        let _ = write_case(case, &mut text);
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn cases(document: &Document) -> Vec<Case> {
    let gated = !document.gates.is_empty();
    let mut cases = Vec::new();
    for moment in &document.moments {
        for (kind, workload) in moment
            .daemon_sets
            .iter()
            .map(|set| ("DaemonSet", set))
            .chain(moment.replica_sets.iter().map(|set| ("ReplicaSet", set)))
        {
            let name = format!("{kind} {}/{}", workload.namespace, workload.name);
            let differs = (!workload.same).then(|| (summary(workload), details(workload)));
            let fails = differs.is_some() && !gated;
            cases.push(Case { class: moment.at_b.clone(), name, differs, fails });
        }
    }
    for stretch in &document.timeline {
        let (_, word) = words::change(stretch.change);
        let name = format!("DaemonSet {} from {}", stretch.daemon_set, stretch.from);
        let differs = Some((format!("{word} on {} nodes", stretch.nodes), stretch_details(stretch)));
        cases.push(Case { class: "timeline".to_owned(), name, differs, fails: !gated });
    }
    for gate in &document.gates {
        let differs = (!gate.holds).then(|| (gate.found.clone(), String::new()));
        cases.push(Case { class: "gate".to_owned(), name: gate.gate.clone(), differs, fails: !gate.holds });
    }
    cases
}

fn write_case(case: &Case, text: &mut String) -> std::fmt::Result {
    let open =
        format!("    <testcase name=\"{}\" classname=\"{}\"", escaped(&case.name), escaped(&case.class));
    match &case.differs {
        None => writeln!(text, "{open}/>"),
        Some((message, details)) if case.fails => writeln!(
            text,
            "{open}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
            escaped(message),
            escaped(details)
        ),
        Some((message, details)) => writeln!(
            text,
            "{open}>\n      <system-out>{}\n{}</system-out>\n    </testcase>",
            escaped(message),
            escaped(details)
        ),
    }
}

fn summary(workload: &WorkloadRow) -> String {
    let change = |change: &ChangeRow| format!("{} {}", change.nodes, words::change(change.change).1);
    let changes: Vec<_> = workload.changes.iter().map(change).collect();
    let pods = format!("{} pods, then {}", workload.pods_a, workload.pods_b);
    if changes.is_empty() { pods } else { format!("{pods}: {}", changes.join(", ")) }
}

fn details(workload: &WorkloadRow) -> String {
    let mut lines = Vec::new();
    for change in &workload.changes {
        for group in &change.groups {
            lines.push(group_line(group, change.change));
            lines.extend(
                group.causes.iter().map(|cause| format!("    {}", words::cause(cause, group.changed))),
            );
            lines.extend(
                group.reasons.iter().map(|reason| format!("    in {}: {}", reason.side, reason.text)),
            );
        }
    }
    lines.join("\n")
}

fn stretch_details(stretch: &StretchRow) -> String {
    let mut lines = Vec::new();
    for group in &stretch.groups {
        lines.push(group_line(group, stretch.change));
        lines.extend(group.reasons.iter().map(|reason| format!("    in {}: {}", reason.side, reason.text)));
    }
    lines.push(format!("    until {}", stretch.to_last.as_deref().unwrap_or("the end")));
    lines.extend(stretch.causes.iter().map(|cause| format!("    {}", words::cause(cause, stretch.nodes))));
    lines.join("\n")
}

fn group_line(group: &GroupRow, change: &str) -> String {
    let (sign, word) = words::change(change);
    format!("{sign} {word} {}: {}", words::group(group, change), words::some(&group.nodes, NAMED_MAX))
}
