//! Node affinity, pod affinity and topology spread.

use super::errors::{Bad, Errors, Path};
use super::{selector, text};
use crate::manifest::get;
use rustc_hash::FxHashSet;
use serde_json::Value;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// What an object that is being updated already had wrong, and may keep.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tolerated {
    /// Invalid values in label selectors.
    pub selector_values: bool,
    /// Invalid values in required node affinity.
    pub node_affinity_values: bool,
    /// Invalid selectors of spread constraints.
    pub spread_selectors: bool,
}

impl Tolerated {
    /// What `old`, a pod spec, has.
    pub fn from_spec(old: &Value) -> Self {
        let affinity = get::at(old, "affinity");
        let mut tolerated = Self::default();
        for kind in ["podAffinity", "podAntiAffinity"] {
            let affinity = get::at(affinity, kind);
            let preferred = get::list(affinity, PREFERRED).iter().map(|t| get::at(t, "podAffinityTerm"));
            tolerated.selector_values |= get::list(affinity, REQUIRED)
                .iter()
                .chain(preferred)
                .any(|t| selector::has_invalid_value(get::at(t, "labelSelector")));
        }
        let terms = get::path(affinity, &["nodeAffinity", REQUIRED]);
        tolerated.node_affinity_values = get::list(terms, "nodeSelectorTerms")
            .iter()
            .flat_map(|t| get::list(t, "matchExpressions"))
            .flat_map(|e| get::texts(e, "values"))
            .any(|v| !text::label_value(v).is_empty());
        tolerated.spread_selectors = get::list(old, "topologySpreadConstraints").iter().any(|c| {
            let mut errors = Errors::default();
            selector::label_selector(get::at(c, "labelSelector"), false, &Path::root(""), &mut errors);
            errors.len() > 0
        });
        tolerated
    }
}

/// `validateAffinity`.
pub(super) fn affinity(affinity: &Value, tolerated: Tolerated, path: &Path<'_>, errors: &mut Errors) {
    if let Some(node) = get::some(affinity, "nodeAffinity") {
        node_affinity(node, tolerated.node_affinity_values, &path.child("nodeAffinity"), errors);
    }
    for key in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = get::some(affinity, key) {
            pod_affinity(pods, tolerated.selector_values, &path.child(key), errors);
        }
    }
}

fn node_affinity(affinity: &Value, lenient: bool, path: &Path<'_>, errors: &mut Errors) {
    if let Some(required) = get::some(affinity, REQUIRED) {
        let path = path.child(REQUIRED);
        let path = path.child("nodeSelectorTerms");
        let terms = get::list(required, "nodeSelectorTerms");
        if terms.is_empty() {
            errors.required(&path, "must have at least one node selector term");
        }
        for (i, term) in terms.iter().enumerate() {
            node_term(term, lenient, &path.index(i), errors);
        }
    }
    let path = path.child(PREFERRED);
    for (i, term) in get::list(affinity, PREFERRED).iter().enumerate() {
        let path = path.index(i);
        weight(term, &path, errors);
        // Values are never checked here: a preference with a bad one still works on some clusters.
        node_term(get::at(term, "preference"), true, &path.child("preference"), errors);
    }
}

fn weight(term: &Value, path: &Path<'_>, errors: &mut Errors) {
    let weight = get::int(term, "weight");
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), Bad::Int(weight), "must be in the range 1-100");
    }
}

fn node_term(term: &Value, lenient: bool, path: &Path<'_>, errors: &mut Errors) {
    let expressions = path.child("matchExpressions");
    for (i, expression) in get::list(term, "matchExpressions").iter().enumerate() {
        node_requirement(expression, lenient, &expressions.index(i), errors);
    }
    let fields = path.child("matchFields");
    for (i, field) in get::list(term, "matchFields").iter().enumerate() {
        field_requirement(field, &fields.index(i), errors);
    }
}

/// `ValidateNodeSelectorRequirement`.
fn node_requirement(expression: &Value, lenient: bool, path: &Path<'_>, errors: &mut Errors) {
    let values = get::texts(expression, "values");
    let at = path.child("values");
    match get::text(expression, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&at, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errors.required(&at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.invalid(&path.child("operator"), Bad::Named(other), "not a valid selector operator"),
    }
    let key = get::text(expression, "key");
    errors.invalid_each(&path.child("key"), Bad::Text(key), &text::label_key(key));
    if !lenient {
        selector::label_values(&values, &at, errors);
    }
}

/// `ValidateNodeFieldSelectorRequirement`: only `metadata.name`.
fn field_requirement(field: &Value, path: &Path<'_>, errors: &mut Errors) {
    let values = get::texts(field, "values");
    let at = path.child("values");
    match get::text(field, "operator") {
        "In" | "NotIn" if values.len() != 1 => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.required(&at, detail);
        }
        "In" | "NotIn" => {}
        other => errors.invalid(&path.child("operator"), Bad::Named(other), "not a valid selector operator"),
    }
    let key = get::text(field, "key");
    if key != "metadata.name" {
        errors.invalid(&path.child("key"), Bad::Text(key), "not a valid field selector key");
        return;
    }
    for (i, value) in values.iter().enumerate() {
        errors.invalid_each(&at.index(i), Bad::Text(value), &text::subdomain(value));
    }
}

fn pod_affinity(affinity: &Value, lenient: bool, path: &Path<'_>, errors: &mut Errors) {
    let required = path.child(REQUIRED);
    for (i, term) in get::list(affinity, REQUIRED).iter().enumerate() {
        pod_term(term, lenient, &required.index(i), errors);
    }
    let preferred = path.child(PREFERRED);
    for (i, term) in get::list(affinity, PREFERRED).iter().enumerate() {
        let path = preferred.index(i);
        weight(term, &path, errors);
        pod_term(get::at(term, "podAffinityTerm"), lenient, &path.child("podAffinityTerm"), errors);
    }
}

