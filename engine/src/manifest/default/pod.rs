//! Defaults of pods and pod templates: `SetDefaults_PodSpec` and everything below it, `SetDefaults_Pod`.

use super::{Object, child, for_each, image, set, set_int, set_text};
use crate::manifest::get::object_mut;
use crate::quantity::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// A pod template: what a controller's pods are made from.
pub(super) fn template(template: &mut Object) {
    drop_old_annotations(template);
    if let Some(spec) = object_mut(template, "spec") {
        pod_spec(spec);
    }
}

/// Annotations of a removed alpha feature vanish on conversion.
fn drop_old_annotations(object: &mut Object) {
    let Some(annotations) = child(object, "metadata").and_then(|m| child(m, "annotations")) else { return };
    for key in ["init-containers", "init-container-statuses"] {
        annotations.remove(&format!("pod.beta.kubernetes.io/{key}"));
        annotations.remove(&format!("pod.alpha.kubernetes.io/{key}"));
    }
}

fn pod_spec(spec: &mut Object) {
    // The deprecated alias and the field are one.
    let name = |spec: &Object, key: &str| spec.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let account = name(spec, "serviceAccountName");
    let account = if account.is_empty() { name(spec, "serviceAccount") } else { account };
    if !account.is_empty() {
        spec.insert("serviceAccountName".to_owned(), account.clone().into());
        spec.insert("serviceAccount".to_owned(), account.into());
    }
    set_text(spec, "dnsPolicy", "ClusterFirst");
    set_text(spec, "restartPolicy", "Always");
    object_mut(spec, "securityContext");
    set(spec, "terminationGracePeriodSeconds", 30);
    set_text(spec, "schedulerName", "default-scheduler");
    drop_gated(spec);
    resource_list(spec, "overhead");
    for_each(spec, "volumes", volume);
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for_each(spec, list, container);
    }
    if let Some(resources) = child(spec, "resources") {
        resource_list(resources, "limits");
        resource_list(resources, "requests");
    }
}

/// Fields behind feature gates that are off in a stock 1.36: dropped without a word.
fn drop_gated(spec: &mut Object) {
    spec.remove("schedulingGroup");
    for_each(spec, "volumes", |volume| {
        if let Some(projected) = child(volume, "projected") {
            for_each(projected, "sources", |source| {
                source.remove("clusterTrustBundle");
                source.remove("podCertificate");
            });
        }
    });
    for list in ["containers", "initContainers"] {
        for_each(spec, list, |container| {
            let Some(lifecycle) = child(container, "lifecycle") else { return };
            lifecycle.remove("stopSignal");
            // What held nothing but the signal goes with it.
            if !lifecycle.values().any(Value::is_object) {
                container.remove("lifecycle");
            }
        });
    }
}

/// Rounds every quantity up to thousandths.
pub(super) fn resource_list(object: &mut Object, key: &str) {
    for value in object.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(|m| m.values_mut()) {
        if let Some(Ok(mut quantity)) = value.as_str().map(Quantity::parse) {
            quantity.round_up(-3);
            *value = quantity.canonical().into();
        }
    }
}

fn volume(volume: &mut Object) {
    let has_source = volume.iter().any(|(key, value)| key != "name" && value.is_object());
    if !has_source {
        object_mut(volume, "emptyDir");
    }
    if let Some(source) = child(volume, "hostPath") {
        set(source, "type", "");
    }
    for key in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = child(volume, key) {
            set(source, "defaultMode", 0o644);
        }
    }
    if let Some(source) = child(volume, "downwardAPI") {
        for_each(source, "items", downward_file);
    }
    if let Some(source) = child(volume, "projected") {
        for_each(source, "sources", projection);
    }
    if let Some(source) = child(volume, "iscsi") {
        set_text(source, "iscsiInterface", "default");
    }
    if let Some(source) = child(volume, "rbd") {
        set_text(source, "pool", "rbd");
        set_text(source, "user", "admin");
        set_text(source, "keyring", "/etc/ceph/keyring");
    }
    if let Some(source) = child(volume, "azureDisk") {
        set(source, "cachingMode", "ReadWrite");
        set(source, "kind", "Shared");
        set(source, "fsType", "ext4");
        set(source, "readOnly", false);
    }
    if let Some(source) = child(volume, "scaleIO") {
        set_text(source, "storageMode", "ThinProvisioned");
        set_text(source, "fsType", "xfs");
    }
    if let Some(source) = child(volume, "image") {
        let reference = source.get("reference").and_then(Value::as_str).unwrap_or("");
        let policy = pull_policy(reference);
        set_text(source, "pullPolicy", policy);
    }
    let claim = child(volume, "ephemeral").and_then(|e| child(e, "volumeClaimTemplate"));
    if let Some(spec) = claim.and_then(|c| object_mut(c, "spec")) {
        set(spec, "volumeMode", "Filesystem");
        if let Some(resources) = child(spec, "resources") {
            resource_list(resources, "limits");
            resource_list(resources, "requests");
        }
    }
}

