//! Documents to findings.

use std::collections::BTreeMap;

use kubetape_engine::manifest::{self, Document, Place, Refusal};
use serde::Serialize;
use serde_json::Value;

use super::cluster::{self, Placed};
use super::files::Sources;
use crate::kinds;
use crate::state::State;

/// What came of all documents.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// How many documents pass.
    pub passed: usize,
    /// How many would be refused.
    pub refused: usize,
    /// How many were passed over, by kind.
    pub skipped: BTreeMap<String, usize>,
    /// Problems, warnings and notes, in the order of the documents.
    pub findings: Vec<Finding>,
    /// Where DaemonSets would run, if a cluster was named.
    pub placements: Vec<Placed>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The API server would refuse the object.
    Error,
    /// The API server would accept it and warn.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing to say about a document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub severity: Severity,
    pub file: String,
    /// From 1; 0 if no place is known.
    pub line: u32,
    /// From 1, in characters; 0 if no place is known.
    pub column: u32,
    #[serde(skip)]
    pub width: u32,
    /// `DaemonSet default/fluentd`.
    pub object: String,
    /// The API's cause or, for text that does not decode, its reason; a word of ours for notes.
    pub reason: String,
    /// The API server's field path; empty if it has none.
    pub field: String,
    /// The API server's text, without the path.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The HTTP status of the refusal that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// Judges all documents; against the objects of the cluster, where there is one.
pub fn judge(sources: &Sources, namespace: &str, mut cluster: Option<State>) -> Report {
    let mut report = Report { files: sources.texts.len(), ..Report::default() };
    let mut seen = BTreeMap::new();
    for document in &sources.documents {
        let needed = kinds::SIMULATED.iter().any(|kind| kind.eq_ignore_ascii_case(&document.kind));
        if document.tree().is_some() && !document.kind.is_empty() && !document.is_known() && !needed {
            *report.skipped.entry(document.kind.clone()).or_default() += 1;
            continue;
        }
        let own = if document.namespace.is_empty() { namespace } else { &document.namespace };
        let object = subject(document, own);
        let previous = cluster.as_mut().and_then(|state| cluster::stored(document, own, state));
        match manifest::admit(document, previous.as_ref(), own) {
            Ok(admitted) => {
                report.passed += 1;
                twice(document, &object, &mut seen, &mut report.findings);
                for warning in &admitted.warnings {
                    report.findings.push(warned(document, &object, warning));
                }
                if document.kind == "DaemonSet" {
                    let kept_off = keeps_off_control_plane(&admitted.object);
                    report.findings.extend(kept_off.then(|| control_plane(document, &object)));
                    if let Some(state) = &mut cluster {
                        report.placements.extend(cluster::place(document, object, &admitted.object, state));
                    }
                }
            }
            Err(refusal) => {
                report.refused += 1;
                refused(document, &object, refusal, &mut report.findings);
            }
        }
    }
    report
}

/// `DaemonSet default/fluentd`, or what is known of it.
fn subject(document: &Document, namespace: &str) -> String {
    let Document { kind, name, .. } = document;
    let namespaced = !matches!(kind.as_str(), "Node" | "Namespace" | "PriorityClass");
    match (kind.as_str(), name.as_str()) {
        ("", _) => format!("document {}", document.index + 1),
        (kind, "") => kind.to_owned(),
        (kind, name) if namespaced => format!("{kind} {namespace}/{name}"),
        (kind, name) => format!("{kind} {name}"),
    }
}

fn finding(severity: Severity, document: &Document, object: &str, place: Option<Place>) -> Finding {
    let place = place.unwrap_or(document.place);
    Finding {
        severity,
        file: document.source.clone(),
        line: place.line,
        column: place.column,
        width: place.width,
        object: object.to_owned(),
        reason: String::new(),
        field: String::new(),
        message: String::new(),
        hint: None,
        code: None,
    }
}

fn refused(document: &Document, object: &str, refusal: Refusal, findings: &mut Vec<Finding>) {
    let code = Some(refusal.code);
    if refusal.problems.is_empty() {
        let base = finding(Severity::Error, document, object, None);
        let reason = refusal.reason.to_owned();
        findings.push(Finding { message: refusal.message, reason, code, ..base });
        return;
    }
    // The registry reports some problems of an update more than once.
    let mut seen = Vec::new();
    for problem in refusal.problems {
        let key = (problem.field.clone(), problem.message.clone(), problem.place);
        if seen.len() < 100 && seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let base = finding(Severity::Error, document, object, problem.place);
        findings.push(Finding {
            reason: problem.reason.to_owned(),
            field: problem.field,
            message: problem.message,
            hint: problem.hint,
            code,
            ..base
        });
    }
}