/// `validatePodAffinityTerm`.
fn pod_term(term: &Value, lenient: bool, path: &Path<'_>, errors: &mut Errors) {
    for key in ["labelSelector", "namespaceSelector"] {
        selector::label_selector(get::at(term, key), lenient, &path.child(key), errors);
    }
    for name in get::texts(term, "namespaces") {
        errors.invalid_each(&path.child("namespace"), Bad::Text(name), &text::dns_label(name));
    }
    match_label_keys(term, path, errors);
    let key = get::text(term, "topologyKey");
    if key.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    errors.invalid_each(&path.child("topologyKey"), Bad::Text(key), &text::label_key(key));
}

/// `validateMatchLabelKeysAndMismatchLabelKeys`.
fn match_label_keys(term: &Value, path: &Path<'_>, errors: &mut Errors) {
    let matching = get::texts(term, "matchLabelKeys");
    let mismatching = get::texts(term, "mismatchLabelKeys");
    let labels = get::some(term, "labelSelector");
    for (name, keys) in [("matchLabelKeys", &matching), ("mismatchLabelKeys", &mismatching)] {
        let path = path.child(name);
        if !keys.is_empty() && labels.is_none() {
            errors.forbidden(&path, "must not be specified when labelSelector is not set");
            continue;
        }
        for (i, key) in keys.iter().enumerate() {
            errors.invalid_each(&path.index(i), Bad::Text(key), &text::label_key(key));
        }
    }
    if let Some(labels) = labels {
        let mut seen: FxHashSet<&str> = get::entries(labels, "matchLabels").map(|(k, _)| k).collect();
        for expression in get::list(labels, "matchExpressions") {
            let key = get::text(expression, "key");
            if let Some(i) = matching.iter().rposition(|k| *k == key).filter(|_| seen.contains(key)) {
                let detail = "exists in both matchLabelKeys and labelSelector";
                errors.invalid(&path.index(i), Bad::Text(key), detail);
            }
            seen.insert(key);
        }
    }
    let path = path.child("matchLabelKeys");
    for (i, key) in matching.iter().enumerate().filter(|(_, k)| mismatching.contains(k)) {
        let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
        errors.invalid(&path.index(i), Bad::Text(key), detail);
    }
}

/// `validateTopologySpreadConstraints`.
pub(super) fn topology_spread(list: &[Value], tolerated: Tolerated, path: &Path<'_>, errors: &mut Errors) {
    for (i, constraint) in list.iter().enumerate() {
        let path = path.index(i);
        let skew = get::int(constraint, "maxSkew");
        if skew <= 0 {
            errors.invalid(&path.child("maxSkew"), Bad::Int(skew), "must be greater than zero");
        }
        let key = get::text(constraint, "topologyKey");
        if key.is_empty() {
            errors.required(&path.child("topologyKey"), "can not be empty");
        }
        let action = get::text(constraint, "whenUnsatisfiable");
        if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
            let supported = ["DoNotSchedule", "ScheduleAnyway"];
            errors.unsupported(&path.child("whenUnsatisfiable"), Bad::Named(action), &supported);
        }
        let same =
            |c: &Value| get::text(c, "topologyKey") == key && get::text(c, "whenUnsatisfiable") == action;
        if list[i + 1..].iter().any(same) {
            let pair = format!("{{{key}, {action}}}");
            errors.duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), Bad::Text(&pair));
        }
        min_domains(constraint, action, &path.child("minDomains"), errors);
        for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if let Some(policy) = get::text_opt(constraint, key).filter(|p| !matches!(*p, "Honor" | "Ignore"))
            {
                errors.unsupported(&path.child(key), Bad::Named(policy), &["Honor", "Ignore"]);
            }
        }
        spread_label_keys(constraint, &path.child("matchLabelKeys"), errors);
        if !tolerated.spread_selectors {
            let labels = get::at(constraint, "labelSelector");
            selector::label_selector(labels, false, &path.child("labelSelector"), errors);
        }
    }
}

fn min_domains(constraint: &Value, action: &str, path: &Path<'_>, errors: &mut Errors) {
    let Some(domains) = get::int_opt(constraint, "minDomains") else { return };
    if domains <= 0 {
        errors.invalid(path, Bad::Int(domains), "must be greater than zero");
    }
    if action != "DoNotSchedule" {
        let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.invalid(path, Bad::Int(domains), &detail);
    }
}

fn spread_label_keys(constraint: &Value, path: &Path<'_>, errors: &mut Errors) {
    let keys = get::texts(constraint, "matchLabelKeys");
    if keys.is_empty() {
        return;
    }
    let labels = get::some(constraint, "labelSelector");
    if labels.is_none() {
        errors.forbidden(path, "must not be specified when labelSelector is not set");
    }
    let used: FxHashSet<&str> = labels
        .into_iter()
        .flat_map(|l| {
            let expressions = get::list(l, "matchExpressions").iter().map(|e| get::text(e, "key"));
            get::entries(l, "matchLabels").map(|(k, _)| k).chain(expressions)
        })
        .collect();
    for (i, key) in keys.iter().enumerate() {
        errors.invalid_each(&path.index(i), Bad::Text(key), &text::label_key(key));
        if used.contains(key) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            errors.invalid(&path.index(i), Bad::Text(key), detail);
        }
    }
}
