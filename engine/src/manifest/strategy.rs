//! What the API server does between decoding and validation: names, versions, generations, status.

use super::error::Refusal;
use super::get::{self, object_mut};
use super::go;
use super::normal;
use super::registry::Kind;
use super::tree::Node;
use serde_json::{Map, Value, json};

/// The annotation in which apps/v1 carries a DaemonSet's template generation.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Where the template generation lives while an object is being admitted.
const INTERNAL: &str = "templateGeneration";

/// Conversion to the internal form: the template generation leaves the annotations.
///
/// # Errors
/// Go's text if it is no integer.
pub(crate) fn convert(kind: &Kind, object: &mut Value) -> Result<(), String> {
    if kind.name != "DaemonSet" {
        return Ok(());
    }
    let rolling = object.get_mut("spec").and_then(|s| s.get_mut("updateStrategy")?.get_mut("rollingUpdate"));
    if let Some(rolling) = rolling.and_then(Value::as_object_mut) {
        // The internal form has plain numbers here: what is absent becomes 0.
        for key in ["maxUnavailable", "maxSurge"] {
            rolling.entry(key).or_insert_with(|| 0.into());
        }
    }
    let annotations = object.get_mut("metadata").and_then(|m| m.get_mut("annotations"));
    let Some(found) = annotations.and_then(Value::as_object_mut).and_then(|a| a.remove(TEMPLATE_GENERATION))
    else {
        return Ok(());
    };
    let text = found.as_str().unwrap_or("");
    let generation = parse_int(text)?;
    if let Some(spec) = object.as_object_mut().and_then(|o| object_mut(o, "spec")) {
        spec.insert(INTERNAL.to_owned(), generation.into());
    }
    Ok(())
}

/// `strconv.ParseInt(text, 10, 64)`.
fn parse_int(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let problem = if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse() {
            Ok(value) => return Ok(value),
            Err(_) => "value out of range",
        }
    };
    Err(format!("strconv.ParseInt: parsing {}: {problem}", go::quote(text)))
}

/// Namespace and name of the request against those of the object.
pub(crate) fn request_names(
    kind: &Kind,
    object: &mut Value,
    previous: Option<&Value>,
    namespace: &str,
    root: &Node,
) -> Result<(), Refusal> {
    let Some(metadata) = object.as_object_mut().and_then(|o| object_mut(o, "metadata")) else {
        return Ok(());
    };
    let given = metadata.get("namespace").and_then(Value::as_str).unwrap_or("").to_owned();
    if !kind.namespaced {
        metadata.remove("namespace");
    } else if given.is_empty() {
        metadata.insert("namespace".to_owned(), namespace.into());
    } else if given != namespace {
        let text = "the namespace of the provided object does not match the namespace sent on the request";
        let place = root.locate("metadata.namespace");
        return Err(Refusal::bad_request(text.to_owned(), "metadata.namespace", text, Some(place)));
    }
    let Some(old) = previous else { return Ok(()) };
    let stored = get::text(get::at(old, "metadata"), "name");
    let given = metadata.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
    let refuse = |text: String| {
        let place = root.locate("metadata.name");
        Err(Refusal::bad_request(text.clone(), "metadata.name", &text, Some(place)))
    };
    if given.is_empty() {
        return refuse(format!(
            "the name of the object ({stored} based on URL) was undeterminable: Internal error occurred: name must \
             be provided"
        ));
    }
    if given != stored {
        return refuse(format!(
            "the name of the object ({given}) does not match the name on the URL ({stored})"
        ));
    }
    Ok(())
}

/// Preconditions of an update: the resource version and the uid, where both objects state them. A cluster
/// that keeps neither has no conflicts.
pub(crate) fn check_version(kind: &Kind, object: &Value, previous: Option<&Value>) -> Result<(), Refusal> {
    let Some(old) = previous else { return Ok(()) };
    let (new, old) = (get::at(object, "metadata"), get::at(old, "metadata"));
    let conflict = |text: String| Refusal {
        code: 409,
        reason: "Conflict",
        message: format!(
            "Operation cannot be fulfilled on {} {}: {text}",
            kind.qualified_resource(),
            go::quote(get::text(old, "name"))
        ),
        problems: Vec::new(),
    };
    let uid = get::text(new, "uid");
    let stored = get::text(old, "uid");
    if !uid.is_empty() && !stored.is_empty() && uid != stored {
        return Err(conflict(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {stored}"
        )));
    }
    let version = get::text(new, "resourceVersion");
    if version.is_empty() || version == "0" {
        return Ok(());
    }
    if version.parse::<u64>().is_err() {
        let message = format!("strconv.ParseUint: parsing {}: invalid syntax", go::quote(version));
        return Err(Refusal { code: 500, reason: "", message, problems: Vec::new() });
    }
    let stored = get::text(old, "resourceVersion");
    if !stored.is_empty() && version != stored {
        let text =
            "the object has been modified; please apply your changes to the latest version and try again";
        return Err(conflict(text.to_owned()));
    }
    Ok(())
}

/// `PrepareForCreate` or `PrepareForUpdate`, and the system fields of the metadata.
pub(crate) fn prepare(kind: &Kind, object: &mut Value, previous: Option<&Value>) {
    match previous {
        None => prepare_create(kind, object),
        Some(old) => prepare_update(kind, object, old),
    }
}

fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.as_object_mut().and_then(|o| object_mut(o, "metadata"))
}

