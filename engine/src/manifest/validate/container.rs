//! Containers of every sort: `validateContainers`, `validateInitContainers`, `validateEphemeralContainers`.

use super::errors::{Bad, Errors, Path};
use super::fields::{one_of, pull_policy};
use super::scope::Scope;
use super::{env, mounts, probe, resources, security, text};
use crate::manifest::get;
use rustc_hash::FxHashSet;
use serde_json::Value;

/// Regular containers.
pub(super) fn containers(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let list = get::list(scope.spec, "containers");
    if list.is_empty() {
        errors.required(path, "");
        return;
    }
    let mut names = FxHashSet::default();
    for (i, container) in list.iter().enumerate() {
        let path = path.index(i);
        common(container, scope, &path, errors);
        let name = get::text(container, "name");
        if !names.insert(name) {
            errors.duplicate(&path.child("name"), Bad::Text(name));
        }
        lifecycle_and_probes(container, scope, &path, errors);
        restart_policy(container, &path, errors);
    }
    host_port_conflicts(list, path, errors);
}

fn lifecycle_and_probes(container: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    if let Some(lifecycle) = get::some(container, "lifecycle") {
        probe::lifecycle(lifecycle, scope, &path.child("lifecycle"), errors);
    }
    probe::probes(container, path, errors);
}

/// Init containers; those that restart always are sidecars and may have probes.
pub(super) fn init_containers(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    const ONLY: &str = "may not be set for init containers without restartPolicy=Always";
    let regular = get::list(scope.spec, "containers");
    let mut names: FxHashSet<&str> = regular.iter().map(|c| get::text(c, "name")).collect();
    for (i, container) in get::list(scope.spec, "initContainers").iter().enumerate() {
        let list = path;
        let path = path.index(i);
        common(container, scope, &path, errors);
        restart_policy(container, &path, errors);
        let name = get::text(container, "name");
        if names.contains(name) {
            errors.duplicate(&path.child("name"), Bad::Text(name));
        } else if !name.is_empty() {
            names.insert(name);
        }
        // Checked one by one, as lists of one element: the index is always 0.
        host_port_conflicts(std::slice::from_ref(container), list, errors);
        if get::text(container, "restartPolicy") == "Always" {
            lifecycle_and_probes(container, scope, &path, errors);
        } else {
            for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if get::some(container, key).is_some() {
                    errors.forbidden(&path.child(key), ONLY);
                }
            }
        }
    }
}

/// `validateContainerRestartPolicy`: the policy and its rules.
fn restart_policy(container: &Value, path: &Path<'_>, errors: &mut Errors) {
    const RULES_MAX: usize = 20;
    const CODES_MAX: usize = 255;
    let rules = get::list(container, "restartPolicyRules");
    let at = path.child("restartPolicy");
    match get::text_opt(container, "restartPolicy") {
        None => {
            if !rules.is_empty() {
                errors.required(&at, "must specify restartPolicy when restart rules are used");
            }
            return;
        }
        Some("Always" | "Never" | "OnFailure") => {}
        Some(other) => errors.unsupported(&at, Bad::Named(other), &["Always", "Never", "OnFailure"]),
    }
    let list = path.child("restartPolicyRules");
    if rules.len() > RULES_MAX {
        errors.too_many(&list, rules.len(), RULES_MAX);
    }
    for (i, rule) in rules.iter().enumerate() {
        let path = list.index(i);
        let action = get::text(rule, "action");
        if !matches!(action, "Restart" | "RestartAllContainers") {
            errors.unsupported(
                &path.child("action"),
                Bad::Named(action),
                &["Restart", "RestartAllContainers"],
            );
        }
        let Some(codes) = get::some(rule, "exitCodes") else {
            errors.required(&path.child("exitCodes"), "must be specified");
            continue;
        };
        let path = path.child("exitCodes");
        let operator = get::text(codes, "operator");
        if !matches!(operator, "In" | "NotIn") {
            errors.unsupported(&path.child("operator"), Bad::Named(operator), &["In", "NotIn"]);
        }
        let values = get::list(codes, "values").len();
        if values > CODES_MAX {
            errors.too_many(&path.child("values"), values, CODES_MAX);
        }
    }
}

/// Ephemeral containers. Templates may have none at all, but what is there is checked first.
pub(super) fn ephemeral_containers(scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    const REFUSED: [&str; 7] = [
        "ports",
        "resources",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "restartPolicy",
    ];
    const DETAIL: &str = "cannot be set for an Ephemeral Container";
    let others = ["containers", "initContainers"];
    let others: FxHashSet<&str> =
        others.iter().flat_map(|k| get::list(scope.spec, k)).map(|c| get::text(c, "name")).collect();
    let mut names = others.clone();
    for (i, container) in get::list(scope.spec, "ephemeralContainers").iter().enumerate() {
        let path = path.index(i);
        common(container, scope, &path, errors);
        image_whitespace(container, &path, errors);
        let name = get::text(container, "name");
        if !names.insert(name) {
            errors.duplicate(&path.child("name"), Bad::Text(name));
        }
        let target = get::text(container, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            errors.not_found(&path.child("targetContainerName"), Bad::Text(target), "");
        }
        for key in REFUSED {
            let value = get::at(container, key);
            let unset = value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || (key == "resources" && value.as_object().is_some_and(serde_json::Map::is_empty));
            if !unset {
                errors.forbidden(&path.child(key), DETAIL);
            }
        }
        for (j, mount) in get::list(container, "volumeMounts").iter().enumerate() {
            let mounts = path.child("volumeMounts");
            for key in ["subPath", "subPathExpr"] {
                if !get::text(mount, key).is_empty() {
                    errors.forbidden(&mounts.index(j).child(key), DETAIL);
                }
            }
        }
    }
}

