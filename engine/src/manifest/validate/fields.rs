//! Rules for single fields that several parts of a pod spec share.

use super::errors::{Bad, Errors, Path};
use crate::manifest::get;
use serde_json::Value;

/// A string that may not be empty.
pub(super) fn required(source: &Value, key: &str, path: &Path<'_>, errors: &mut Errors) {
    if get::text(source, key).is_empty() {
        errors.required(&path.child(key), "");
    }
}

/// A required choice among named strings.
pub(super) fn one_of(value: &str, supported: &[&str], path: &Path<'_>, errors: &mut Errors) {
    if value.is_empty() {
        errors.required(path, "");
    } else if !supported.contains(&value) {
        errors.unsupported(path, Bad::Named(value), supported);
    }
}

/// `validatePullPolicy`.
pub(super) fn pull_policy(policy: &str, path: &Path<'_>, errors: &mut Errors) {
    one_of(policy, &["Always", "IfNotPresent", "Never"], path, errors);
}

/// A file mode, 0 to 0777.
pub(super) fn mode(source: &Value, key: &str, path: &Path<'_>, errors: &mut Errors) {
    if let Some(mode) = get::int_opt(source, key)
        && !(0..=0o777).contains(&mode)
    {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        errors.invalid(&path.child(key), Bad::Int(mode), detail);
    }
}