/// The API server's warnings begin with the path, where they have one.
fn warned(document: &Document, object: &str, warning: &str) -> Finding {
    let (field, message) = match warning.split_once(": ") {
        Some((field, message)) if !field.contains(' ') => (field, message),
        _ => ("", warning),
    };
    let place = document.tree().filter(|_| !field.is_empty()).map(|tree| tree.locate(field));
    let base = finding(Severity::Warning, document, object, place.filter(|p| p.line != 0));
    let reason = "Warning".to_owned();
    Finding { reason, field: field.to_owned(), message: message.to_owned(), ..base }
}

/// Two documents that are one object: the later one wins.
fn twice<'a>(
    document: &'a Document,
    object: &str,
    seen: &mut BTreeMap<String, &'a Document>,
    findings: &mut Vec<Finding>,
) {
    if document.name.is_empty() {
        return;
    }
    if let Some(first) = seen.insert(object.to_owned(), document) {
        let place = format!("{}:{}", first.source, first.place.line);
        let message = format!("{object} is there already, at {place}: the later one would win");
        let base = finding(Severity::Warning, document, object, None);
        findings.push(Finding { reason: "Repeated".to_owned(), message, ..base });
    }
}

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Whether nothing tolerates the taint that control-plane nodes have.
fn keeps_off_control_plane(object: &Value) -> bool {
    let list = object.pointer("/spec/template/spec/tolerations").and_then(Value::as_array);
    !list.into_iter().flatten().any(|toleration| {
        let text = |key: &str| toleration.get(key).and_then(Value::as_str).unwrap_or("");
        matches!(text("key"), "" | CONTROL_PLANE)
            && matches!(text("effect"), "" | "NoSchedule")
            && text("value").is_empty()
    })
}

fn control_plane(document: &Document, object: &str) -> Finding {
    let field = "spec.template.spec.tolerations";
    let place = document.tree().map(|tree| tree.locate(field)).filter(|p| p.line != 0);
    Finding {
        reason: "ControlPlane".to_owned(),
        field: field.to_owned(),
        message: format!("no toleration of {CONTROL_PLANE}:NoSchedule: control-plane nodes get no pod"),
        hint: Some(format!("if they should, tolerate it: `- {{key: {CONTROL_PLANE}, operator: Exists}}`")),
        ..finding(Severity::Note, document, object, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: d}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: c, image: i}]
";

    fn check(text: &str) -> Report {
        let documents = manifest::decode("x.yaml", text.as_bytes()).documents;
        let texts = BTreeMap::from([("x.yaml".to_owned(), text.to_owned())]);
        judge(&Sources { documents, texts }, "default", None)
    }

    fn reasons(report: &Report) -> Vec<(&str, u32)> {
        report.findings.iter().map(|f| (f.reason.as_str(), f.line)).collect()
    }

    #[test]
    fn a_good_manifest_needs_no_word() {
        let report = check(GOOD);
        assert_eq!((report.passed, report.refused, report.findings.len()), (1, 0, 0));
    }

    #[test]
    fn a_daemon_set_that_stays_off_the_control_plane_is_noted() {
        let report = check(&GOOD.replace("      tolerations: [{operator: Exists}]\n", ""));
        assert_eq!(reasons(&report), [("ControlPlane", 8)]);
        assert_eq!(report.findings[0].severity, Severity::Note);
    }

    #[test]
    fn problems_warnings_and_repetitions_have_their_places() {
        let warned = GOOD.replace("image: i}", "image: i, resources: {limits: {memory: 100m}}}");
        let refused = GOOD.replace("image: i", "imag: i");
        let report = check(&format!("{GOOD}---\n{warned}---\n{refused}---\nkind: Service\napiVersion: v1\n"));
        assert_eq!((report.passed, report.refused, report.skipped.get("Service")), (2, 1, Some(&1)));
        assert_eq!(reasons(&report), [("Repeated", 12), ("Warning", 21), ("BadRequest", 32)]);
        assert_eq!(report.findings[2].code, Some(400));
        assert_eq!(report.findings[2].hint.as_deref(), Some("did you mean `image`?"));
    }

    #[test]
    fn text_that_is_no_yaml_is_an_error_and_not_the_end() {
        let report = check(&format!("a: [\n---\n{GOOD}"));
        assert_eq!((report.passed, report.refused), (1, 1));
        assert_eq!(report.findings[0].object, "document 1");
    }
}
