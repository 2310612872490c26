//! Validation: the rules of the API server by field path, in its order and its words.

mod affinity;
mod cluster;
mod container;
mod env;
mod errors;
mod fields;
mod file_paths;
mod internal;
mod meta;
mod mounts;
mod network;
mod pod_spec;
mod probe;
mod projected;
mod resources;
mod scope;
mod security;
mod selector;
mod storage;
mod template;
pub(crate) mod text;
mod tolerations;
mod volumes;
mod windows;
mod workloads;

pub(crate) use errors::Path;

use super::error::Problem;
use super::get;
use super::registry::Kind;
use errors::Errors;
use meta::NameRule;
use serde_json::Value;

/// Everything that is wrong with `object`, as a new object or as the successor of `old`.
pub(crate) fn validate(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<Problem> {
    let mut errors = Errors::default();
    let metadata = get::at(object, "metadata");
    let rule = if kind.name == "Namespace" { NameRule::Label } else { NameRule::Subdomain };
    if let Some(old) = old {
        meta::object_meta_update(metadata, get::at(old, "metadata"), &mut errors);
    } else {
        meta::object_meta(metadata, kind.namespaced, rule, &mut errors);
    }
    match kind.name {
        "DaemonSet" => workloads::daemon_set(object, old, &mut errors),
        "ReplicaSet" => workloads::replica_set(object, old, &mut errors),
        "Deployment" => workloads::deployment(object, old, &mut errors),
        "ControllerRevision" => cluster::controller_revision(object, old, &mut errors),
        "Pod" => cluster::pod(object, old, &mut errors),
        "Node" => cluster::node(object, old, &mut errors),
        "Namespace" => cluster::namespace(object, &mut errors),
        "PriorityClass" => cluster::priority_class(object, old, &mut errors),
        "PodDisruptionBudget" => cluster::disruption_budget(object, old, &mut errors),
        _ => {}
    }
    errors.into_problems()
}
