//! Environment variables and the downward API.

use super::errors::{Bad, Errors, Path};
use super::scope::Scope;
use super::text;
use crate::manifest::get;
use crate::quantity::Quantity;
use serde_json::Value;

const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// What a file of a downward API volume may refer to.
pub(super) const VOLUME_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// `ValidateEnv`.
pub(super) fn env(vars: &[Value], scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    for (i, var) in vars.iter().enumerate() {
        let path = path.index(i);
        let name = get::text(var, "name");
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            errors.invalid_each(&path.child("name"), Bad::Text(name), &text::env_name(name));
        }
        if let Some(from) = get::some(var, "valueFrom") {
            value_from(var, from, scope, &path.child("valueFrom"), errors);
        }
    }
}

fn value_from(var: &Value, from: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let mut sources = 0;
    if let Some(field) = get::some(from, "fieldRef") {
        sources += 1;
        field_ref(field, &ENV_FIELDS, &path.child("fieldRef"), errors);
    }
    if let Some(resource) = get::some(from, "resourceFieldRef") {
        sources += 1;
        resource_field_ref(resource, false, &path.child("resourceFieldRef"), errors);
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(selector) = get::some(from, key) {
            sources += 1;
            key_selector(selector, &path.child(key), errors);
        }
    }
    if let Some(file) = get::some(from, "fileKeyRef") {
        sources += 1;
        file_key_selector(file, scope, &path.child("fileKeyRef"), errors);
    }
    if sources == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or \
                      `fileKeyRef`";
        errors.invalid(path, Bad::Text(""), detail);
    } else if !get::text(var, "value").is_empty() {
        errors.invalid(path, Bad::Text(""), "may not be specified when `value` is not empty");
    } else if sources > 1 {
        errors.invalid(path, Bad::Text(""), "may not have more than one field specified at a time");
    }
}

fn key_selector(selector: &Value, path: &Path<'_>, errors: &mut Errors) {
    let name = get::text(selector, "name");
    errors.invalid_each(&path.child("name"), Bad::Text(name), &text::subdomain(name));
    let key = get::text(selector, "key");
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), Bad::Text(key), &text::config_key(key));
    }
}

/// `validateFileKeySelector`: a key of a file in a volume of the pod.
fn file_key_selector(file: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    const KEY_MAX: usize = 128;
    let key = get::text(file, "key");
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), Bad::Text(key), &text::env_name(key));
        if key.len() > KEY_MAX {
            errors.too_long(&path.child("key"), KEY_MAX);
        }
    }
    let volume = get::text(file, "volumeName");
    if volume.is_empty() {
        errors.required(&path.child("volumeName"), "");
    } else if scope.volume(volume).is_none() {
        errors.not_found(&path.child("volumeName"), Bad::Text(volume), "");
    }
    let inside = get::text(file, "path");
    if inside.is_empty() {
        errors.required(&path.child("path"), "");
    } else {
        super::file_paths::local_path(inside, &path.child("path"), errors);
    }
}

/// `validateObjectFieldSelector`; `supported` in order.
pub(super) fn field_ref(field: &Value, supported: &[&str], path: &Path<'_>, errors: &mut Errors) {
    let (version, field_path) = (get::text(field, "apiVersion"), get::text(field, "fieldPath"));
    if version.is_empty() {
        errors.required(&path.child("apiVersion"), "");
        return;
    }
    if field_path.is_empty() {
        errors.required(&path.child("fieldPath"), "");
        return;
    }
    let at = path.child("fieldPath");
    let internal = match convert(version, field_path) {
        Ok(internal) => internal,
        Err(error) => {
            let detail = format!("error converting fieldPath: {error}");
            errors.invalid(&at, Bad::Text(field_path), &detail);
            return;
        }
    };
    match subscript(internal) {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            errors.invalid_each(path, Bad::Text(&key), &text::label_key(&key));
        }
        Some(("metadata.labels", key)) => errors.invalid_each(path, Bad::Text(key), &text::label_key(key)),
        Some((base, _)) => errors.invalid(path, Bad::Text(base), "does not support subscript"),
        None if !supported.contains(&internal) => errors.unsupported(&at, Bad::Text(internal), supported),
        None => {}
    }
}

