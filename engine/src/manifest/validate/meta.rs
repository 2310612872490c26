//! `ValidateObjectMeta` and `ValidateObjectMetaUpdate`.

use super::errors::{Bad, Errors, Path};
use super::text;
use crate::manifest::get;
use serde_json::Value;

const METADATA: Path<'static> = Path::root("metadata");

/// What a name has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameRule {
    Subdomain,
    Label,
}

impl NameRule {
    fn check(self, name: &str, prefix: bool) -> Vec<String> {
        let name = if prefix { text::mask_trailing_dash(name) } else { name.to_owned() };
        match self {
            Self::Subdomain => text::subdomain(&name),
            Self::Label => text::dns_label(&name),
        }
    }
}

/// `ValidateObjectMeta` of the core package: the machinery's rules, then finalizers' standard names.
pub(super) fn object_meta(meta: &Value, namespaced: bool, rule: NameRule, errors: &mut Errors) {
    let generate = get::text(meta, "generateName");
    if !generate.is_empty() {
        errors.invalid_each(
            &METADATA.child("generateName"),
            Bad::Text(generate),
            &rule.check(generate, true),
        );
    }
    let name = get::text(meta, "name");
    if name.is_empty() {
        errors.required(&METADATA.child("name"), "name or generateName is required");
    } else {
        errors.invalid_each(&METADATA.child("name"), Bad::Text(name), &rule.check(name, false));
    }
    let namespace = get::text(meta, "namespace");
    let path = METADATA.child("namespace");
    match (namespaced, namespace.is_empty()) {
        (true, true) => errors.required(&path, ""),
        (true, false) => errors.invalid_each(&path, Bad::Text(namespace), &text::dns_label(namespace)),
        (false, false) => errors.forbidden(&path, "not allowed on this type"),
        (false, true) => {}
    }
    errors.non_negative(&METADATA.child("generation"), get::int(meta, "generation"));
    common(meta, errors);
    let finalizers = METADATA.child("finalizers");
    finalizer_names(meta, &finalizers, errors);
    managed_fields(meta, errors);
    standard_finalizers(meta, &finalizers, errors);
}

fn common(meta: &Value, errors: &mut Errors) {
    labels(get::at(meta, "labels"), &METADATA.child("labels"), errors);
    annotations(get::at(meta, "annotations"), &METADATA.child("annotations"), errors);
    owner_references(get::list(meta, "ownerReferences"), errors);
}

/// `ValidateLabels`: the path names no key.
pub(super) fn labels(labels: &Value, path: &Path<'_>, errors: &mut Errors) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        errors.invalid_each(path, Bad::Text(key), &text::label_key(key));
        let value = value.as_str().unwrap_or("");
        errors.invalid_each(path, Bad::Text(value), &text::label_value(value));
    }
}

/// `ValidateAnnotations`.
pub(super) fn annotations(annotations: &Value, path: &Path<'_>, errors: &mut Errors) {
    const SIZE_MAX: usize = 256 * 1024;
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        errors.invalid_each(path, Bad::Text(key), &text::label_key(&key.to_lowercase()));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > SIZE_MAX {
        errors.too_long(path, SIZE_MAX);
    }
}

fn owner_references(references: &[Value], errors: &mut Errors) {
    let path = METADATA.child("ownerReferences");
    let mut controller = String::new();
    for reference in references {
        let (version, kind) = (get::text(reference, "apiVersion"), get::text(reference, "kind"));
        let (group, bare) = match version.split_once('/') {
            Some((_, rest)) if rest.contains('/') => ("", ""),
            Some((group, version)) => (group, version),
            None => ("", version),
        };
        if bare.is_empty() {
            errors.invalid(&path.child("apiVersion"), Bad::Text(version), "version must not be empty");
        }
        if kind.is_empty() {
            errors.invalid(&path.child("kind"), Bad::Text(kind), "must not be empty");
        }
        if get::text(reference, "name").is_empty() {
            errors.invalid(&path.child("name"), Bad::Text(""), "must not be empty");
        }
        if get::text(reference, "uid").is_empty() {
            errors.invalid(&path.child("uid"), Bad::Named(""), "must not be empty");
        }
        if (group, bare, kind) == ("", "v1", "Event") {
            let shown = reference_json(reference);
            errors.invalid(&path, Bad::Json(&shown), "/v1, Kind=Event is disallowed from being an owner");
        }
        if get::flag(reference, "controller") {
            let this = format!("{kind}/{}", get::text(reference, "name"));
            if controller.is_empty() {
                controller = this;
            } else {
                let shown: Vec<_> = references.iter().map(reference_json).collect();
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for \
                     {controller} and {this}"
                );
                errors.invalid(&path, Bad::Json(&format!("[{}]", shown.join(","))), &detail);
            }
        }
    }
}

