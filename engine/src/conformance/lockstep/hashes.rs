//! Which label a template's revision has in a recording.
//!
//! Kubernetes hashes a dump of its own data structures; the engine's hashes are others. Recordings hold pods
//! with labels of revisions that only come to be as the scenario runs. So the labels are learnt from the
//! scenario's objects: revisions say theirs, and a pod was made from the template whose pods look like it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cluster::daemon_pod_doc;
use crate::conformance::objects;
use crate::names::{DocId, Names, Sym};

/// Learns the labels of a scenario.
pub(super) fn of(case: &Value, names: &mut Names) -> Result<BTreeMap<DocId, Sym>, String> {
    let list = |field: &str| case.get(field).and_then(Value::as_array).into_iter().flatten();
    let ops = || list("steps").filter_map(|step| step.get("ops")?.as_array()).flatten();
    let mut hashes = BTreeMap::new();
    for revision in list("controllerRevisions") {
        let mut template = revision.pointer("/data/spec/template").cloned().unwrap_or_default();
        if let Some(template) = template.as_object_mut() {
            template.remove("$patch");
        }
        let hash = names.sym(hash_label(revision));
        hashes.insert(names.doc(&template.to_string()), hash);
    }
    let known: BTreeSet<Sym> = hashes.values().copied().collect();
    let daemon_sets = list("daemonSets").chain(ops().filter_map(|op| op.get("daemonSet")));
    let templates: Vec<&Value> = daemon_sets.filter_map(|ds| ds.pointer("/spec/template")).collect();
    let pods = list("pods").chain(ops()).filter_map(|entry| entry.get("pod"));
    for pod in pods.filter(|pod| !hash_label(pod).is_empty()) {
        let hash = names.sym(hash_label(pod));
        if known.contains(&hash) {
            continue;
        }
        for template in templates.iter().filter(|template| looks_like(template, pod)) {
            hashes.entry(names.doc(&template.to_string())).or_insert(hash);
        }
    }
    Ok(hashes)
}

fn hash_label(object: &Value) -> &str {
    objects::text(object, "/metadata/labels/controller-revision-hash")
}

/// Whether a pod is one that the controller makes from a template.
fn looks_like(template: &Value, pod: &Value) -> bool {
    let made = daemon_pod_doc(template);
    let mut spec = pod.get("spec").cloned().unwrap_or_default();
    let fields = ["nodeName", "affinity", "priority", "preemptionPolicy"];
    if let Some(spec) = spec.as_object_mut() {
        fields.iter().for_each(|field| drop(spec.remove(*field)));
    }
    let mut made_spec = made.get("spec").cloned().unwrap_or_default();
    if let Some(made_spec) = made_spec.as_object_mut() {
        fields.iter().for_each(|field| drop(made_spec.remove(*field)));
    }
    let mut labels = pod.pointer("/metadata/labels").cloned().unwrap_or_default();
    if let Some(labels) = labels.as_object_mut() {
        labels.remove("controller-revision-hash");
        labels.remove("pod-template-generation");
    }
    made_spec == spec && made.pointer("/metadata/labels") == Some(&labels)
}
