//! Pods, nodes, namespaces, priority classes, disruption budgets and controller revisions.

use super::affinity::Tolerated;
use super::errors::{Bad, Errors, Path};
use super::{container, fields, pod_spec, resources, selector, template, text, tolerations, workloads};
use crate::manifest::get;
use crate::quantity::Quantity;
use serde_json::Value;

const SPEC: Path<'static> = Path::root("spec");
const METADATA: Path<'static> = Path::root("metadata");

/// `ValidatePodCreate`, or the rules of an update: almost nothing of a pod's spec may change.
pub(super) fn pod(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let metadata = get::at(object, "metadata");
    let spec = get::at(object, "spec");
    let annotations = get::at(metadata, "annotations");
    template::pod_annotations(annotations, spec, &METADATA.child("annotations"), errors);
    let tolerated = old.map_or_else(Tolerated::default, |o| Tolerated::from_spec(get::at(o, "spec")));
    pod_spec::pod_spec(spec, Some(get::text(metadata, "name")), tolerated, &SPEC, errors);
    if get::text(spec, "serviceAccountName").is_empty() {
        token_without_account(spec, errors);
    }
    for key in ["containers", "initContainers"] {
        let list = SPEC.child(key);
        for (i, one) in get::list(spec, key).iter().enumerate() {
            container::image_whitespace(one, &list.index(i), errors);
        }
    }
    match old {
        Some(old) => pod_update(object, old, errors),
        None => {
            if !get::list(spec, "ephemeralContainers").is_empty() {
                errors.forbidden(&SPEC.child("ephemeralContainers"), "cannot be set on create");
            }
            if !get::text(spec, "nodeName").is_empty() && !get::list(spec, "schedulingGates").is_empty() {
                let detail = "cannot be set until all schedulingGates have been cleared";
                errors.forbidden(&SPEC.child("nodeName"), detail);
            }
            template::seccomp_agrees(annotations, spec, &SPEC, errors);
            template::app_armor_agrees(annotations, spec, &SPEC, errors);
        }
    }
}

fn token_without_account(spec: &Value, errors: &mut Errors) {
    let volumes = SPEC.child("volumes");
    for (i, volume) in get::list(spec, "volumes").iter().enumerate() {
        let volume_path = volumes.index(i);
        let projected = volume_path.child("projected");
        let sources = projected.child("sources");
        for (j, source) in get::list(get::at(volume, "projected"), "sources").iter().enumerate() {
            if get::some(source, "serviceAccountToken").is_some() {
                let source = sources.index(j);
                let detail = "must not be specified when serviceAccountName is not set";
                errors.forbidden(&source.child("serviceAccountToken"), detail);
            }
        }
    }
}

