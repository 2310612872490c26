//! Tolerations and taints.

use super::errors::{Bad, Errors, Path};
use super::{internal, text};
use crate::manifest::get;
use serde_json::Value;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// `ValidateTolerations`. Problems with the value are reported at the operator.
pub(super) fn tolerations(tolerations: &[Value], path: &Path<'_>, errors: &mut Errors) {
    for (i, toleration) in tolerations.iter().enumerate() {
        let path = path.index(i);
        let key = get::text(toleration, "key");
        let (operator, value) = (get::text(toleration, "operator"), get::text(toleration, "value"));
        let effect = get::text(toleration, "effect");
        if !key.is_empty() {
            errors.invalid_each(&path.child("key"), Bad::Text(key), &text::label_key(key));
        }
        let at = path.child("operator");
        if key.is_empty() && operator != "Exists" {
            let detail =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(&at, Bad::Named(operator), detail);
        }
        if get::int_opt(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(&path.child("effect"), Bad::Named(effect), detail);
        }
        match operator {
            "" | "Equal" => {
                let details = text::label_value(value);
                if !details.is_empty() {
                    errors.invalid(&at, Bad::Text(value), &details.join(";"));
                }
            }
            "Exists" => {
                if !value.is_empty() {
                    errors.invalid(&at, Bad::Text(value), "value must be empty when `operator` is 'Exists'");
                }
            }
            // Known, but behind a feature gate that is off.
            "Lt" | "Gt" => errors.unsupported(&at, Bad::Named(operator), &["Equal", "Exists", "Lt", "Gt"]),
            other => errors.unsupported(&at, Bad::Named(other), &["Equal", "Exists"]),
        }
        if !effect.is_empty() && !EFFECTS.contains(&effect) {
            errors.unsupported(&path.child("effect"), Bad::Named(effect), &EFFECTS);
        }
    }
}

/// `validateNodeTaints`.
pub(super) fn taints(taints: &[Value], path: &Path<'_>, errors: &mut Errors) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (i, taint) in taints.iter().enumerate() {
        let path = path.index(i);
        let (key, value, effect) =
            (get::text(taint, "key"), get::text(taint, "value"), get::text(taint, "effect"));
        errors.invalid_each(&path.child("key"), Bad::Text(key), &text::label_key(key));
        let details = text::label_value(value);
        if !details.is_empty() {
            errors.invalid(&path.child("value"), Bad::Text(value), &details.join(";"));
        }
        super::fields::one_of(effect, &EFFECTS, &path.child("effect"), errors);
        if seen.contains(&(key, effect)) {
            let shown = internal::taint(taint);
            errors.duplicate_because(
                &path,
                Bad::Json(&shown),
                "taints must be unique by key and effect pair",
            );
        }
        seen.push((key, effect));
    }
}
