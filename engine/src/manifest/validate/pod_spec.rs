//! `ValidatePodSpec`, in its order.

use super::affinity::{self, Tolerated};
use super::container;
use super::errors::{Bad, Errors, Path};
use super::resources::{self, Names};
use super::scope::Scope;
use super::{fields, internal, meta, network, security, text, tolerations, volumes, windows};
use crate::manifest::get;

use serde_json::{Value, json};

/// Checks a pod spec; `pod` is the name of the pod, `None` in a template.
pub(super) fn pod_spec(
    spec: &Value,
    pod: Option<&str>,
    tolerated: Tolerated,
    path: &Path<'_>,
    errors: &mut Errors,
) {
    if get::int_opt(spec, "terminationGracePeriodSeconds").is_none() {
        errors.required(&path.child("terminationGracePeriodSeconds"), "");
    }
    let valid = volumes::volumes(get::list(spec, "volumes"), pod, &path.child("volumes"), errors);
    let scope = Scope::new(spec, valid);
    resource_claims(spec, &path.child("resourceClaims"), errors);
    container::containers(&scope, &path.child("containers"), errors);
    container::init_containers(&scope, &path.child("initContainers"), errors);
    container::ephemeral_containers(&scope, &path.child("ephemeralContainers"), errors);
    resources::pod_level(&scope, &path.child("resources"), errors);
    network::host_ports(spec, pod.is_some(), path, errors);
    let restart = get::text(spec, "restartPolicy");
    fields::one_of(restart, &["Always", "OnFailure", "Never"], &path.child("restartPolicy"), errors);
    let dns = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    fields::one_of(get::text(spec, "dnsPolicy"), &dns, &path.child("dnsPolicy"), errors);
    meta::labels(get::at(spec, "nodeSelector"), &path.child("nodeSelector"), errors);
    security::pod(&scope, &path.child("securityContext"), errors);
    affinity::affinity(get::at(spec, "affinity"), tolerated, &path.child("affinity"), errors);
    network::dns_config(spec, &path.child("dnsConfig"), errors);
    gates(spec, path, errors);
    let spread = get::list(spec, "topologySpreadConstraints");
    affinity::topology_spread(spread, tolerated, &path.child("topologySpreadConstraints"), errors);
    windows::host_process(&scope, path, errors);
    host_users(&scope, path, errors);
    network::hostname_override(spec, path, errors);
    names(spec, path, errors);
    scheduling(&scope, path, errors);
    os(spec, path, errors);
}

fn resource_claims(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    let mut seen: Vec<&str> = Vec::new();
    for (i, claim) in get::list(spec, "resourceClaims").iter().enumerate() {
        let path = path.index(i);
        let name = get::text(claim, "name");
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else if seen.contains(&name) {
            errors.duplicate(&path.child("name"), Bad::Text(name));
        } else {
            errors.invalid_each(&path.child("name"), Bad::Text(name), &text::dns_label(name));
            seen.push(name);
        }
        let keys = ["resourceClaimName", "resourceClaimTemplateName"];
        let given = keys.map(|k| get::text_opt(claim, k));
        let shown = internal::resource_claim(claim);
        if given.iter().all(Option::is_some) {
            let detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
            errors.invalid(&path, Bad::Json(&shown), detail);
        }
        if given.iter().all(Option::is_none) {
            let detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            errors.invalid(&path, Bad::Json(&shown), detail);
        }
        for (key, value) in keys.iter().zip(given) {
            if let Some(value) = value {
                errors.invalid_each(&path.child(key), Bad::Text(value), &text::subdomain(value));
            }
        }
    }
}

/// Readiness gates, then scheduling gates.
fn gates(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    let readiness = path.child("readinessGates");
    for (i, gate) in get::list(spec, "readinessGates").iter().enumerate() {
        let kind = get::text(gate, "conditionType");
        let path = readiness.index(i);
        errors.invalid_each(&path.child("conditionType"), Bad::Text(kind), &text::label_key(kind));
    }
    let scheduling = path.child("schedulingGates");
    let mut seen: Vec<&str> = Vec::new();
    for (i, gate) in get::list(spec, "schedulingGates").iter().enumerate() {
        let name = get::text(gate, "name");
        errors.invalid_each(&scheduling.index(i), Bad::Text(name), &text::label_key(name));
        if seen.contains(&name) {
            errors.duplicate(&scheduling.index(i), Bad::Text(name));
        }
        seen.push(name);
    }
}

/// `validateHostUsers`: a user namespace of one's own excludes the host's other namespaces.
fn host_users(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    const DETAIL: &str = "when `hostUsers` is false";
    if scope.host_users() {
        return;
    }
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if get::flag(scope.spec, key) {
            errors.forbidden(&path.child(key), DETAIL);
        }
    }
    windows::visit(scope.spec, |container, list, i| {
        if !get::list(container, "volumeDevices").is_empty() {
            let list = path.child(list);
            let at = list.index(i);
            errors.forbidden(&at.child("volumeDevices"), DETAIL);
        }
    });
}

/// Names and numbers between the user namespace and the tolerations.
fn names(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    for key in ["serviceAccountName", "nodeName"] {
        let name = get::text(spec, key);
        if !name.is_empty() {
            errors.invalid_each(&path.child(key), Bad::Text(name), &text::subdomain(name));
        }
    }
    if let Some(seconds) = get::int_opt(spec, "activeDeadlineSeconds") {
        let max = i64::from(i32::MAX);
        if !(1..=max).contains(&seconds) {
            errors.invalid(&path.child("activeDeadlineSeconds"), Bad::Int(seconds), &text::between(1, max));
        }
    }
    for key in ["hostname", "subdomain"] {
        let name = get::text(spec, key);
        if !name.is_empty() {
            errors.invalid_each(&path.child(key), Bad::Text(name), &text::dns_label(name));
        }
    }
}

/// Tolerations to overhead.
fn scheduling(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let spec = scope.spec;
    tolerations::tolerations(get::list(spec, "tolerations"), &path.child("tolerations"), errors);
    network::host_aliases(get::list(spec, "hostAliases"), &path.child("hostAliases"), errors);
    let priority = get::text(spec, "priorityClassName");
    if !priority.is_empty() {
        errors.invalid_each(
            &path.child("priorityClassName"),
            Bad::Text(priority),
            &text::subdomain(priority),
        );
    }
    if let Some(class) = get::text_opt(spec, "runtimeClassName") {
        errors.invalid_each(&path.child("runtimeClassName"), Bad::Text(class), &text::subdomain(class));
    }
    if let Some(policy) = get::text_opt(spec, "preemptionPolicy") {
        let supported = ["PreemptLowerPriority", "Never"];
        fields::one_of(policy, &supported, &path.child("preemptionPolicy"), errors);
    }
    if let Some(overhead) = get::some(spec, "overhead") {
        let limits = json!({ "limits": overhead });
        resources::requirements(&limits, Names::Container, scope, &path.child("overhead"), errors);
    }
}

fn os(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    let Some(os) = get::some(spec, "os") else { return };
    let at = path.child("os");
    match get::text(os, "name") {
        "" => errors.required(&at.child("name"), "cannot be empty"),
        "linux" => windows::not_windows(spec, path, errors),
        "windows" => windows::not_linux(spec, path, errors),
        other => errors.unsupported(&at, Bad::Named(other), &["linux", "windows"]),
    }
}