/// The heart of `ValidatePodUpdate`: images, the deadline, the grace period and tolerations may change.
fn pod_update(object: &Value, old: &Value, errors: &mut Errors) {
    let (mut new, mut old) = (get::at(object, "spec").clone(), get::at(old, "spec").clone());
    for key in ["containers", "initContainers"] {
        let path = SPEC.child(key);
        if get::list(&new, key).len() != get::list(&old, key).len() {
            errors.forbidden(&path, "pod updates may not add or remove containers");
            return;
        }
    }
    let (new_seconds, old_seconds) =
        (get::int_opt(&new, "activeDeadlineSeconds"), get::int_opt(&old, "activeDeadlineSeconds"));
    let path = SPEC.child("activeDeadlineSeconds");
    match (new_seconds, old_seconds) {
        (Some(new), Some(old)) if new > old => {
            errors.invalid(
                &path,
                Bad::Int(new),
                &format!("must be less than or equal to previous value: {old}"),
            );
        }
        (None, Some(_)) => {
            errors.invalid(&path, Bad::Json("null"), "must not update from a positive integer to nil value")
        }
        _ => {}
    }
    let kept = |t: &Value| {
        let mut t = t.clone();
        if let Some(map) = t.as_object_mut() {
            map.remove("tolerationSeconds");
        }
        t
    };
    let now: Vec<Value> = get::list(&new, "tolerations").iter().map(kept).collect();
    if !get::list(&old, "tolerations").iter().all(|t| now.contains(&kept(t))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.forbidden(&SPEC.child("tolerations"), detail);
        return;
    }
    for spec in [&mut new, &mut old] {
        mask_mutable(spec);
    }
    if new != old {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                      `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
                      to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                      previously negative)";
        errors.forbidden(&SPEC, detail);
    }
}

fn mask_mutable(spec: &mut Value) {
    let Some(map) = spec.as_object_mut() else { return };
    for key in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        map.remove(key);
    }
    for key in ["containers", "initContainers"] {
        for container in get::list_mut(map, key) {
            if let Some(container) = container.as_object_mut() {
                container.remove("image");
            }
        }
    }
}

/// `ValidateNode` and `ValidateNodeUpdate`. Taints are reported below `metadata`, as upstream does.
pub(super) fn node(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let spec = get::at(object, "spec");
    tolerations::taints(get::list(spec, "taints"), &METADATA.child("taints"), errors);
    let status = Path::root("status");
    for key in ["capacity", "allocatable"] {
        let path = status.child(key);
        for (resource, value) in get::entries(get::at(object, "status"), key) {
            if let Ok(quantity) = Quantity::parse(value.as_str().unwrap_or("0")) {
                resources::quantity_value(resource, &quantity, &path.child(resource), errors);
            }
        }
    }
    let Some(old) = old else {
        pod_cidrs(spec, errors);
        return;
    };
    let old = get::at(old, "spec");
    let cidrs = get::texts(old, "podCIDRs");
    if !cidrs.is_empty() && cidrs != get::texts(spec, "podCIDRs") {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden(&SPEC.child("podCIDRs"), detail);
    }
    let provider = get::text(old, "providerID");
    if !provider.is_empty() && provider != get::text(spec, "providerID") {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden(&SPEC.child("providerID"), detail);
    }
}

fn pod_cidrs(spec: &Value, errors: &mut Errors) {
    let path = SPEC.child("podCIDRs");
    let cidrs = get::texts(spec, "podCIDRs");
    for (i, cidr) in cidrs.iter().enumerate() {
        let valid = cidr.split_once('/').is_some_and(|(ip, bits)| {
            let max = if ip.contains(':') { 128 } else { 32 };
            text::ip(ip).is_empty() && bits.parse::<u32>().is_ok_and(|b| b <= max)
        });
        if !valid {
            let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            errors.invalid(&path.index(i), Bad::Text(cidr), detail);
        }
        if cidrs[..i].contains(cidr) {
            errors.duplicate(&path.index(i), Bad::Text(cidr));
        }
    }
    let v6 = cidrs.iter().filter(|c| c.contains(':')).count();
    if cidrs.len() > 1 && (cidrs.len() > 2 || v6 != 1) {
        let bad = Bad::Value(get::at(spec, "podCIDRs"));
        errors.invalid(&path, bad, "may specify no more than one CIDR for each IP family");
    }
}

/// `ValidateNamespace`.
pub(super) fn namespace(object: &Value, errors: &mut Errors) {
    let path = SPEC.child("finalizers");
    for finalizer in get::texts(get::at(object, "spec"), "finalizers") {
        errors.invalid_each(&path, Bad::Text(finalizer), &text::label_key(finalizer));
        if !finalizer.contains('/') && !matches!(finalizer, "kubernetes" | "orphan" | "foregroundDeletion") {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&path, Bad::Text(finalizer), detail);
        }
    }
}

/// `ValidatePriorityClass` and its update.
pub(super) fn priority_class(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    const USER_MAX: i64 = 1_000_000_000;
    const SYSTEM: [(&str, i64); 2] =
        [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
    let name = get::text(get::at(object, "metadata"), "name");
    let value = get::int(object, "value");
    if name.starts_with("system-") {
        let known = SYSTEM.iter().any(|&(n, v)| n == name && v == value);
        if !known {
            let detail = match SYSTEM.iter().find(|&&(n, _)| n == name) {
                Some((name, value)) => format!("value of {name} PriorityClass must be {value}"),
                None => "is not a known system priority class".to_owned(),
            };
            let detail = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {detail}"
            );
            errors.forbidden(&METADATA.child("name"), &detail);
        }
    } else if value > USER_MAX {
        let detail = format!("maximum allowed value of a user defined priority is {USER_MAX}");
        errors.forbidden(&Path::root("value"), &detail);
    }
    let policy = get::text(object, "preemptionPolicy");
    fields::one_of(policy, &["PreemptLowerPriority", "Never"], &Path::root("preemptionPolicy"), errors);
    let Some(old) = old else { return };
    if get::int(old, "value") != value {
        errors.forbidden(&Path::root("value"), "may not be changed in an update.");
    }
    if get::text(old, "preemptionPolicy") != policy {
        let bad = Bad::Named(policy);
        errors.invalid(&Path::root("preemptionPolicy"), bad, "field is immutable");
    }
}

/// `ValidatePodDisruptionBudgetSpec`.
pub(super) fn disruption_budget(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let spec = get::at(object, "spec");
    let [min, max] = ["minAvailable", "maxUnavailable"].map(|k| get::at(spec, k));
    if !min.is_null() && !max.is_null() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.invalid(&SPEC, Bad::Value(spec), detail);
    }
    for (key, value) in [("minAvailable", min), ("maxUnavailable", max)] {
        if !value.is_null() {
            workloads::positive_or_percent(value, &SPEC.child(key), errors);
            workloads::at_most_100_percent(value, &SPEC.child(key), errors);
        }
    }
    let lenient = old.is_some_and(|o| selector::has_invalid_value(get::path(o, &["spec", "selector"])));
    selector::label_selector(get::at(spec, "selector"), lenient, &SPEC.child("selector"), errors);
    if let Some(policy) = get::text_opt(spec, "unhealthyPodEvictionPolicy")
        && !matches!(policy, "AlwaysAllow" | "IfHealthyBudget")
    {
        let supported = ["AlwaysAllow", "IfHealthyBudget"];
        errors.unsupported(&SPEC.child("unhealthyPodEvictionPolicy"), Bad::Named(policy), &supported);
    }
}

/// `ValidateControllerRevision` and its update: the data is an object and never changes.
pub(super) fn controller_revision(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let path = Path::root("data");
    let data = get::at(object, "data");
    if data.is_null() {
        errors.required(&path, "data is mandatory");
    } else if !data.is_object() {
        errors.invalid(&path, Bad::Value(data), "data must be a valid JSON object");
    }
    let revision = Path::root("revision");
    errors.non_negative(&revision, get::int(object, "revision"));
    if old.is_some_and(|old| get::at(old, "data") != data) {
        errors.invalid(&path, Bad::Value(data), "field is immutable");
    }
}
