//! Projected volumes.

use super::env;
use super::errors::{Bad, Errors, Path};
use super::fields::{mode, required};
use super::file_paths::local_path;
use super::{selector, text};
use crate::manifest::get;
use rustc_hash::FxHashSet;
use serde_json::Value;

/// `validateProjectedVolumeSource`.
pub(super) fn projected(source: &Value, path: &Path<'_>, errors: &mut Errors) {
    mode(source, "defaultMode", path, errors);
    let sources = path.child("sources");
    let mut paths = Paths { seen: FxHashSet::default(), at: path };
    for (i, source) in get::list(source, "sources").iter().enumerate() {
        one(source, &sources.index(i), &mut paths, errors);
    }
}

/// Paths inside the volume that are taken.
struct Paths<'a> {
    seen: FxHashSet<String>,
    at: &'a Path<'a>,
}

impl Paths<'_> {
    fn take(&mut self, path: &str, shown: &str, errors: &mut Errors) {
        if !self.seen.insert(path.to_owned()) {
            errors.invalid(self.at, Bad::Text(shown), "conflicting duplicate paths");
        }
    }
}

fn one(source: &Value, path: &Path<'_>, paths: &mut Paths<'_>, errors: &mut Errors) {
    let mut kinds = 0;
    for key in ["secret", "configMap"] {
        let Some(projection) = get::some(source, key) else { continue };
        kinds += 1;
        let at = path.child(key);
        required(projection, "name", &at, errors);
        let items = at.child("items");
        for (i, item) in get::list(projection, "items").iter().enumerate() {
            key_to_path(item, &items.index(i), errors);
            let target = get::text(item, "path");
            if !target.is_empty() {
                paths.take(target, get::text(projection, "name"), errors);
            }
        }
    }
    if let Some(downward) = get::some(source, "downwardAPI") {
        kinds += 1;
        for file in get::list(downward, "items") {
            downward_file(file, &path.child("downwardAPI"), errors);
            let target = get::text(file, "path");
            if !target.is_empty() {
                paths.take(target, target, errors);
            }
        }
    }
    if let Some(token) = get::some(source, "serviceAccountToken") {
        kinds += 1;
        service_account_token(token, path, paths.at, errors);
    }
    if let Some(bundle) = get::some(source, "clusterTrustBundle") {
        kinds += 1;
        cluster_trust_bundle(bundle, &path.child("clusterTrustBundle"), errors);
        let target = get::text(bundle, "path");
        paths.take(target, target, errors);
    }
    if let Some(certificate) = get::some(source, "podCertificate") {
        kinds += 1;
        pod_certificate(certificate, &path.child("podCertificate"), paths, errors);
    }
    if kinds > 1 {
        errors.forbidden(path, "may not specify more than 1 volume type per source");
    }
}

/// The path errors of a token lie one level higher than one would think.
fn service_account_token(token: &Value, source: &Path<'_>, volume: &Path<'_>, errors: &mut Errors) {
    let at = source.child("serviceAccountToken");
    let seconds = get::int(token, "expirationSeconds");
    if seconds < 600 {
        let detail = "may not specify a duration less than 10 minutes";
        errors.invalid(&at.child("expirationSeconds"), Bad::Int(seconds), detail);
    }
    if seconds > 1 << 32 {
        let detail = "may not specify a duration larger than 2^32 seconds";
        errors.invalid(&at.child("expirationSeconds"), Bad::Int(seconds), detail);
    }
    let target = get::text(token, "path");
    if target.is_empty() {
        errors.required(&volume.child("path"), "");
    } else {
        local_path(target, &volume.child("path"), errors);
    }
}

