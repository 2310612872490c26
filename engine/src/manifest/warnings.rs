//! Warnings: what the API server accepts and still advises against (`GetWarningsForPodTemplate`).

use super::get;
use super::go;
use super::registry::Kind;
use super::strategy;
use super::validate::Path;
use crate::quantity::Quantity;
use serde_json::Value;

mod ports;
mod volumes;

/// Every warning for an object that was admitted.
pub(crate) fn warnings(kind: &Kind, object: &Value, previous: Option<&Value>) -> Vec<String> {
    let mut out = Vec::new();
    match kind.name {
        "DaemonSet" if previous.is_some_and(|old| !strategy::template_changed(object, old)) => {}
        "DaemonSet" | "ReplicaSet" | "Deployment" => {
            let spec = Path::root("spec");
            let template = get::path(object, &["spec", "template"]);
            let path = spec.child("template");
            pods(template, &path.child("metadata"), &path.child("spec"), true, &mut out);
        }
        "Pod" => pods(object, &Path::root("metadata"), &Path::root("spec"), false, &mut out),
        _ => {}
    }
    out
}

/// Node labels that were renamed.
fn deprecated_label(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => {
            "deprecated since v1.22; use Taints and Tolerations instead"
        }
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

fn pods(pod: &Value, metadata: &Path<'_>, path: &Path<'_>, template: bool, out: &mut Vec<String>) {
    let spec = get::at(pod, "spec");
    let annotations = get::path(pod, &["metadata", "annotations"]);
    node_labels(spec, path, out);
    let at = metadata.child("annotations");
    for (key, message) in [
        ("scheduler.alpha.kubernetes.io/critical-pod", "v1.16+; use the \"priorityClassName\" field instead"),
        ("security.alpha.kubernetes.io/sysctls", "v1.11+; use the \"sysctls\" field instead"),
        ("security.alpha.kubernetes.io/unsafe-sysctls", "v1.11+; use the \"sysctls\" field instead"),
    ] {
        if annotations.get(key).is_some() {
            out.push(format!("{}: non-functional in {message}", at.key(key)));
        }
    }
    volumes::warnings(get::list(spec, "volumes"), &path.child("volumes"), out);
    repeated(get::list(spec, "hostAliases"), "ip", "ip", &path.child("hostAliases"), out);
    let secrets = path.child("imagePullSecrets");
    repeated(get::list(spec, "imagePullSecrets"), "name", "name", &secrets, out);
    for (i, secret) in get::list(spec, "imagePullSecrets").iter().enumerate() {
        if get::text(secret, "name").is_empty() {
            out.push(format!("{}: invalid empty name \"\"", secrets.index(i).child("name")));
        }
    }
    let overhead = path.child("overhead");
    fractional(get::at(spec, "overhead"), &overhead, out);
    let own_seccomp = get::path(spec, &["securityContext", "seccompProfile"]);
    const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
    if own_seccomp.is_null() && annotations.get(SECCOMP).is_some() {
        let text = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
        out.push(format!("{}: {text}", at.key(SECCOMP)));
    }
    containers(spec, annotations, &at, path, template, out);
    ports::warnings(spec, path, out);
    if get::int(spec, "terminationGracePeriodSeconds") < 0 {
        let text = "must be >= 0; negative values are invalid and will be treated as 1";
        out.push(format!("{}: {text}", path.child("terminationGracePeriodSeconds")));
    }
    pod_affinity(spec, path, out);
}

fn node_labels(spec: &Value, path: &Path<'_>, out: &mut Vec<String>) {
    let selector = path.child("nodeSelector");
    for (key, _) in get::entries(spec, "nodeSelector") {
        if let Some(message) = deprecated_label(key) {
            out.push(format!("{}: {message}", selector.key(key)));
        }
    }
    let affinity = get::path(spec, &["affinity", "nodeAffinity"]);
    let affinity_path = path.child("affinity");
    let affinity_path = affinity_path.child("nodeAffinity");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let terms_path = affinity_path.child(required);
    let terms_path = terms_path.child("nodeSelectorTerms");
    for (i, term) in get::list(get::at(affinity, required), "nodeSelectorTerms").iter().enumerate() {
        term_labels(term, &terms_path.index(i), false, out);
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    let preferred_path = affinity_path.child(preferred);
    for (i, term) in get::list(affinity, preferred).iter().enumerate() {
        let path = preferred_path.index(i);
        term_labels(get::at(term, "preference"), &path.child("preference"), true, out);
    }
    let spread = path.child("topologySpreadConstraints");
    for (i, constraint) in get::list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = spread.index(i);
        let key = get::text(constraint, "topologyKey");
        if let Some(message) = deprecated_label(key) {
            out.push(format!("{}: {key} is {message}", path.child("topologyKey")));
        }
        null_selector(constraint, &path, out);
    }
}

fn null_selector(owner: &Value, path: &Path<'_>, out: &mut Vec<String>) {
    if get::some(owner, "labelSelector").is_none() {
        out.push(format!("{}: a null labelSelector results in matching no pod", path.child("labelSelector")));
    }
}

fn term_labels(term: &Value, path: &Path<'_>, values: bool, out: &mut Vec<String>) {
    let expressions = path.child("matchExpressions");
    for (i, expression) in get::list(term, "matchExpressions").iter().enumerate() {
        let path = expressions.index(i);
        let key = get::text(expression, "key");
        if let Some(message) = deprecated_label(key) {
            out.push(format!("{}: {key} is {message}", path.child("key")));
        }
        if values {
            let at = path.child("values");
            for (j, value) in get::texts(expression, "values").iter().enumerate() {
                for message in super::validate::text::label_value(value) {
                    out.push(format!("{}: {value} is invalid, {message}", at.index(j)));
                }
            }
        }
    }
}

/// Elements whose `key` was there before.
fn repeated(items: &[Value], key: &str, what: &str, path: &Path<'_>, out: &mut Vec<String>) {
    let mut seen = rustc_hash::FxHashSet::default();
    for (i, item) in items.iter().enumerate() {
        let value = get::text(item, key);
        if !seen.insert(value) && items.len() > 1 {
            out.push(format!("{}: duplicate {what} {}", path.index(i).child(key), go::quote(value)));
        }
    }
}

/// Memory in fractions of a byte.
fn fractional(resources: &Value, path: &Path<'_>, out: &mut Vec<String>) {
    for key in ["memory", "ephemeral-storage"] {
        let Some(Ok(quantity)) = get::text_opt(resources, key).map(Quantity::parse) else { continue };
        if quantity.milli() % 1000 != 0 {
            let shown = go::quote(&quantity.canonical());
            out.push(format!(
                "{}: fractional byte value {shown} is invalid, must be an integer",
                path.key(key)
            ));
        }
    }
}

fn containers(
    spec: &Value,
    annotations: &Value,
    annotations_path: &Path<'_>,
    path: &Path<'_>,
    template: bool,
    out: &mut Vec<String>,
) {
    let armoured = |owner: &Value| !get::path(owner, &["securityContext", "appArmorProfile"]).is_null();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let list_path = path.child(list);
        for (i, container) in get::list(spec, list).iter().enumerate() {
            let path = list_path.index(i);
            let name = get::text(container, "name");
            let key = format!("container.seccomp.security.alpha.kubernetes.io/{name}");
            let unset = get::path(container, &["securityContext", "seccompProfile"]).is_null();
            if unset && annotations.get(&key).is_some() {
                let text = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
                out.push(format!("{}: {text}", annotations_path.key(&key)));
            }
            let key = format!("container.apparmor.security.beta.kubernetes.io/{name}");
            if template && !armoured(spec) && !armoured(container) && annotations.get(&key).is_some() {
                let text = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
                out.push(format!("{}: {text}", annotations_path.key(&key)));
            }
            let resources = get::at(container, "resources");
            let resources_path = path.child("resources");
            fractional_container(resources, &resources_path, out);
            env(get::list(container, "env"), &path.child("env"), out);
        }
    }
}