/// Kinds whose generation counts changes of the spec.
fn has_generation(kind: &Kind) -> bool {
    matches!(
        kind.name,
        "DaemonSet" | "ReplicaSet" | "Deployment" | "PodDisruptionBudget" | "Pod" | "PriorityClass"
    )
}

fn prepare_create(kind: &Kind, object: &mut Value) {
    if let Some(metadata) = metadata(object) {
        for key in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "managedFields",
        ] {
            metadata.remove(key);
        }
        if has_generation(kind) {
            metadata.insert("generation".to_owned(), 1.into());
        }
        generate_name(metadata);
    }
    let Some(map) = object.as_object_mut() else { return };
    match kind.name {
        "DaemonSet" => {
            map.remove("status");
            if let Some(spec) = object_mut(map, "spec") {
                let given = spec.get(INTERNAL).and_then(Value::as_i64).unwrap_or(0);
                spec.insert(INTERNAL.to_owned(), given.max(1).into());
            }
        }
        "ReplicaSet" | "Deployment" | "PodDisruptionBudget" => {
            map.remove("status");
        }
        "Pod" => {
            map.insert("status".to_owned(), json!({"phase": "Pending"}));
        }
        "Namespace" => {
            map.insert("status".to_owned(), json!({"phase": "Active"}));
            if let Some(spec) = object_mut(map, "spec") {
                let finalizers = spec.entry("finalizers").or_insert_with(|| json!([]));
                if let Some(list) = finalizers.as_array_mut().filter(|l| !l.iter().any(|f| f == "kubernetes"))
                {
                    list.push("kubernetes".into());
                }
            }
        }
        _ => {}
    }
}

/// Five letters and digits after `generateName`. The API server draws them; here they follow from the
/// object's other metadata, so that the same manifest always gets the same name.
fn generate_name(metadata: &mut Map<String, Value>) {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    const PREFIX_MAX: usize = 58;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or("");
    let prefix = text("generateName");
    if !text("name").is_empty() || prefix.is_empty() {
        return;
    }
    let mut name: String = prefix.chars().take(PREFIX_MAX).collect();
    let seed = serde_json::to_string(metadata).unwrap_or_default();
    let mut hash = xxhash_rust::xxh3::xxh3_64(seed.as_bytes());
    for _ in 0..5 {
        name.push(char::from(LETTERS[(hash % 27) as usize]));
        hash /= 27;
    }
    metadata.insert("name".to_owned(), name.into());
}

fn prepare_update(kind: &Kind, object: &mut Value, old: &Value) {
    let old_meta = get::at(old, "metadata");
    if let Some(metadata) = metadata(object) {
        for key in ["generation", "uid", "creationTimestamp", "resourceVersion"] {
            match old_meta.get(key) {
                Some(value) => metadata.insert(key.to_owned(), value.clone()),
                None => metadata.remove(key),
            };
        }
        // A deletion, once begun, stays; one that the update invents is left for validation to refuse.
        for key in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            if let Some(value) = old_meta.get(key) {
                metadata.insert(key.to_owned(), value.clone());
            }
        }
        metadata.remove("selfLink");
        metadata.remove("managedFields");
    }
    let status = get::at(old, "status").clone();
    if let Some(map) = object.as_object_mut() {
        if status.is_null() {
            map.remove("status")
        } else {
            map.insert("status".to_owned(), status)
        };
    }
    let stored = template_generation(old);
    if kind.name == "DaemonSet" {
        let changed = written(kind, object, "template") != written(kind, old, "template");
        let generation = stored + i64::from(changed);
        if let Some(spec) = object.as_object_mut().and_then(|o| object_mut(o, "spec")) {
            spec.insert(INTERNAL.to_owned(), generation.into());
        }
    }
    if has_generation(kind) && written(kind, object, "") != written(kind, old, "") {
        let generation = get::int(old_meta, "generation") + 1;
        if let Some(metadata) = metadata(object) {
            metadata.insert("generation".to_owned(), generation.into());
        }
    }
}

/// The spec (or a part of it) in written form, so that nil and empty are one.
fn written(kind: &Kind, object: &Value, part: &str) -> Value {
    let mut copy = json!({ "spec": get::at(object, "spec") });
    if let Some(spec) = copy["spec"].as_object_mut() {
        spec.remove(INTERNAL);
    }
    normal::normalise(&mut copy, kind.schema());
    if part.is_empty() { copy["spec"].take() } else { copy["spec"][part].take() }
}

/// The template generation of a stored DaemonSet.
pub(crate) fn template_generation(object: &Value) -> i64 {
    let annotations = get::path(object, &["metadata", "annotations"]);
    get::text(annotations, TEMPLATE_GENERATION).parse().unwrap_or(0)
}

/// Back to the public form: the template generation returns to the annotations; kind and version are set.
pub(crate) fn finish(kind: &Kind, object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    map.insert("kind".to_owned(), kind.name.into());
    map.insert("apiVersion".to_owned(), kind.api_version().into());
    let generation = map.get_mut("spec").and_then(Value::as_object_mut).and_then(|s| s.remove(INTERNAL));
    if let Some(generation) = generation
        && let Some(annotations) = object_mut(map, "metadata").and_then(|m| object_mut(m, "annotations"))
    {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
    }
}

/// Whether the template generation of the object being admitted differs from the stored one.
pub(crate) fn template_changed(object: &Value, old: &Value) -> bool {
    get::int(get::at(object, "spec"), INTERNAL) != template_generation(old)
}
