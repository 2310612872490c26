//! Defaults of the workloads: `SetDefaults_DaemonSet`, `SetDefaults_ReplicaSet`, `SetDefaults_Deployment`.

use super::{Object, pod, set, set_text};
use crate::manifest::get::object_mut;
use serde_json::Value;

fn template(spec: &mut Object) {
    if let Some(template) = object_mut(spec, "template") {
        pod::template(template);
    }
}

/// Labels and selector have no default in apps/v1.
pub(super) fn daemon_set(object: &mut Object) {
    let Some(spec) = object_mut(object, "spec") else { return };
    template(spec);
    if let Some(strategy) = object_mut(spec, "updateStrategy") {
        set_text(strategy, "type", "RollingUpdate");
        if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate")
            && let Some(rolling) = object_mut(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", 1);
            set(rolling, "maxSurge", 0);
        }
    }
    set(spec, "revisionHistoryLimit", 10);
}

pub(super) fn replica_set(object: &mut Object) {
    let Some(spec) = object_mut(object, "spec") else { return };
    set(spec, "replicas", 1);
    template(spec);
}

pub(super) fn deployment(object: &mut Object) {
    let Some(spec) = object_mut(object, "spec") else { return };
    set(spec, "replicas", 1);
    template(spec);
    if let Some(strategy) = object_mut(spec, "strategy") {
        set_text(strategy, "type", "RollingUpdate");
        if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate")
            && let Some(rolling) = object_mut(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", "25%");
            set(rolling, "maxSurge", "25%");
        }
    }
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
}
