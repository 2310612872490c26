//! Volume mounts and block devices of a container.

use super::errors::{Bad, Errors, Path};
use super::file_paths;
use super::scope::Scope;
use crate::manifest::get;
use rustc_hash::FxHashSet;
use serde_json::Value;

/// `ValidateVolumeMounts`. Some of its paths leave the index out.
pub(super) fn volume_mounts(container: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let devices = get::list(container, "volumeDevices");
    let mut points = FxHashSet::default();
    for (i, mount) in get::list(container, "volumeMounts").iter().enumerate() {
        let list = path;
        let path = path.index(i);
        let (name, point) = (get::text(mount, "name"), get::text(mount, "mountPath"));
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        }
        let volume = scope.volume(name);
        if volume.is_none() {
            errors.not_found(&path.child("name"), Bad::Text(name), "");
        }
        if point.is_empty() {
            errors.required(&path.child("mountPath"), "");
        }
        if !points.insert(point) {
            errors.invalid(&path.child("mountPath"), Bad::Text(point), "must be unique");
        }
        if devices.iter().any(|d| get::text(d, "name") == name) {
            errors.invalid(&path.child("name"), Bad::Text(name), "must not already exist in volumeDevices");
        }
        if devices.iter().any(|d| get::text(d, "devicePath") == point) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.invalid(&path.child("mountPath"), Bad::Text(point), detail);
        }
        sub_paths(mount, list, &path, errors);
        propagation(mount, container, &list.child("mountPropagation"), errors);
        recursive_read_only(mount, &list.child("recursiveReadOnly"), errors);
    }
}

fn sub_paths(mount: &Value, list: &Path<'_>, path: &Path<'_>, errors: &mut Errors) {
    let (sub, expression) = (get::text(mount, "subPath"), get::text(mount, "subPathExpr"));
    if !sub.is_empty() {
        file_paths::descending_path(sub, &list.child("subPath"), errors);
    }
    if !expression.is_empty() {
        if !sub.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.invalid(&path.child("subPathExpr"), Bad::Text(expression), detail);
        }
        file_paths::descending_path(expression, &list.child("subPathExpr"), errors);
    }
}

fn propagation(mount: &Value, container: &Value, path: &Path<'_>, errors: &mut Errors) {
    const SUPPORTED: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
    let Some(mode) = get::text_opt(mount, "mountPropagation") else { return };
    if !SUPPORTED.contains(&mode) {
        errors.unsupported(path, Bad::Named(mode), &SUPPORTED);
    }
    let privileged = get::flag(get::at(container, "securityContext"), "privileged");
    if mode == "Bidirectional" && !privileged {
        errors.forbidden(path, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn recursive_read_only(mount: &Value, path: &Path<'_>, errors: &mut Errors) {
    match get::text_opt(mount, "recursiveReadOnly") {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !get::flag(mount, "readOnly") {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            if !matches!(get::text_opt(mount, "mountPropagation"), None | Some("None")) {
                errors
                    .forbidden(path, "may only be specified when mountPropagation is None or not specified");
            }
        }
        Some(other) => errors.unsupported(path, Bad::Named(other), &["Disabled", "Enabled", "IfPossible"]),
    }
}

/// `ValidateVolumeDevices`.
pub(super) fn volume_devices(container: &Value, scope: &Scope<'_>, path: &Path<'_>, errors: &mut Errors) {
    let mounts = get::list(container, "volumeMounts");
    let (mut names, mut paths) = (FxHashSet::default(), FxHashSet::default());
    for (i, device) in get::list(container, "volumeDevices").iter().enumerate() {
        let path = path.index(i);
        let (name, point) = (get::text(device, "name"), get::text(device, "devicePath"));
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        }
        if names.contains(name) {
            errors.invalid(&path.child("name"), Bad::Text(name), "must be unique");
        }
        match scope.volume(name) {
            None => errors.not_found(&path.child("name"), Bad::Text(name), ""),
            Some(v)
                if get::some(v, "persistentVolumeClaim").is_none() && get::some(v, "ephemeral").is_none() =>
            {
                let detail =
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.invalid(&path.child("name"), Bad::Text(name), detail);
            }
            Some(_) => {}
        }
        if point.is_empty() {
            errors.required(&path.child("devicePath"), "");
        }
        if paths.contains(point) {
            errors.invalid(&path.child("devicePath"), Bad::Text(point), "must be unique");
        }
        if point.split('/').any(|part| part == "..") {
            errors.invalid(&path.child("devicePath"), Bad::Text(point), "can not contain backsteps ('..')");
        } else {
            paths.insert(point);
        }
        if mounts.iter().any(|m| get::text(m, "name") == name) {
            errors.invalid(&path.child("name"), Bad::Text(name), "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|m| get::text(m, "mountPath") == point) {
            let detail = "must not already exist as a path in volumeMounts";
            errors.invalid(&path.child("devicePath"), Bad::Text(point), detail);
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
}