/// `ConvertDownwardAPIFieldLabel`.
fn convert<'a>(version: &str, label: &'a str) -> Result<&'a str, String> {
    if version != "v1" {
        return Err(format!("unsupported pod version: {version}"));
    }
    if let Some((base, _)) = subscript(label) {
        return match base {
            "metadata.annotations" | "metadata.labels" => Ok(label),
            _ => Err(format!("field label does not support subscript: {label}")),
        };
    }
    match label {
        "spec.host" => Ok("spec.nodeName"),
        "metadata.annotations"
        | "metadata.labels"
        | "metadata.name"
        | "metadata.namespace"
        | "metadata.uid"
        | "spec.nodeName"
        | "spec.restartPolicy"
        | "spec.serviceAccountName"
        | "spec.schedulerName"
        | "status.phase"
        | "status.hostIP"
        | "status.hostIPs"
        | "status.podIP"
        | "status.podIPs" => Ok(label),
        _ => Err(format!("field label not supported: {label}")),
    }
}

/// `path['key']` in two.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let inner = path.strip_suffix("']")?;
    let (base, key) = inner.split_once("['")?;
    (!base.is_empty()).then_some((base, key))
}

/// `validateContainerResourceFieldSelector`.
pub(super) fn resource_field_ref(field: &Value, volume: bool, path: &Path<'_>, errors: &mut Errors) {
    let resource = get::text(field, "resource");
    let hugepages = ["requests.hugepages-", "limits.hugepages-"].iter().any(|p| resource.starts_with(p));
    if volume && get::text(field, "containerName").is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !RESOURCES.contains(&resource) && !hugepages {
        errors.unsupported(&path.child("resource"), Bad::Text(resource), &RESOURCES);
    }
    divisor(resource, get::text(field, "divisor"), &path.child("divisor"), errors);
}

fn divisor(resource: &str, divisor: &str, path: &Path<'_>, errors: &mut Errors) {
    const SIZES: [&str; 13] =
        ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    if Quantity::parse(divisor).map_or(true, |q| q.is_zero()) {
        return;
    }
    let (supported, what): (&[&str], &str) = match resource {
        "limits.cpu" | "requests.cpu" => (&["1m", "1"], ""),
        "limits.memory" | "requests.memory" => (&SIZES, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (&SIZES, "local ephemeral storage"),
        _ if resource.contains(".hugepages-") => (&SIZES, "hugepages"),
        _ => return,
    };
    if supported.contains(&divisor) {
        return;
    }
    let detail = if what.is_empty() {
        "only divisor's values 1m and 1 are supported with the cpu resource".to_owned()
    } else {
        format!("only divisor's values {} are supported with the {what} resource", SIZES.join(", "))
    };
    errors.invalid(path, Bad::Text(resource), &detail);
}

/// `ValidateEnvFrom`.
pub(super) fn env_from(vars: &[Value], path: &Path<'_>, errors: &mut Errors) {
    for (i, var) in vars.iter().enumerate() {
        let list = path;
        let path = path.index(i);
        let prefix = get::text(var, "prefix");
        if !prefix.is_empty() {
            errors.invalid_each(&path.child("prefix"), Bad::Text(prefix), &text::env_name(prefix));
        }
        let mut sources = 0;
        for key in ["configMapRef", "secretRef"] {
            let Some(source) = get::some(var, key) else { continue };
            sources += 1;
            let at = path.child(key);
            let name = get::text(source, "name");
            if name.is_empty() {
                errors.required(&at.child("name"), "");
            } else {
                let masked = text::mask_trailing_dash(name);
                errors.invalid_each(&at.child("name"), Bad::Text(name), &text::subdomain(&masked));
            }
        }
        if sources == 0 {
            errors.invalid(list, Bad::Text(""), "must specify one of: `configMapRef` or `secretRef`");
        } else if sources > 1 {
            errors.invalid(list, Bad::Text(""), "may not have more than one field specified at a time");
        }
    }
}