fn cluster_trust_bundle(bundle: &Value, path: &Path<'_>, errors: &mut Errors) {
    match (get::text_opt(bundle, "name"), get::text_opt(bundle, "signerName")) {
        (Some(_), Some(_)) => {
            errors.invalid(path, Bad::Value(bundle), "only one of name and signerName may be used");
        }
        (Some(name), None) => {
            if name.is_empty() {
                errors.required(&path.child("name"), "must be a valid object name");
            }
            for error in text::subdomain(name.rsplit(':').next().unwrap_or("")) {
                let detail = format!("not a valid clustertrustbundlename: {error}");
                errors.invalid(&path.child("name"), Bad::Text(name), &detail);
            }
            if let Some(selector) = get::some(bundle, "labelSelector") {
                let detail = "labelSelector must be unset if name is specified";
                let shown = selector::show(selector);
                errors.invalid(&path.child("labelSelector"), Bad::Json(&shown), detail);
            }
        }
        (None, Some(signer)) => {
            if signer.is_empty() {
                errors.required(&path.child("signerName"), "must be a valid signer name");
            }
            signer_name(signer, &path.child("signerName"), errors);
            selector::label_selector(
                get::at(bundle, "labelSelector"),
                false,
                &path.child("labelSelector"),
                errors,
            );
        }
        (None, None) => errors.required(path, "either name or signerName must be specified"),
    }
    required(bundle, "path", path, errors);
    local_path(get::text(bundle, "path"), &path.child("path"), errors);
}

/// `ValidateSignerName`: `domain/name`.
fn signer_name(name: &str, path: &Path<'_>, errors: &mut Errors) {
    if name.is_empty() {
        errors.required(path, "");
        return;
    }
    let Some((domain, rest)) = name.split_once('/').filter(|(_, rest)| !rest.contains('/')) else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.invalid(path, Bad::Text(name), detail);
        return;
    };
    for error in text::subdomain(domain) {
        errors.invalid(path, Bad::Text(domain), &format!("validating label {}: {error}", Bad::Text(domain)));
    }
    for error in rest.split('.').flat_map(text::dns_label) {
        errors.invalid(path, Bad::Text(rest), &format!("validating label {}: {error}", Bad::Text(rest)));
    }
}

fn pod_certificate(certificate: &Value, path: &Path<'_>, paths: &mut Paths<'_>, errors: &mut Errors) {
    const KEY_TYPES: [&str; 6] = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
    signer_name(get::text(certificate, "signerName"), &path.child("signerName"), errors);
    let key_type = get::text(certificate, "keyType");
    if !KEY_TYPES.contains(&key_type) {
        errors.unsupported(&path.child("keyType"), Bad::Text(key_type), &KEY_TYPES);
    }
    if let Some(seconds) = get::int_opt(certificate, "maxExpirationSeconds") {
        let at = path.child("maxExpirationSeconds");
        if seconds < 3600 {
            errors.invalid(&at, Bad::Int(seconds), "if provided, maxExpirationSeconds must be >= 3600");
        }
        if seconds > 7_862_400 {
            errors.invalid(&at, Bad::Int(seconds), "if provided, maxExpirationSeconds must be <= 7862400");
        }
    }
    let mut any = false;
    for key in ["credentialBundlePath", "keyPath", "certificateChainPath"] {
        let target = get::text(certificate, key);
        if !target.is_empty() {
            any = true;
            local_path(target, &path.child(key), errors);
            paths.take(target, target, errors);
        }
    }
    if !any {
        errors.required(
            path,
            "specify at least one of credentialBundlePath, keyPath, and certificateChainPath",
        );
    }
}

/// `validateKeyToPath`.
pub(super) fn key_to_path(item: &Value, path: &Path<'_>, errors: &mut Errors) {
    required(item, "key", path, errors);
    required(item, "path", path, errors);
    local_path(get::text(item, "path"), &path.child("path"), errors);
    mode(item, "mode", path, errors);
}

/// `validateDownwardAPIVolumeFile`; its path is that of the volume, without an index.
pub(super) fn downward_file(file: &Value, path: &Path<'_>, errors: &mut Errors) {
    required(file, "path", path, errors);
    local_path(get::text(file, "path"), &path.child("path"), errors);
    let resource = get::some(file, "resourceFieldRef");
    if let Some(field) = get::some(file, "fieldRef") {
        env::field_ref(field, &env::VOLUME_FIELDS, &path.child("fieldRef"), errors);
        if resource.is_some() {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.invalid(path, Bad::Text("resource"), detail);
        }
    } else if let Some(resource) = resource {
        env::resource_field_ref(resource, true, &path.child("resourceFieldRef"), errors);
    } else {
        errors.required(path, "one of fieldRef and resourceFieldRef is required");
    }
    mode(file, "mode", path, errors);
}
