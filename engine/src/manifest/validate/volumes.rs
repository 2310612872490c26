//! Volumes: `ValidateVolumes`. The sources of single storage products are in the neighbouring file.

use super::errors::{Bad, Errors, Path};
use super::fields::{mode, pull_policy, required};
use super::file_paths::no_backsteps;
use super::projected::{downward_file, key_to_path};
use super::{projected, storage, text};
use crate::manifest::get;
use rustc_hash::FxHashSet;
use serde_json::Value;

/// Sources in the order in which they are checked, with the name in the path of "more than 1" errors.
const SOURCES: [(&str, &str); 30] = [
    ("emptyDir", "emptyDir"),
    ("hostPath", "hostPath"),
    ("gitRepo", "gitRepo"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    // The misspelling is upstream's.
    ("downwardAPI", "downwarAPI"),
    ("fc", "fc"),
    ("flexVolume", "flexVolume"),
    ("configMap", "configMap"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
];

/// Checks all volumes; returns those that are valid, which alone can be mounted. `pod` is the name of the
/// pod, empty in a template.
pub(super) fn volumes<'a>(
    volumes: &'a [Value],
    pod: Option<&str>,
    path: &Path<'_>,
    errors: &mut Errors,
) -> Vec<&'a Value> {
    let mut names = FxHashSet::default();
    let mut valid = Vec::new();
    let pod_name = pod.filter(|name| !name.is_empty());
    let created: Vec<String> = pod_name
        .iter()
        .flat_map(|pod| {
            volumes
                .iter()
                .filter(|v| get::some(v, "ephemeral").is_some())
                .map(move |v| format!("{pod}-{}", get::text(v, "name")))
        })
        .collect();
    for (i, volume) in volumes.iter().enumerate() {
        let path = path.index(i);
        let before = errors.len();
        let name = get::text(volume, "name");
        source(volume, name, pod, &path, errors);
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            errors.invalid_each(&path.child("name"), Bad::Text(name), &text::dns_label(name));
        }
        if names.contains(name) {
            errors.duplicate(&path.child("name"), Bad::Text(name));
        }
        if errors.len() == before {
            names.insert(name);
            valid.push(volume);
        }
        if let Some(claim) = get::some(volume, "persistentVolumeClaim") {
            let claim_name = get::text(claim, "claimName");
            if created.iter().any(|c| c == claim_name) {
                let claim = path.child("persistentVolumeClaim");
                let detail = "must not reference a PVC that gets created for an ephemeral volume";
                errors.invalid(&claim.child("claimName"), Bad::Text(claim_name), detail);
            }
        }
    }
    valid
}

fn source(volume: &Value, name: &str, pod: Option<&str>, path: &Path<'_>, errors: &mut Errors) {
    let mut found = false;
    for (key, second) in SOURCES {
        let Some(source) = get::some(volume, key) else { continue };
        if found {
            errors.forbidden(&path.child(second), "may not specify more than 1 volume type");
        } else {
            found = true;
            one(key, source, pod.is_some(), path, errors);
            if key == "ephemeral" {
                claim_name(name, pod, path, errors);
            }
        }
        if key == "iscsi" {
            storage::iscsi_name(source, name, path, errors);
        }
    }
    if !found {
        errors.required(path, "must specify a volume type");
    }
}

/// The claim that an ephemeral volume of a pod creates needs a valid name.
fn claim_name(volume: &str, pod: Option<&str>, path: &Path<'_>, errors: &mut Errors) {
    let Some(pod) = pod.filter(|p| !p.is_empty() && !volume.is_empty()) else { return };
    let claim = format!("{pod}-{volume}");
    for error in text::subdomain(&claim) {
        let detail = format!("PVC name {}: {error}", crate::manifest::go::quote(&claim));
        errors.invalid(&path.child("name"), Bad::Text(volume), &detail);
    }
}

fn one(key: &str, source: &Value, in_pod: bool, path: &Path<'_>, errors: &mut Errors) {
    let at = path.child(key);
    match key {
        "emptyDir" => {
            let limit = get::text(source, "sizeLimit");
            if limit.starts_with('-') && limit != "-0" {
                errors.forbidden(&at.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
            }
        }
        "hostPath" => host_path(source, &at, errors),
        "secret" => {
            required(source, "secretName", &at, errors);
            modes_and_items(source, &at, errors);
        }
        "configMap" => {
            required(source, "name", &at, errors);
            modes_and_items(source, &at, errors);
        }
        "downwardAPI" => {
            mode(source, "defaultMode", &at, errors);
            for file in get::list(source, "items") {
                downward_file(file, &at, errors);
            }
        }
        "projected" => projected::projected(source, &at, errors),
        "persistentVolumeClaim" => required(source, "claimName", &at, errors),
        "csi" => storage::csi(source, &at, errors),
        "ephemeral" => storage::ephemeral(source, &at, errors),
        "image" => {
            if in_pod {
                required(source, "reference", &at, errors);
            }
            pull_policy(get::text(source, "pullPolicy"), &at.child("pullPolicy"), errors);
        }
        _ => storage::product(key, source, path, errors),
    }
}

fn host_path(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    const TYPES: [&str; 8] =
        ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    let host = get::text(source, "path");
    if host.is_empty() {
        errors.required(&path.child("path"), "");
        return;
    }
    no_backsteps(host, &path.child("path"), errors);
    if let Some(kind) = get::text_opt(source, "type")
        && !TYPES.contains(&kind)
    {
        errors.unsupported(&path.child("type"), Bad::Named(kind), &TYPES);
    }
}

/// `defaultMode` and `items` of a secret or config map.
fn modes_and_items(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    mode(source, "defaultMode", path, errors);
    for (i, item) in get::list(source, "items").iter().enumerate() {
        let items = path.child("items");
        key_to_path(item, &items.index(i), errors);
    }
}