fn fractional_container(resources: &Value, path: &Path<'_>, out: &mut Vec<String>) {
    let (limits, requests) = (get::at(resources, "limits"), get::at(resources, "requests"));
    let mut found = Vec::new();
    fractional(limits, &path.child("limits"), &mut found);
    fractional(requests, &path.child("requests"), &mut found);
    // Memory first, then storage; limits before requests.
    found.sort_by_key(|text| text.contains("[ephemeral-storage]"));
    out.extend(found);
}

/// A variable that hides an earlier one of its name.
fn env(vars: &[Value], path: &Path<'_>, out: &mut Vec<String>) {
    let mut seen = rustc_hash::FxHashSet::default();
    for (i, var) in vars.iter().enumerate() {
        let name = get::text(var, "name");
        if seen.insert(name) {
            continue;
        }
        let reference = format!("$({name})");
        let value = get::text(var, "value");
        let hides =
            get::some(var, "valueFrom").is_some() || value == reference || !value.contains(&reference);
        if hides {
            let text = "which may be dropped when using apply";
            out.push(format!("{}: hides previous definition of {}, {text}", path.index(i), go::quote(name)));
        }
    }
}

fn pod_affinity(spec: &Value, path: &Path<'_>, out: &mut Vec<String>) {
    let affinity_path = path.child("affinity");
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = get::path(spec, &["affinity", kind]);
        let path = affinity_path.child(kind);
        let key = "requiredDuringSchedulingIgnoredDuringExecution";
        let required = path.child(key);
        for (i, term) in get::list(affinity, key).iter().enumerate() {
            null_selector(term, &required.index(i), out);
        }
        let key = "preferredDuringSchedulingIgnoredDuringExecution";
        let preferred = path.child(key);
        for (i, term) in get::list(affinity, key).iter().enumerate() {
            let path = preferred.index(i);
            null_selector(get::at(term, "podAffinityTerm"), &path.child("podAffinityTerm"), out);
        }
    }
}
