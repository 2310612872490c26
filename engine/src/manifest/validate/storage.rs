//! Volume sources of single storage products.

use super::errors::{Bad, Errors, Path};
use super::fields::required;
use super::file_paths::descending_path;
use super::{meta, resources, selector, text};
use crate::manifest::get;
use crate::quantity::Quantity;
use serde_json::Value;

/// Fields that may not be empty; where that is all there is to say.
const REQUIRED: [(&str, &[&str]); 9] = [
    ("glusterfs", &["endpoints", "path"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("gitRepo", &["repository"]),
    ("nfs", &["server", "path"]),
    ("cinder", &["volumeID"]),
];

/// The source `key` of the volume at `path`.
pub(super) fn product(key: &str, source: &Value, path: &Path<'_>, errors: &mut Errors) {
    let at = path.child(key);
    for (_, fields) in REQUIRED.iter().filter(|(k, _)| *k == key) {
        for field in *fields {
            required(source, field, &at, errors);
        }
    }
    match key {
        "gitRepo" => descending_path(get::text(source, "directory"), &at.child("directory"), errors),
        "gcePersistentDisk" => disk(source, "pdName", &path.child("persistentDisk"), errors),
        "awsElasticBlockStore" => disk(source, "volumeID", &at, errors),
        "nfs" => {
            let target = get::text(source, "path");
            if !target.starts_with('/') {
                errors.invalid(&at.child("path"), Bad::Text(target), "must be an absolute path");
            }
        }
        "iscsi" => iscsi(source, &at, errors),
        "flocker" => flocker(source, &at, errors),
        "rbd" => {
            monitors(source, &at, errors);
            required(source, "image", &at, errors);
        }
        "cephfs" => monitors(source, &at, errors),
        "cinder" => secret_name(source, &at, errors),
        "quobyte" => quobyte(source, &at, errors),
        "fc" => fibre_channel(source, &at, errors),
        "flexVolume" => flex(source, &at, errors),
        "azureDisk" => azure_disk(source, &at, errors),
        "storageos" => storage_os(source, &at, errors),
        _ => {}
    }
}

fn disk(source: &Value, name: &str, path: &Path<'_>, errors: &mut Errors) {
    required(source, name, path, errors);
    let partition = get::int(source, "partition");
    if !(0..=255).contains(&partition) {
        errors.invalid(&path.child("partition"), Bad::Int(partition), &text::between(1, 255));
    }
}

fn monitors(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    if get::list(source, "monitors").is_empty() {
        errors.required(&path.child("monitors"), "");
    }
}

fn secret_name(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    if let Some(secret) = get::some(source, "secretRef") {
        required(secret, "name", &path.child("secretRef"), errors);
    }
}

fn iscsi(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    const START: &str = "must be valid format starting with iqn, eui, or naa";
    required(source, "targetPortal", path, errors);
    let iqn = get::text(source, "iqn");
    if iqn.is_empty() {
        errors.required(&path.child("iqn"), "");
    } else if let Some(detail) = initiator(iqn, START) {
        errors.invalid(&path.child("iqn"), Bad::Text(iqn), detail);
    }
    lun(get::int(source, "lun"), path, errors);
    let authenticates = get::flag(source, "chapAuthDiscovery") || get::flag(source, "chapAuthSession");
    if authenticates && get::some(source, "secretRef").is_none() {
        errors.required(&path.child("secretRef"), "");
    }
    if let Some(name) = get::text_opt(source, "initiatorName")
        && let Some(detail) = initiator(name, START)
    {
        errors.invalid(&path.child("initiatorname"), Bad::Text(name), detail);
    }
}

fn lun(lun: i64, path: &Path<'_>, errors: &mut Errors) {
    if !(0..=255).contains(&lun) {
        errors.invalid(&path.child("lun"), Bad::Int(lun), &text::between(0, 255));
    }
}

/// What is wrong with an initiator name.
fn initiator(name: &str, start: &'static str) -> Option<&'static str> {
    let fine = if name.starts_with("iqn") {
        is_iqn(name)
    } else if let Some(rest) = name.strip_prefix("eui") {
        is_world_wide_name(rest, 16)
    } else if let Some(rest) = name.strip_prefix("naa") {
        is_world_wide_name(rest, 32)
    } else {
        return Some(start);
    };
    (!fine).then_some("must be valid format")
}

/// `iqn.YYYY-MM.domain:identifier`, anywhere in the text.
fn is_iqn(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("iqn.") else { return false };
    let bytes = rest.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
    if !digits(0..4) || bytes.get(4) != Some(&b'-') || !digits(5..7) || bytes.get(7) != Some(&b'.') {
        return false;
    }
    let Some((domain, identifier)) = rest[8..].split_once(':') else { return false };
    let outside = |c: char| matches!(c, ',' | ';' | '*' | '&' | '$' | '|') || c.is_whitespace();
    !domain.is_empty()
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        && !identifier.is_empty()
        && !identifier.contains(outside)
}

fn is_world_wide_name(rest: &str, digits: usize) -> bool {
    rest.len() == digits + 1 && rest.bytes().skip(1).all(|b| b.is_ascii_alphanumeric())
}

/// The volume's name and the portal go into one name of at most 64 characters.
pub(super) fn iscsi_name(source: &Value, volume: &str, path: &Path<'_>, errors: &mut Errors) {
    let length = volume.len() + 1 + get::text(source, "targetPortal").len();
    if get::text_opt(source, "initiatorName").is_some() && length > 64 {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                      iscsi.initiatorName is specified.";
        errors.invalid(&path.child("name"), Bad::Text(volume), detail);
    }
}

fn flocker(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    let (name, uuid) = (get::text(source, "datasetName"), get::text(source, "datasetUUID"));
    if name.is_empty() && uuid.is_empty() {
        errors.required(path, "one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !uuid.is_empty() {
        let detail = "datasetName and datasetUUID can not be specified simultaneously";
        errors.invalid(path, Bad::Text("resource"), detail);
    }
    if name.contains('/') {
        errors.invalid(&path.child("datasetName"), Bad::Text(name), "must not contain '/'");
    }
}

fn quobyte(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let registry = get::text(source, "registry");
    if registry.is_empty() {
        errors.required(&path.child("registry"), PAIRS);
    } else if get::text(source, "tenant").len() >= 65 {
        errors.required(&path.child("tenant"), "must be a UUID and may not exceed a length of 64 characters");
    } else {
        let pair = |p: &str| match p.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").is_some_and(|(_, port)| !port.contains(':')),
            None => p.matches(':').count() == 1,
        };
        for _ in registry.split(',').filter(|p| !pair(p)) {
            errors.invalid(&path.child("registry"), Bad::Text(registry), PAIRS);
        }
    }
    required(source, "volume", path, errors);
}

fn fibre_channel(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    let (targets, ids) = (get::list(source, "targetWWNs"), get::list(source, "wwids"));
    let at = path.child("targetWWNs");
    if targets.is_empty() && ids.is_empty() {
        errors.required(&at, "must specify either targetWWNs or wwids, but not both");
    }
    if !targets.is_empty() && !ids.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        errors.invalid(&at, Bad::Value(get::at(source, "targetWWNs")), detail);
    }
    if !targets.is_empty() {
        match get::int_opt(source, "lun") {
            None => errors.required(&path.child("lun"), "lun is required if targetWWNs is specified"),
            Some(number) => lun(number, path, errors),
        }
    }
}

fn flex(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    required(source, "driver", path, errors);
    let options = path.child("options");
    for (key, _) in get::entries(source, "options") {
        let domain = format!(".{}", key.split('/').next().unwrap_or("").to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            errors.invalid(&options.key(key), Bad::Text(key), detail);
        }
    }
}

fn azure_disk(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    const CACHING: [&str; 3] = ["None", "ReadOnly", "ReadWrite"];
    const KINDS: [&str; 3] = ["Dedicated", "Managed", "Shared"];
    const MANAGED: &str =
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    required(source, "diskName", path, errors);
    required(source, "diskURI", path, errors);
    if let Some(mode) = get::text_opt(source, "cachingMode").filter(|m| !CACHING.contains(m)) {
        errors.unsupported(&path.child("cachingMode"), Bad::Named(mode), &CACHING);
    }
    let kind = get::text_opt(source, "kind");
    if let Some(kind) = kind.filter(|k| !KINDS.contains(k)) {
        errors.unsupported(&path.child("kind"), Bad::Named(kind), &KINDS);
    }
    let uri = get::text(source, "diskURI");
    match kind {
        Some("Managed") if !uri.starts_with("/subscriptions/") => {
            errors.unsupported(&path.child("diskURI"), Bad::Text(uri), &[MANAGED]);
        }
        Some(kind) if kind != "Managed" && !uri.starts_with("https://") => {
            errors.unsupported(&path.child("diskURI"), Bad::Text(uri), &[BLOB]);
        }
        _ => {}
    }
}

fn storage_os(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    let (name, namespace) = (get::text(source, "volumeName"), get::text(source, "volumeNamespace"));
    if name.is_empty() {
        errors.required(&path.child("volumeName"), "");
    } else {
        errors.invalid_each(&path.child("volumeName"), Bad::Text(name), &text::dns_label(name));
    }
    if !namespace.is_empty() {
        errors.invalid_each(
            &path.child("volumeNamespace"),
            Bad::Text(namespace),
            &text::dns_label(namespace),
        );
    }
    secret_name(source, path, errors);
}

/// `validateCSIVolumeSource`.
pub(super) fn csi(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    let driver = get::text(source, "driver");
    let at = path.child("driver");
    if driver.is_empty() {
        errors.required(&at, "");
    }
    if driver.len() > 63 {
        errors.too_long(&at, 63);
    }
    errors.invalid_each(&at, Bad::Text(driver), &text::subdomain(&driver.to_lowercase()));
    if let Some(secret) = get::some(source, "nodePublishSecretRef") {
        let name = get::text(secret, "name");
        if name.is_empty() {
            let secret = path.child("nodePublishSecretRef");
            errors.required(&secret.child("name"), "");
        } else {
            errors.invalid_each(&path.child("name"), Bad::Text(name), &text::subdomain(name));
        }
    }
}

/// `validateEphemeralVolumeSource`: the template of a claim.
pub(super) fn ephemeral(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    let path = path.child("volumeClaimTemplate");
    let Some(template) = get::some(source, "volumeClaimTemplate") else {
        errors.required(&path, "");
        return;
    };
    let metadata = get::at(template, "metadata");
    let at = path.child("metadata");
    meta::annotations(get::at(metadata, "annotations"), &at.child("annotations"), errors);
    meta::labels(get::at(metadata, "labels"), &at.child("labels"), errors);
    for (key, value) in metadata.as_object().into_iter().flatten() {
        let empty = value.as_str() == Some("")
            || value.as_i64() == Some(0)
            || value.as_array().is_some_and(Vec::is_empty);
        if !matches!(key.as_str(), "annotations" | "labels") && !empty {
            let shown = if key == "uid" { "uID" } else { key };
            errors.forbidden(&at.child(shown), "cannot be set");
        }
    }
    claim_spec(get::at(template, "spec"), &path.child("spec"), errors);
}

fn claim_spec(spec: &Value, path: &Path<'_>, errors: &mut Errors) {
    const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    let at = path.child("accessModes");
    let modes = get::texts(spec, "accessModes");
    if modes.is_empty() {
        errors.required(&at, "at least 1 access mode is required");
    }
    selector::label_selector(get::at(spec, "selector"), false, &path.child("selector"), errors);
    for mode in modes.iter().filter(|m| !MODES.contains(m)) {
        errors.unsupported(&at, Bad::Named(mode), &MODES);
    }
    let single = |m: &&str| *m == "ReadWriteOncePod";
    if modes.iter().any(single) && modes.iter().any(|m| MODES.contains(m) && !single(m)) {
        errors.forbidden(&at, "may not use ReadWriteOncePod with other access modes");
    }
    let resources = path.child("resources");
    let storage = resources.key("storage");
    match get::path(spec, &["resources", "requests", "storage"]).as_str().map(Quantity::parse) {
        Some(Ok(quantity)) if quantity.is_negative() || quantity.is_zero() => {
            errors.invalid(&storage, Bad::Text(&quantity.canonical()), "must be greater than zero");
        }
        Some(Ok(quantity)) => resources::quantity_value("storage", &quantity, &storage, errors),
        _ => errors.required(&storage, ""),
    }
    for key in ["storageClassName", "volumeAttributesClassName"] {
        let name = get::text(spec, key);
        if !name.is_empty() {
            errors.invalid_each(&path.child(key), Bad::Text(name), &text::subdomain(name));
        }
    }
    if let Some(mode) = get::text_opt(spec, "volumeMode").filter(|m| !matches!(*m, "Block" | "Filesystem")) {
        errors.unsupported(&path.child("volumeMode"), Bad::Named(mode), &["Block", "Filesystem"]);
    }
    for key in ["dataSource", "dataSourceRef"] {
        if let Some(source) = get::some(spec, key) {
            required(source, "name", &path.child(key), errors);
            required(source, "kind", &path.child(key), errors);
        }
    }
}