/// Pods, unlike templates, may not pad their images.
pub(super) fn image_whitespace(container: &Value, path: &Path<'_>, errors: &mut Errors) {
    let image = get::text(container, "image");
    if image.trim().len() != image.len() {
        let detail = "must not have leading or trailing whitespace";
        errors.invalid(&path.child("image"), Bad::Text(image), detail);
    }
}

/// `validateContainerCommon`.
fn common(container: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let name = get::text(container, "name");
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    } else {
        errors.invalid_each(&path.child("name"), Bad::Text(name), &text::dns_label(name));
    }
    if get::text(container, "image").is_empty() {
        errors.required(&path.child("image"), "");
    }
    let policy = get::text(container, "terminationMessagePolicy");
    one_of(policy, &["File", "FallbackToLogsOnError"], &path.child("terminationMessagePolicy"), errors);
    ports(get::list(container, "ports"), &path.child("ports"), errors);
    env::env(get::list(container, "env"), scope, &path.child("env"), errors);
    env::env_from(get::list(container, "envFrom"), &path.child("envFrom"), errors);
    mounts::volume_mounts(container, scope, &path.child("volumeMounts"), errors);
    mounts::volume_devices(container, scope, &path.child("volumeDevices"), errors);
    pull_policy(get::text(container, "imagePullPolicy"), &path.child("imagePullPolicy"), errors);
    let requirements = get::at(container, "resources");
    resources::requirements(
        requirements,
        resources::Names::Container,
        scope,
        &path.child("resources"),
        errors,
    );
    resize_policy(container, scope, &path.child("resizePolicy"), errors);
    security::container(get::at(container, "securityContext"), scope, &path.child("securityContext"), errors);
}

fn ports(ports: &[Value], path: &Path<'_>, errors: &mut Errors) {
    let mut names = FxHashSet::default();
    for (i, port) in ports.iter().enumerate() {
        let path = path.index(i);
        let name = get::text(port, "name");
        if !name.is_empty() {
            let details = text::port_name(name);
            errors.invalid_each(&path.child("name"), Bad::Text(name), &details);
            if details.is_empty() && !names.insert(name) {
                errors.duplicate(&path.child("name"), Bad::Text(name));
            }
        }
        let number = get::int(port, "containerPort");
        if number == 0 {
            errors.required(&path.child("containerPort"), "");
        } else {
            errors.invalid_each(&path.child("containerPort"), Bad::Int(number), &text::port_number(number));
        }
        let host = get::int(port, "hostPort");
        if host != 0 {
            errors.invalid_each(&path.child("hostPort"), Bad::Int(host), &text::port_number(host));
        }
        one_of(get::text(port, "protocol"), &["SCTP", "TCP", "UDP"], &path.child("protocol"), errors);
    }
}

/// Equal protocol, host address and host port twice; an address of 0.0.0.0 is just another address here.
fn host_port_conflicts(containers: &[Value], path: &Path<'_>, errors: &mut Errors) {
    let mut seen = FxHashSet::default();
    for (i, container) in containers.iter().enumerate() {
        for (j, port) in get::list(container, "ports").iter().enumerate() {
            let host = get::int(port, "hostPort");
            if host == 0 {
                continue;
            }
            let key = format!("{}/{}/{host}", get::text(port, "protocol"), get::text(port, "hostIP"));
            if seen.contains(&key) {
                let container = path.index(i);
                let ports = container.child("ports");
                errors.duplicate(&ports.index(j).child("hostPort"), Bad::Text(&key));
            } else {
                seen.insert(key);
            }
        }
    }
}

fn resize_policy(container: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let mut seen = FxHashSet::default();
    for (i, policy) in get::list(container, "resizePolicy").iter().enumerate() {
        let name = get::text(policy, "resourceName");
        if !seen.insert(name) {
            errors.duplicate(&path.index(i), Bad::Named(name));
        }
        one_of(name, &["cpu", "memory"], path, errors);
        let restart = get::text(policy, "restartPolicy");
        one_of(restart, &["NotRequired", "RestartContainer"], path, errors);
        if get::text(scope.spec, "restartPolicy") == "Never" && restart != "NotRequired" {
            let detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.invalid(path, Bad::Named(restart), detail);
        }
    }
}
