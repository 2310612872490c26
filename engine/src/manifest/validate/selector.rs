//! Label selectors: syntax, and whether they match.

use super::errors::{Bad, Errors, Path};
use super::{meta, text};
use crate::manifest::get;
use serde_json::Value;

const IN: &str = "must be specified when `operator` is 'In' or 'NotIn'";
const EXISTS: &str = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";

/// `ValidateLabelSelector`; `lenient` tolerates invalid values, for objects that already have some.
pub(super) fn label_selector(selector: &Value, lenient: bool, path: &Path<'_>, errors: &mut Errors) {
    if !selector.is_object() {
        return;
    }
    meta::labels(get::at(selector, "matchLabels"), &path.child("matchLabels"), errors);
    let expressions = path.child("matchExpressions");
    for (i, expression) in get::list(selector, "matchExpressions").iter().enumerate() {
        let path = expressions.index(i);
        let values = get::texts(expression, "values");
        match get::text(expression, "operator") {
            "In" | "NotIn" if values.is_empty() => errors.required(&path.child("values"), IN),
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                errors.forbidden(&path.child("values"), EXISTS)
            }
            "Exists" | "DoesNotExist" => {}
            other => {
                errors.invalid(&path.child("operator"), Bad::Named(other), "not a valid selector operator")
            }
        }
        let key = get::text(expression, "key");
        errors.invalid_each(&path.child("key"), Bad::Text(key), &text::label_key(key));
        if !lenient {
            label_values(&values, &path.child("values"), errors);
        }
    }
}

/// Each value has to be a label value.
pub(super) fn label_values(values: &[&str], path: &Path<'_>, errors: &mut Errors) {
    for (i, value) in values.iter().enumerate() {
        errors.invalid_each(&path.index(i), Bad::Text(value), &text::label_value(value));
    }
}

/// Whether some value of an expression is no label value.
pub(super) fn has_invalid_value(selector: &Value) -> bool {
    get::list(selector, "matchExpressions")
        .iter()
        .flat_map(|e| get::texts(e, "values"))
        .any(|v| !text::label_value(v).is_empty())
}

/// Whether the selector has neither labels nor expressions.
pub(super) fn is_empty(selector: &Value) -> bool {
    get::entries(selector, "matchLabels").next().is_none()
        && get::list(selector, "matchExpressions").is_empty()
}

/// Whether the selector parses: an invalid one has been reported already.
pub(super) fn parses(selector: &Value) -> bool {
    let labels = get::entries(selector, "matchLabels").all(|(key, value)| {
        text::label_key(key).is_empty() && text::label_value(value.as_str().unwrap_or("")).is_empty()
    });
    labels
        && get::list(selector, "matchExpressions").iter().all(|e| {
            let values = get::texts(e, "values");
            let count = match get::text(e, "operator") {
                "In" | "NotIn" => !values.is_empty(),
                "Exists" | "DoesNotExist" => values.is_empty(),
                _ => false,
            };
            count
                && text::label_key(get::text(e, "key")).is_empty()
                && values.iter().all(|v| text::label_value(v).is_empty())
        })
}

/// Whether the selector matches the labels; a missing one matches nothing, an empty one everything.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    if !selector.is_object() {
        return false;
    }
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    get::entries(selector, "matchLabels").all(|(key, value)| label(key) == value.as_str())
        && get::list(selector, "matchExpressions").iter().all(|e| {
            let found = label(get::text(e, "key"));
            let listed = || found.is_some_and(|f| get::texts(e, "values").contains(&f));
            match get::text(e, "operator") {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// A selector in the order of its fields, as error texts show it.
pub(super) fn show(selector: &Value) -> String {
    use crate::manifest::go;
    if !selector.is_object() {
        return "null".to_owned();
    }
    let mut fields = Vec::new();
    if get::entries(selector, "matchLabels").next().is_some() {
        fields.push(format!("\"matchLabels\":{}", go::json(get::at(selector, "matchLabels"))));
    }
    let expressions: Vec<String> = get::list(selector, "matchExpressions")
        .iter()
        .map(|e| {
            let values = get::at(e, "values");
            let values = match values.as_array() {
                Some(list) if !list.is_empty() => format!(",\"values\":{}", go::json(values)),
                _ => String::new(),
            };
            let (key, operator) = (get::text(e, "key"), get::text(e, "operator"));
            format!("{{\"key\":{},\"operator\":{}{values}}}", go::json_string(key), go::json_string(operator))
        })
        .collect();
    if !expressions.is_empty() {
        fields.push(format!("\"matchExpressions\":[{}]", expressions.join(",")));
    }
    format!("{{{}}}", fields.join(","))
}
