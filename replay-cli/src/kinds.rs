//! The kinds that can be named on the command line, with kubectl's short names.

/// A kind of object.
#[derive(Debug)]
pub struct Kind {
    /// As in manifests.
    pub kind: &'static str,
    /// As kubectl lists them.
    pub plural: &'static str,
    short: &'static [&'static str],
    group: &'static str,
    /// Whether its objects have a namespace.
    pub namespaced: bool,
}

/// Pods.
pub static POD: Kind = Kind { kind: "Pod", plural: "pods", short: &["po"], group: "", namespaced: true };

static OTHERS: [Kind; 10] = [
    Kind { kind: "Node", plural: "nodes", short: &["no"], group: "", namespaced: false },
    Kind { kind: "Namespace", plural: "namespaces", short: &["ns"], group: "", namespaced: false },
    Kind { kind: "DaemonSet", plural: "daemonsets", short: &["ds"], group: "apps", namespaced: true },
    Kind { kind: "Deployment", plural: "deployments", short: &["deploy"], group: "apps", namespaced: true },
    Kind { kind: "ReplicaSet", plural: "replicasets", short: &["rs"], group: "apps", namespaced: true },
    Kind { kind: "StatefulSet", plural: "statefulsets", short: &["sts"], group: "apps", namespaced: true },
    Kind { kind: "Job", plural: "jobs", short: &[], group: "batch", namespaced: true },
    Kind {
        kind: "PriorityClass",
        plural: "priorityclasses",
        short: &["pc"],
        group: "scheduling.k8s.io",
        namespaced: false,
    },
    Kind {
        kind: "PodDisruptionBudget",
        plural: "poddisruptionbudgets",
        short: &["pdb"],
        group: "policy",
        namespaced: true,
    },
    Kind { kind: "Service", plural: "services", short: &["svc"], group: "", namespaced: true },
];

/// Kinds that a simulation needs: a manifest of one is refused rather than skipped when it cannot be read.
pub const SIMULATED: [&str; 9] = [
    "DaemonSet",
    "ReplicaSet",
    "Deployment",
    "ControllerRevision",
    "Pod",
    "Node",
    "Namespace",
    "PriorityClass",
    "PodDisruptionBudget",
];

/// All of them.
fn all() -> impl Iterator<Item = &'static Kind> {
    std::iter::once(&POD).chain(OTHERS.iter())
}

/// The kind of a name: singular, plural or short, in any case, with or without its group.
pub fn find(name: &str) -> Option<&'static Kind> {
    let name = name.to_ascii_lowercase();
    all().find(|kind| {
        let bare = name.strip_suffix(kind.group).and_then(|n| n.strip_suffix('.'));
        let bare = bare.filter(|_| !kind.group.is_empty()).unwrap_or(&name);
        bare == kind.plural || bare == kind.kind.to_ascii_lowercase() || kind.short.contains(&bare)
    })
}

/// The names, for people.
pub fn list() -> String {
    all().map(|kind| kind.kind.to_ascii_lowercase()).collect::<Vec<_>>().join(", ")
}

impl Kind {
    /// `daemonset.apps`, as kubectl names what it has done something to.
    pub fn qualified(&self) -> String {
        let kind = self.kind.to_ascii_lowercase();
        if self.group.is_empty() { kind } else { format!("{kind}.{}", self.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_all_of_kubectls_names() {
        for name in ["ds", "daemonset", "DaemonSet", "daemonsets", "daemonsets.apps", "DaemonSet.apps"] {
            assert_eq!(find(name).map(|kind| kind.kind), Some("DaemonSet"), "{name}");
        }
        assert_eq!(find("daemonset").map(Kind::qualified).as_deref(), Some("daemonset.apps"));
        assert_eq!(find("po").map(Kind::qualified).as_deref(), Some("pod"));
        assert!(find("cronjob").is_none());
    }
}
