//! Defaults, as the API server fills them in when it decodes a v1 object.

mod apps;
mod image;
mod pod;

use super::registry::Kind;
use serde_json::{Map, Value};

/// Fills in the defaults of the kind. The object has passed strict decoding.
pub(crate) fn apply(kind: &Kind, object: &mut Map<String, Value>) {
    match kind.name {
        "DaemonSet" => apps::daemon_set(object),
        "ReplicaSet" => apps::replica_set(object),
        "Deployment" => apps::deployment(object),
        "Pod" => pod::pod(object),
        "Node" => node(object),
        "Namespace" => namespace(object),
        "PriorityClass" => set_text(object, "preemptionPolicy", "PreemptLowerPriority"),
        _ => {}
    }
}

type Object = Map<String, Value>;

/// Sets the field unless something is there (a pointer field).
fn set(object: &mut Object, key: &str, value: impl Into<Value>) {
    let slot = object.entry(key.to_owned()).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value.into();
    }
}

/// Sets a string field that is absent or empty.
fn set_text(object: &mut Object, key: &str, value: &str) {
    if object.get(key).and_then(Value::as_str).unwrap_or("").is_empty() {
        object.insert(key.to_owned(), value.into());
    }
}

/// Sets an integer field that is absent or zero.
fn set_int(object: &mut Object, key: &str, value: i64) {
    if object.get(key).and_then(Value::as_i64).unwrap_or(0) == 0 {
        object.insert(key.to_owned(), value.into());
    }
}

/// The structure of this key, if it is there.
fn child<'a>(object: &'a mut Object, key: &str) -> Option<&'a mut Object> {
    object.get_mut(key).and_then(Value::as_object_mut)
}

/// Calls `each` for every structure of a list.
fn for_each(object: &mut Object, key: &str, mut each: impl FnMut(&mut Object)) {
    if let Some(items) = object.get_mut(key).and_then(Value::as_array_mut) {
        items.iter_mut().filter_map(Value::as_object_mut).for_each(&mut each);
    }
}

/// `SetDefaults_NodeStatus`: allocatable is capacity.
fn node(object: &mut Object) {
    let Some(status) = child(object, "status") else { return };
    pod::resource_list(status, "capacity");
    pod::resource_list(status, "allocatable");
    if let Some(capacity) = status.get("capacity").filter(|c| c.is_object()).cloned() {
        set(status, "allocatable", capacity);
    }
}

/// `SetDefaults_Namespace`: the label with the name; `SetDefaults_NamespaceStatus`.
fn namespace(object: &mut Object) {
    let name = object.get("metadata").and_then(|m| m.get("name")).and_then(Value::as_str).unwrap_or("");
    if !name.is_empty() {
        let name = name.to_owned();
        if let Some(labels) = child(object, "metadata").and_then(|m| super::get::object_mut(m, "labels")) {
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
        }
    }
    if let Some(status) = super::get::object_mut(object, "status") {
        set_text(status, "phase", "Active");
    }
}
