//! What the API server has against creating a DaemonSet's pods.

use crate::cluster::{Cluster, DaemonSet, Object, ObjectSpec};
use crate::names::{Names, Sym, sym};

/// A refusal, the same for all pods of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The API server's words.
    pub reason: String,
    /// The namespace is going away: the controller does not count such a refusal as a failure.
    pub namespace_terminating: bool,
}

/// Why the DaemonSet's pods cannot be created now, after the admission plugins NamespaceLifecycle and Priority.
pub(super) fn refusal(
    cluster: &Cluster,
    names: &Names,
    object: &Object,
    spec: &DaemonSet,
) -> Option<Refusal> {
    let namespace = object.key.namespace;
    let text = names.text(namespace);
    if cluster.find_object(sym::NAMESPACE, Sym::EMPTY, namespace).is_some_and(|n| n.deleting.is_some()) {
        let reason = format!(
            "pods is forbidden: unable to create new content in namespace {text} because it is being terminated"
        );
        return Some(Refusal { reason, namespace_terminating: true });
    }
    let class = names.text(spec.priority_class);
    let known = matches!(class, "" | "system-node-critical" | "system-cluster-critical")
        || cluster
            .find_object(sym::PRIORITY_CLASS, Sym::EMPTY, spec.priority_class)
            .is_some_and(|object| matches!(object.spec, ObjectSpec::PriorityClass { .. }));
    (!known).then(|| Refusal {
        reason: format!("pods is forbidden: no PriorityClass with name {class} was found"),
        namespace_terminating: false,
    })
}
