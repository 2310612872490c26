//! What the API server said of a manifest, against what the strict door says.
//!
//! A line of a recording is either a verdict (`response`: code, reason, message, causes, warnings) or a
//! defaulted object (`object`). What is expected never enters the run: only method, namespace, manifest and
//! the manifest of the object before it do.

use crate::manifest::{Admitted, Refusal, admit_as, decode_body, registry};
use serde_json::Value;
use std::collections::BTreeMap;

/// A line that is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// It is no JSON, or lacks a field.
    #[error("not a validation case: {0}")]
    Malformed(String),
}

/// How a case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The case's name.
    pub id: String,
    /// The first difference in a few lines; `None` if the case passes: verdict, code, the multiset of
    /// causes (reason, field), or the defaulted object are equal.
    pub difference: Option<String>,
    /// Whether the message text is equal; `None` where the case has none. Not part of passing.
    pub message_equal: Option<bool>,
    /// Whether the warnings are equal, in any order. Not part of passing.
    pub warnings_equal: Option<bool>,
}

/// The sums over many cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases run.
    pub cases: usize,
    /// Cases passed.
    pub passed: usize,
    /// Cases with a message, and those whose text was equal.
    pub messages: (usize, usize),
    /// Cases with warnings recorded, and those whose warnings were equal.
    pub warnings: (usize, usize),
}

impl Tally {
    /// Counts one outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        self.cases += 1;
        self.passed += usize::from(outcome.difference.is_none());
        for (sum, equal) in
            [(&mut self.messages, outcome.message_equal), (&mut self.warnings, outcome.warnings_equal)]
        {
            if let Some(equal) = equal {
                sum.0 += 1;
                sum.1 += usize::from(equal);
            }
        }
    }
}

/// Runs one line of a recording.
///
/// # Errors
/// If the line is no case.
pub fn run(line: &str) -> Result<Outcome, CaseError> {
    let malformed = |what: &str| CaseError::Malformed(what.to_owned());
    let case: Value = serde_json::from_str(line).map_err(|e| CaseError::Malformed(e.to_string()))?;
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let id = text("id").ok_or_else(|| malformed("no id"))?.to_owned();
    let manifest = text("manifest").ok_or_else(|| malformed("no manifest"))?;
    let previous = text("previous").map(|previous| request(previous, None, text("namespace")));
    let answer = match previous {
        None => request(manifest, None, text("namespace")),
        Some(Ok(stored)) => request(manifest, Some(&identified(stored.object)), text("namespace")),
        Some(Err(refusal)) => Err(refusal),
    };
    let update = text("method") == Some("PUT");
    if let Some(expected) = case.get("response") {
        Ok(verdict(id, expected, &answer, update))
    } else if let Some(expected) = case.get("object") {
        let difference = match &answer {
            Err(refusal) => Some(format!("expected an object, refused: {refusal}")),
            Ok(admitted) => object_difference(expected, &admitted.object),
        };
        Ok(Outcome { id, difference, message_equal: None, warnings_equal: None })
    } else {
        Err(malformed("neither response nor object"))
    }
}

