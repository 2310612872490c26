//! Manifests, templates and pods' documents without names.
//!
//! What decides where pods go stays what it is: labels, selectors, affinity, tolerations, resources, ports, strategies. Values
//! of environment variables, commands, arguments and annotations become hashes of themselves, because a change of one is a
//! change of the template, which the controller answers with a rollout. The same part gives the same result wherever it stands, so that a
//! template, its revision and its pods still belong together.

use serde_json::{Map, Value, json};

use super::event::Texts;
use crate::cluster::TEMPLATE_GENERATION_ANNOTATION;

/// What stands for all annotations of an object that were dropped.
const ANNOTATIONS: &str = "kubetape/annotations";

/// Redacts a document: a manifest (`metadata`, `spec`), a template or a pod's.
pub(super) fn document(texts: &mut Texts, value: &mut Value) {
    let Some(root) = value.as_object_mut() else { return };
    for (key, part) in root.iter_mut() {
        match key.as_str() {
            "metadata" => metadata(texts, part),
            "spec" => tree(texts, "spec", part),
            "data" | "stringData" | "binaryData" => opaque(texts, part),
            "apiVersion" | "kind" | "value" | "globalDefault" | "preemptionPolicy" => {}
            "status" => *part = json!({}),
            _ => tree(texts, key, part),
        }
    }
}

fn metadata(texts: &mut Texts, value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    for dropped in ["managedFields", "uid", "selfLink"] {
        fields.remove(dropped);
    }
    for (key, part) in fields.iter_mut() {
        match key.as_str() {
            "name" | "generateName" | "namespace" => name(texts, part),
            "labels" => labels(texts, part),
            "annotations" => annotations(texts, part),
            "ownerReferences" => {
                for owner in part.as_array_mut().into_iter().flatten() {
                    let Some(owner) = owner.as_object_mut() else { continue };
                    owner.remove("uid");
                    owner.get_mut("name").into_iter().for_each(|part| name(texts, part));
                }
            }
            _ => {}
        }
    }
}

/// Everything below a spec, by the names of its fields.
fn tree(texts: &mut Texts, key: &str, value: &mut Value) {
    match (key, &mut *value) {
        ("metadata", _) => metadata(texts, value),
        ("labels" | "matchLabels" | "nodeSelector" | "podSelector", Value::Object(map))
            if map.values().all(Value::is_string) =>
        {
            labels(texts, value);
        }
        ("annotations", _) => annotations(texts, value),
        ("matchExpressions" | "matchFields", Value::Array(list)) => {
            list.iter_mut().for_each(|requirement| expression(texts, key, requirement));
        }
        ("tolerations" | "taints", Value::Array(list)) => {
            list.iter_mut().for_each(|toleration| toleration_or_taint(texts, toleration));
        }
        ("env", Value::Array(list)) => list.iter_mut().for_each(|variable| environment(texts, variable)),
        ("command" | "args", _) => opaque(texts, value),
        ("exec" | "httpHeaders" | "flexVolume" | "csi" | "options", _) => opaque(texts, value),
        (_, Value::Object(map)) => {
            for (key, part) in map {
                tree(texts, key, part);
            }
        }
        (_, Value::Array(list)) => list.iter_mut().for_each(|part| tree(texts, key, part)),
        ("topologyKey", Value::String(key)) => *key = texts.label_key(key),
        (_, Value::String(_)) if is_name(key) => name(texts, value),
        _ => {}
    }
}

/// The fields that hold names that people choose.
fn is_name(key: &str) -> bool {
    matches!(
        key,
        "name"
            | "nodeName"
            | "serviceAccountName"
            | "serviceAccount"
            | "priorityClassName"
            | "runtimeClassName"
            | "schedulerName"
            | "image"
            | "hostname"
            | "subdomain"
            | "namespace"
            | "namespaces"
            | "secretName"
            | "claimName"
            | "serviceName"
            | "storageClassName"
            | "volumeName"
            | "resourceClaimName"
            | "ip"
            | "port"
            | "hostnames"
            | "host"
            | "path"
            | "mountPath"
            | "subPath"
            | "workingDir"
            | "server"
            | "nameservers"
            | "searches"
    )
}

fn name(texts: &mut Texts, value: &mut Value) {
    if let Value::String(text) = value {
        *text = texts.name(text);
    }
}

fn labels(texts: &mut Texts, value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    let redacted: Map<String, Value> = std::mem::take(map)
        .into_iter()
        .map(|(key, value)| {
            let value = value.as_str().map_or(value.clone(), |text| texts.label_value(text).into());
            (texts.label_key(&key), value)
        })
        .collect();
    *map = redacted;
}

/// All annotations become one that tells whether they are the same; a template generation stays.
fn annotations(texts: &mut Texts, value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    let generation = map.remove(TEMPLATE_GENERATION_ANNOTATION);
    if !map.is_empty() {
        let digest = texts.digest(&Value::Object(std::mem::take(map)).to_string());
        map.insert(ANNOTATIONS.into(), digest.into());
    }
    if let Some(generation) = generation {
        map.insert(TEMPLATE_GENERATION_ANNOTATION.into(), generation);
    }
}

fn expression(texts: &mut Texts, list: &str, value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    let is_field = list == "matchFields";
    if !is_field && let Some(Value::String(key)) = fields.get_mut("key") {
        *key = texts.label_key(key);
    }
    for value in fields.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::String(text) = value {
            // The only field that there is to match is the node's name.
            *text = if is_field { texts.name(text) } else { texts.label_value(text) };
        }
    }
}

fn toleration_or_taint(texts: &mut Texts, value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    if let Some(Value::String(key)) = fields.get_mut("key") {
        *key = texts.label_key(key);
    }
    if let Some(Value::String(value)) = fields.get_mut("value") {
        *value = texts.label_value(value);
    }
}

fn environment(texts: &mut Texts, value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    for (key, part) in fields {
        match key.as_str() {
            "value" => opaque(texts, part),
            "name" => name(texts, part),
            _ => tree(texts, key, part),
        }
    }
}

/// Texts of which only a hash is left.
fn opaque(texts: &mut Texts, value: &mut Value) {
    match value {
        Value::String(text) if !text.is_empty() => *text = texts.digest(text),
        Value::Array(list) => list.iter_mut().for_each(|part| opaque(texts, part)),
        Value::Object(map) => map.values_mut().for_each(|part| opaque(texts, part)),
        _ => {}
    }
}
