//! DaemonSets, ReplicaSets and Deployments: the rules around their templates.

use super::affinity::Tolerated;
use super::errors::{Bad, Errors, Path};
use super::{internal, selector, template, text};
use crate::manifest::get;
use serde_json::Value;

const SPEC: Path<'static> = Path::root("spec");
const MISMATCH: &str = "`selector` does not match template `labels`";

/// What an update may keep wrong because the stored object has it.
fn tolerated(old: Option<&Value>) -> (Tolerated, bool) {
    match old {
        None => (Tolerated::default(), false),
        Some(old) => (
            Tolerated::from_spec(get::path(old, &["spec", "template", "spec"])),
            selector::has_invalid_value(get::path(old, &["spec", "selector"])),
        ),
    }
}

/// The selector may not change once it is stored.
fn immutable_selector(object: &Value, old: &Value, errors: &mut Errors) {
    let (new, old) = (get::path(object, &["spec", "selector"]), get::path(old, &["spec", "selector"]));
    let same = new.is_object() == old.is_object() && selector::show(new) == selector::show(old);
    if !same {
        let shown = selector::show(new);
        errors.invalid(&SPEC.child("selector"), Bad::Json(&shown), "field is immutable");
    }
}

/// Restart policy and deadline of a controller's template.
fn forever(spec: &Value, kind: &str, errors: &mut Errors) {
    let template = SPEC.child("template");
    let path = template.child("spec");
    let pod = get::path(spec, &["template", "spec"]);
    let policy = get::text(pod, "restartPolicy");
    if policy != "Always" {
        errors.unsupported(&path.child("restartPolicy"), Bad::Named(policy), &["Always"]);
    }
    if !get::at(pod, "activeDeadlineSeconds").is_null() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.forbidden(&path.child("activeDeadlineSeconds"), &detail);
    }
}

/// `ValidateDaemonSet`, or `ValidateDaemonSetUpdate` when there is an old object.
pub(super) fn daemon_set(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    if let Some(old) = old {
        immutable_selector(object, old, errors);
    }
    let (tolerated, lenient) = tolerated(old);
    let spec = get::at(object, "spec");
    let chosen = get::at(spec, "selector");
    selector::label_selector(chosen, lenient, &SPEC.child("selector"), errors);
    let pods = SPEC.child("template");
    let labels = get::path(spec, &["template", "metadata", "labels"]);
    if selector::parses(chosen) && !selector::matches(chosen, labels) {
        let metadata = pods.child("metadata");
        errors.invalid(&metadata.child("labels"), Bad::Value(labels), MISMATCH);
    }
    if chosen.is_object() && selector::is_empty(chosen) {
        let detail = "empty selector is invalid for daemonset";
        errors.invalid(&SPEC.child("selector"), Bad::Json("{}"), detail);
    }
    template::template(get::at(spec, "template"), tolerated, &pods, errors);
    forever(spec, "DaemonSet", errors);
    errors.non_negative(&SPEC.child("minReadySeconds"), get::int(spec, "minReadySeconds"));
    update_strategy(get::at(spec, "updateStrategy"), errors);
    errors.non_negative(&SPEC.child("revisionHistoryLimit"), get::int(spec, "revisionHistoryLimit"));
}

/// `ValidateDaemonSetUpdateStrategy`.
fn update_strategy(strategy: &Value, errors: &mut Errors) {
    let path = SPEC.child("updateStrategy");
    match get::text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => match get::some(strategy, "rollingUpdate") {
            None => errors.required(&path.child("rollingUpdate"), ""),
            Some(rolling) => rolling_daemon_set(rolling, &path.child("rollingUpdate"), errors),
        },
        _ => {
            let shown = internal::update_strategy(strategy);
            errors.unsupported(&path, Bad::Json(&shown), &["RollingUpdate", "OnDelete"]);
        }
    }
}