/// An owner reference in the order of its fields.
fn reference_json(reference: &Value) -> String {
    let mut fields: Vec<String> = ["apiVersion", "kind", "name", "uid"]
        .iter()
        .map(|key| format!("\"{key}\":{}", Bad::Named(get::text(reference, key))))
        .collect();
    for key in ["controller", "blockOwnerDeletion"] {
        if let Some(flag) = get::flag_opt(reference, key) {
            fields.push(format!("\"{key}\":{flag}"));
        }
    }
    format!("{{{}}}", fields.join(","))
}

fn finalizer_names(meta: &Value, path: &Path<'_>, errors: &mut Errors) {
    let finalizers = get::texts(meta, "finalizers");
    for finalizer in &finalizers {
        errors.invalid_each(path, Bad::Text(finalizer), &text::label_key(finalizer));
    }
    if finalizers.contains(&"orphan") && finalizers.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(path, Bad::Value(get::at(meta, "finalizers")), detail);
    }
}

fn standard_finalizers(meta: &Value, path: &Path<'_>, errors: &mut Errors) {
    for (i, finalizer) in get::texts(meta, "finalizers").iter().enumerate() {
        if !finalizer.contains('/') && !matches!(*finalizer, "kubernetes" | "orphan" | "foregroundDeletion") {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&path.index(i), Bad::Text(finalizer), detail);
        }
    }
}

fn managed_fields(meta: &Value, errors: &mut Errors) {
    let path = METADATA.child("managedFields");
    for (i, entry) in get::list(meta, "managedFields").iter().enumerate() {
        let path = path.index(i);
        let operation = get::text(entry, "operation");
        if !matches!(operation, "Apply" | "Update") {
            errors.invalid(&path.child("operation"), Bad::Named(operation), "must be `Apply` or `Update`");
        }
        let fields_type = get::text(entry, "fieldsType");
        if !matches!(fields_type, "" | "FieldsV1") {
            errors.invalid(&path.child("fieldsType"), Bad::Text(fields_type), "must be `FieldsV1`");
        }
        if get::text(entry, "manager").len() > 128 {
            errors.too_long(&path.child("manager"), 128);
        }
        if get::text(entry, "subresource").len() > 256 {
            errors.too_long(&path.child("subresource"), 256);
        }
    }
}

/// The rules of an update. The registry checks the common ones before the kind does, and both compare with
/// the stored object: a bad label is reported three times among the causes, and once in the text.
pub(super) fn object_meta_update(new: &Value, old: &Value, errors: &mut Errors) {
    let generate = get::text(new, "generateName");
    for bad in ["/", "%"].iter().filter(|bad| generate.contains(**bad)) {
        let detail = format!("may not contain '{bad}'");
        errors.invalid(&METADATA.child("generateName"), Bad::Text(generate), &detail);
    }
    common(new, errors);
    let finalizers = METADATA.child("finalizers");
    finalizer_names(new, &finalizers, errors);
    managed_fields(new, errors);
    compare(new, old, errors);
    compare(new, old, errors);
    standard_finalizers(new, &finalizers, errors);
}

/// `ValidateObjectMetaAccessorUpdate`.
fn compare(new: &Value, old: &Value, errors: &mut Errors) {
    if !get::at(old, "deletionTimestamp").is_null() {
        let old_names = get::texts(old, "finalizers");
        let mut extra: Vec<_> = get::texts(new, "finalizers");
        extra.retain(|f| !old_names.contains(f));
        extra.sort_unstable();
        if !extra.is_empty() {
            let list: Vec<_> = extra.iter().map(|f| crate::manifest::go::quote(f)).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                list.join(", ")
            );
            errors.forbidden(&METADATA.child("finalizers"), &detail);
        }
    }
    if get::int(new, "generation") < get::int(old, "generation") {
        let generation = Bad::Int(get::int(new, "generation"));
        errors.invalid(&METADATA.child("generation"), generation, "must not be decremented");
    }
    for key in ["name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (now, before) = (get::at(new, key), get::at(old, key));
        if now != before {
            let bad = match now.as_str() {
                Some(text) if matches!(key, "name" | "namespace") => Bad::Text(text),
                _ => Bad::Value(now),
            };
            errors.invalid(&METADATA.child(key), bad, "field is immutable");
        }
    }
    common(new, errors);
    managed_fields(new, errors);
}