/// A stored object has an identity and a version; a manifest cannot know them.
fn identified(mut stored: Value) -> Value {
    stored["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
    stored["metadata"]["resourceVersion"] = u64::MAX.to_string().into();
    stored
}

/// All cases of the recordings were sent to the endpoint of DaemonSets.
fn request(manifest: &str, previous: Option<&Value>, namespace: Option<&str>) -> Result<Admitted, Refusal> {
    let document = decode_body("body", manifest.as_bytes());
    let own = if document.namespace.is_empty() { "default" } else { &document.namespace };
    let namespace = namespace.unwrap_or(own).to_owned();
    admit_as(&registry::KINDS[0], &document, previous, &namespace)
}

fn verdict(id: String, expected: &Value, answer: &Result<Admitted, Refusal>, update: bool) -> Outcome {
    let code = match answer {
        Ok(_) if update => 200,
        Ok(_) => 201,
        Err(refusal) => refusal.code,
    };
    let message = answer.as_ref().err().map(|refusal| refusal.message.as_str());
    let expected_code = expected["code"].as_u64().unwrap_or(0);
    let expected_message = expected["message"].as_str();
    let reason = answer.as_ref().err().map(|r| r.reason).filter(|r| !r.is_empty());
    let difference = if u64::from(code) != expected_code {
        Some(format!(
            "code: expected {expected_code} ({}), got {code} ({})",
            expected_message.unwrap_or("accepted"),
            message.unwrap_or("accepted")
        ))
    } else if reason != expected["reason"].as_str() {
        Some(format!("reason: expected {}, got {reason:?}", expected["reason"]))
    } else {
        causes_difference(&expected["causes"], answer)
    };
    let warnings = answer.as_ref().ok().map(|admitted| {
        let mut ours: Vec<&str> = admitted.warnings.iter().map(String::as_str).collect();
        let mut theirs: Vec<&str> =
            expected["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        ours == theirs
    });
    let message_equal = expected_message.map(|expected| message == Some(expected));
    Outcome { id, difference, message_equal, warnings_equal: warnings }
}

/// Compares the multisets of (reason, field); only a 422 lists causes.
fn causes_difference(expected: &Value, answer: &Result<Admitted, Refusal>) -> Option<String> {
    let mut counts = BTreeMap::<(String, String), i32>::new();
    for cause in expected.as_array().into_iter().flatten() {
        let text = |key: &str| cause[key].as_str().unwrap_or("").to_owned();
        *counts.entry((text("reason"), text("field"))).or_default() += 1;
    }
    if let Err(refusal) = answer
        && refusal.code == 422
    {
        for problem in &refusal.problems {
            *counts.entry((problem.reason.to_owned(), problem.field.clone())).or_default() -= 1;
        }
    }
    counts.into_iter().find(|(_, count)| *count != 0).map(|((reason, field), count)| {
        let what = if count > 0 { "missing" } else { "unexpected" };
        format!("causes: {what} {reason} at {field}")
    })
}

/// Fields that differ from run to run.
const VOLATILE: [&str; 4] = ["uid", "creationTimestamp", "managedFields", "resourceVersion"];

fn object_difference(expected: &Value, actual: &Value) -> Option<String> {
    let strip = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in VOLATILE {
                metadata.remove(key);
            }
            // A generated name ends in five letters that the server drew.
            let prefix = metadata.get("generateName").and_then(Value::as_str).unwrap_or("").to_owned();
            if let Some(Value::String(name)) = metadata.get_mut("name")
                && let Some(kept) = name.len().checked_sub(5)
                && !prefix.is_empty()
                && name.get(..kept).is_some_and(|n| prefix.starts_with(n))
            {
                name.truncate(kept);
            }
        }
        object
    };
    first_difference(&strip(expected), &strip(actual), "")
}

fn first_difference(expected: &Value, actual: &Value, path: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
                (Some(x), Some(y)) => first_difference(x, y, &format!("{path}.{key}")),
                (Some(x), None) => Some(format!("object: {path}.{key} missing, expected {x}")),
                (None, Some(y)) => Some(format!("object: {path}.{key} unexpected: {y}")),
                (None, None) => None,
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (x, y))| first_difference(x, y, &format!("{path}[{i}]"))),
        _ if expected == actual => None,
        _ => Some(format!("object: {path}: expected {expected}, got {actual}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GOOD: &str = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
                        template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: i}]}\n";

    fn case(response: &Value) -> Outcome {
        let line = json!({"id": "x", "method": "POST", "namespace": "default", "manifest": GOOD, "previous": null,
            "response": response});
        run(&line.to_string()).unwrap()
    }

    #[test]
    fn a_wrong_expectation_is_a_difference() {
        let accepted = json!({"code": 201, "reason": null, "message": null, "causes": [], "warnings": []});
        assert_eq!(case(&accepted).difference, None);
        let refused = json!({"code": 422, "reason": "Invalid", "message": "m", "causes": [], "warnings": []});
        assert!(case(&refused).difference.unwrap().starts_with("code: expected 422"));
    }

    #[test]
    fn objects_are_compared_to_the_last_field() {
        let line = json!({"id": "x", "method": "POST", "manifest": GOOD, "previous": null,
            "object": {"kind": "DaemonSet"}});
        assert!(run(&line.to_string()).unwrap().difference.unwrap().starts_with("object:"));
        assert!(run("{}").is_err());
    }
}