fn projection(source: &mut Object) {
    if let Some(token) = child(source, "serviceAccountToken") {
        set(token, "expirationSeconds", 3600);
    }
    if let Some(downward) = child(source, "downwardAPI") {
        for_each(downward, "items", downward_file);
    }
    if let Some(certificate) = child(source, "podCertificate") {
        set(certificate, "maxExpirationSeconds", 86400);
    }
}

fn downward_file(file: &mut Object) {
    if let Some(field) = child(file, "fieldRef") {
        set_text(field, "apiVersion", "v1");
    }
}

fn pull_policy(reference: &str) -> &'static str {
    if image::tag(reference).as_deref() == Some("latest") { "Always" } else { "IfNotPresent" }
}

fn container(container: &mut Object) {
    let policy = pull_policy(container.get("image").and_then(Value::as_str).unwrap_or(""));
    set_text(container, "imagePullPolicy", policy);
    set_text(container, "terminationMessagePath", "/dev/termination-log");
    set_text(container, "terminationMessagePolicy", "File");
    for_each(container, "ports", |port| set_text(port, "protocol", "TCP"));
    for_each(container, "env", |env| {
        if let Some(from) = child(env, "valueFrom") {
            if let Some(field) = child(from, "fieldRef") {
                set_text(field, "apiVersion", "v1");
            }
            if let Some(file) = child(from, "fileKeyRef") {
                set(file, "optional", false);
            }
        }
    });
    if let Some(resources) = child(container, "resources") {
        resource_list(resources, "limits");
        resource_list(resources, "requests");
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = child(container, key) {
            set_int(probe, "timeoutSeconds", 1);
            set_int(probe, "periodSeconds", 10);
            set_int(probe, "successThreshold", 1);
            set_int(probe, "failureThreshold", 3);
            handler(probe);
            if let Some(grpc) = child(probe, "grpc") {
                set(grpc, "service", "");
            }
        }
    }
    if let Some(lifecycle) = child(container, "lifecycle") {
        for key in ["postStart", "preStop"] {
            if let Some(hook) = child(lifecycle, key) {
                handler(hook);
            }
        }
    }
}

fn handler(handler: &mut Object) {
    if let Some(http) = child(handler, "httpGet") {
        set_text(http, "path", "/");
        set_text(http, "scheme", "HTTP");
    }
}

/// A pod of its own: also what `SetDefaults_Pod` adds, which templates do not get.
pub(super) fn pod(object: &mut Object) {
    drop_old_annotations(object);
    let Some(spec) = object_mut(object, "spec") else { return };
    pod_spec(spec);
    for list in ["containers", "initContainers"] {
        for_each(spec, list, |container| {
            if let Some(resources) = child(container, "resources") {
                requests_from_limits(resources);
            }
        });
    }
    pod_level_requests(spec);
    set(spec, "enableServiceLinks", true);
    if spec.get("hostNetwork").and_then(Value::as_bool) == Some(true) {
        for list in ["containers", "initContainers"] {
            for_each(spec, list, |container| {
                for_each(container, "ports", |port| {
                    let own = port.get("containerPort").and_then(Value::as_i64).unwrap_or(0);
                    set_int(port, "hostPort", own);
                });
            });
        }
    }
    if let Some(status) = object_mut(object, "status") {
        set_text(status, "phase", "Pending");
    }
}

fn requests_from_limits(resources: &mut Object) {
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    if let Some(requests) = object_mut(resources, "requests") {
        for (key, value) in limits {
            requests.entry(key).or_insert(value);
        }
    }
}

/// Pod-level requests default to what the containers ask for, then to the pod's own limits.
fn pod_level_requests(spec: &mut Object) {
    let limits = match spec.get("resources").and_then(|r| r.get("limits")).and_then(Value::as_object) {
        Some(limits) if !limits.is_empty() => limits.clone(),
        _ => return,
    };
    let mut sums: BTreeMap<String, Quantity> = BTreeMap::new();
    for container in spec.get("containers").and_then(Value::as_array).into_iter().flatten() {
        let requests = container.get("resources").and_then(|r| r.get("requests")).and_then(Value::as_object);
        for (key, value) in requests.into_iter().flatten() {
            if let Some(Ok(quantity)) = value.as_str().map(Quantity::parse) {
                sums.entry(key.clone()).and_modify(|sum| sum.add(&quantity)).or_insert(quantity);
            }
        }
    }
    let supported = |key: &str| key == "cpu" || key == "memory" || key.starts_with("hugepages-");
    let Some(requests) = child(spec, "resources").and_then(|r| object_mut(r, "requests")) else { return };
    for (key, sum) in sums {
        if matches!(key.as_str(), "cpu" | "memory") {
            requests.entry(key).or_insert_with(|| sum.canonical().into());
        }
    }
    for (key, limit) in limits {
        if supported(&key) {
            requests.entry(key).or_insert(limit);
        }
    }
}
