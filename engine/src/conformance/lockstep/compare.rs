//! Finds the first difference between a recording and a run.

use serde_json::Value;

use crate::conformance::difference;

/// Compares all steps of a scenario.
///
/// # Errors
/// Explains the first difference.
pub(super) fn steps(expected: &Value, got: &[Value]) -> Result<(), String> {
    let expected: Vec<Value> =
        expected.as_array().into_iter().flatten().map(|step| decisions(step.clone())).collect();
    let got: Vec<Value> = got.iter().map(|step| decisions(step.clone())).collect();
    if expected.len() != got.len() {
        return Err(difference("number of steps", &expected.len(), &got.len()));
    }
    for (number, (expected, got)) in expected.iter().zip(&got).enumerate() {
        step(expected, got).map_err(|reason| format!("step {number}: {reason}"))?;
    }
    Ok(())
}

/// Leaves out what is not decided: marks of the recording, the words of errors, and the order in which
/// revisions are adopted, which is that of their names and so of hashes that are opaque.
fn decisions(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("unordered");
            if let Some(error) = fields.get_mut("error") {
                *error = Value::Bool(true);
            }
            if let Some(Value::Array(operations)) = fields.get_mut("revisions") {
                for adopted in operations.chunk_by_mut(|a, b| a.get("op") == b.get("op")) {
                    adopted.sort_by_key(|operation| operation.get("revision").and_then(Value::as_i64));
                }
            }
            for field in fields.values_mut() {
                *field = decisions(field.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = decisions(item.take())),
        _ => {}
    }
    value
}

fn step(expected: &Value, got: &Value) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    let rounds = |value: &Value| value.get("rounds").and_then(Value::as_array).cloned().unwrap_or_default();
    let (expected_rounds, got_rounds) = (rounds(expected), rounds(got));
    for (expected, got) in expected_rounds.iter().zip(&got_rounds) {
        let t = expected.get("t").cloned().unwrap_or_default();
        first_difference(&format!("round at {t} ms"), expected, got)?;
    }
    let extra = |rounds: &[Value]| rounds.get(expected_rounds.len().min(got_rounds.len())).cloned();
    match (extra(&expected_rounds), extra(&got_rounds)) {
        (None, None) => first_difference("end of step", expected, got),
        (expected, got) => {
            let show = |round: Option<Value>| round.map_or("no further round".to_owned(), |r| shown(&r));
            Err(difference("rounds", &show(expected), &show(got)))
        }
    }
}

/// Goes down to the first part that differs.
fn first_difference(path: &str, expected: &Value, got: &Value) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let none = Value::Null;
                let (a, b) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
                first_difference(&format!("{path}, {key}"), a, b)?;
            }
            Ok(())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() && a.iter().any(Value::is_object) => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                first_difference(&format!("{path}[{index}]"), a, b)?;
            }
            Ok(())
        }
        _ => Err(difference(path, &shown(expected), &shown(got))),
    }
}

/// A value as text, not too long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 600;
    let mut text = value.to_string();
    if let Some((cut, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(cut);
        text.push('…');
    }
    text
}