fn rolling_daemon_set(rolling: &Value, path: &Path<'_>, errors: &mut Errors) {
    let unavailable = get::at(rolling, "maxUnavailable");
    let surge = get::at(rolling, "maxSurge");
    let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
    positive_or_percent(unavailable, &unavailable_path, errors);
    positive_or_percent(surge, &surge_path, errors);
    at_most_100_percent(unavailable, &unavailable_path, errors);
    at_most_100_percent(surge, &surge_path, errors);
    match (amount(unavailable) != 0, amount(surge) != 0) {
        (true, true) => {
            errors.invalid(
                &surge_path,
                int_or_string(surge),
                "may not be set when maxUnavailable is non-zero",
            );
        }
        (false, false) => errors.required(&unavailable_path, "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}

/// How an IntOrString prints; it is a structure to Go, so JSON.
fn int_or_string(value: &Value) -> Bad<'_> {
    match value.as_str() {
        Some(text) => Bad::Named(text),
        None => Bad::Int(value.as_i64().unwrap_or(0)),
    }
}

/// `ValidatePositiveIntOrPercent`; here a string is a plain string.
pub(super) fn positive_or_percent(value: &Value, path: &Path<'_>, errors: &mut Errors) {
    match value.as_str() {
        Some(text) => errors.invalid_each(path, int_or_string(value), &text::percent(text)),
        None => errors.non_negative(path, value.as_i64().unwrap_or(0)),
    }
}

fn percent(value: &Value) -> Option<u128> {
    let text = value.as_str()?;
    if !text::percent(text).is_empty() {
        return None;
    }
    text.trim_end_matches('%').parse().ok()
}

/// `IsNotMoreThan100Percent`.
pub(super) fn at_most_100_percent(value: &Value, path: &Path<'_>, errors: &mut Errors) {
    if percent(value).is_some_and(|p| p > 100) {
        errors.invalid(path, int_or_string(value), "must not be greater than 100%");
    }
}

/// The number, percent sign or not; text that holds none counts as 0.
fn amount(value: &Value) -> i128 {
    match percent(value) {
        Some(percent) => i128::try_from(percent).unwrap_or(i128::MAX),
        None => match value.as_str() {
            Some(text) => text.parse().unwrap_or(0),
            None => i128::from(value.as_i64().unwrap_or(0)),
        },
    }
}

/// `ValidateReplicaSet` and its update.
pub(super) fn replica_set(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let (tolerated, lenient) = tolerated(old);
    let spec = get::at(object, "spec");
    errors.non_negative(&SPEC.child("replicas"), get::int(spec, "replicas"));
    errors.non_negative(&SPEC.child("minReadySeconds"), get::int(spec, "minReadySeconds"));
    let parses = required_selector(spec, lenient, "empty selector is invalid for deployment", errors);
    let pods = SPEC.child("template");
    let chosen = get::at(spec, "selector");
    let labels = get::path(spec, &["template", "metadata", "labels"]);
    if parses && !selector::is_empty(chosen) && !selector::matches(chosen, labels) {
        let metadata = pods.child("metadata");
        errors.invalid(&metadata.child("labels"), Bad::Value(labels), MISMATCH);
    }
    if parses {
        template::template(get::at(spec, "template"), tolerated, &pods, errors);
        forever(spec, "ReplicaSet", errors);
    }
    if let Some(old) = old {
        immutable_selector(object, old, errors);
    }
}

/// A selector that has to be there and select something; true if the template is worth checking.
fn required_selector(spec: &Value, lenient: bool, empty: &str, errors: &mut Errors) -> bool {
    let path = SPEC.child("selector");
    let chosen = get::at(spec, "selector");
    if !chosen.is_object() {
        errors.required(&path, "");
        return true;
    }
    selector::label_selector(chosen, lenient, &path, errors);
    if selector::is_empty(chosen) {
        errors.invalid(&path, Bad::Json("{}"), empty);
    }
    if !selector::parses(chosen) {
        errors.invalid(&path, Bad::Json(&selector::show(chosen)), "invalid label selector");
        return false;
    }
    true
}

/// `ValidateDeployment` and its update.
pub(super) fn deployment(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let (tolerated, lenient) = tolerated(old);
    let spec = get::at(object, "spec");
    errors.non_negative(&SPEC.child("replicas"), get::int(spec, "replicas"));
    let parses = required_selector(spec, lenient, "empty selector is invalid for deployment", errors);
    let pods = SPEC.child("template");
    let chosen = get::at(spec, "selector");
    let labels = get::path(spec, &["template", "metadata", "labels"]);
    if parses {
        if !selector::is_empty(chosen) && !selector::matches(chosen, labels) {
            let metadata = pods.child("metadata");
            errors.invalid(&metadata.child("labels"), Bad::Value(labels), MISMATCH);
        }
        template::template(get::at(spec, "template"), tolerated, &pods, errors);
        forever(spec, "ReplicaSet", errors);
    }
    deployment_strategy(get::at(spec, "strategy"), errors);
    let ready = get::int(spec, "minReadySeconds");
    errors.non_negative(&SPEC.child("minReadySeconds"), ready);
    errors.non_negative(&SPEC.child("revisionHistoryLimit"), get::int(spec, "revisionHistoryLimit"));
    if let Some(deadline) = get::int_opt(spec, "progressDeadlineSeconds") {
        let path = SPEC.child("progressDeadlineSeconds");
        errors.non_negative(&path, deadline);
        if deadline <= ready {
            errors.invalid(&path, Bad::Int(deadline), "must be greater than minReadySeconds");
        }
    }
    if let Some(old) = old {
        immutable_selector(object, old, errors);
    }
}

/// `ValidateDeploymentStrategy`.
fn deployment_strategy(strategy: &Value, errors: &mut Errors) {
    let path = SPEC.child("strategy");
    let rolling_path = path.child("rollingUpdate");
    let rolling = get::some(strategy, "rollingUpdate");
    match get::text(strategy, "type") {
        "Recreate" => {
            if rolling.is_some() {
                errors.forbidden(&rolling_path, "may not be specified when strategy `type` is 'Recreate'");
            }
        }
        "RollingUpdate" => {
            let Some(rolling) = rolling else {
                errors.required(&rolling_path, "this should be defaulted and never be nil");
                return;
            };
            let unavailable = get::at(rolling, "maxUnavailable");
            let surge = get::at(rolling, "maxSurge");
            let at = rolling_path.child("maxUnavailable");
            positive_or_percent(unavailable, &at, errors);
            positive_or_percent(surge, &rolling_path.child("maxSurge"), errors);
            if amount(unavailable) == 0 && amount(surge) == 0 {
                errors.invalid(&at, int_or_string(unavailable), "may not be 0 when `maxSurge` is 0");
            }
            at_most_100_percent(unavailable, &at, errors);
        }
        other => {
            errors.unsupported(&path.child("type"), Bad::Named(other), &["Recreate", "RollingUpdate"]);
        }
    }
}
