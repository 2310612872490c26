//! The kinds that this door knows, and what else the API server has registered beside them.

use super::schema::{self, Struct};

/// A kind that can be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub name: &'static str,
    pub group: &'static str,
    /// The version that is stored and served.
    pub version: &'static str,
    /// Older versions that decode but are not served any more.
    pub older: &'static [&'static str],
    /// The resource in URLs and in conflict texts.
    pub resource: &'static str,
    pub namespaced: bool,
}

/// Every kind that can be admitted.
pub(crate) const KINDS: [Kind; 9] = [
    apps("DaemonSet", "daemonsets", &["apps/v1beta2", "extensions/v1beta1"]),
    apps("ReplicaSet", "replicasets", &["apps/v1beta2", "extensions/v1beta1"]),
    apps("Deployment", "deployments", &["apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"]),
    apps("ControllerRevision", "controllerrevisions", &["apps/v1beta1", "apps/v1beta2"]),
    core("Pod", "pods", true),
    core("Node", "nodes", false),
    core("Namespace", "namespaces", false),
    Kind {
        name: "PriorityClass",
        group: "scheduling.k8s.io",
        version: "v1",
        older: &["scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1alpha1"],
        resource: "priorityclasses",
        namespaced: false,
    },
    Kind {
        name: "PodDisruptionBudget",
        group: "policy",
        version: "v1",
        older: &["policy/v1beta1"],
        resource: "poddisruptionbudgets",
        namespaced: true,
    },
];

const fn apps(name: &'static str, resource: &'static str, older: &'static [&'static str]) -> Kind {
    Kind { name, group: "apps", version: "v1", older, resource, namespaced: true }
}

const fn core(name: &'static str, resource: &'static str, namespaced: bool) -> Kind {
    Kind { name, group: "", version: "v1", older: &[], resource, namespaced }
}

/// Kinds that the API server decodes too; enough of them to tell a wrong kind from an unknown one.
const OTHERS: [(&str, &[&str]); 3] = [
    (
        "v1",
        &[
            "List",
            "Service",
            "ConfigMap",
            "Secret",
            "ServiceAccount",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Binding",
            "PodList",
            "NodeList",
            "NamespaceList",
            "ServiceList",
        ],
    ),
    (
        "apps/v1",
        &[
            "StatefulSet",
            "DaemonSetList",
            "DeploymentList",
            "ReplicaSetList",
            "StatefulSetList",
            "ControllerRevisionList",
        ],
    ),
    ("batch/v1", &["Job", "CronJob", "JobList", "CronJobList"]),
];

impl Kind {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `DaemonSet.apps`, as error texts name it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.name, self.group) }
    }

    /// `daemonsets.apps`, as conflict texts name it.
    pub fn qualified_resource(&self) -> String {
        if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    /// Its fields.
    pub fn schema(&self) -> &'static Struct {
        schema::lookup(self.name).expect("the table has every kind: a test looks them up")
    }

    /// Whether this API version decodes as this kind.
    pub fn decodes(&self, api_version: &str) -> bool {
        self.api_version() == api_version || self.older.contains(&api_version)
    }
}

/// The kind of this name that decodes this API version.
pub(crate) fn find(api_version: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == kind && k.decodes(api_version))
}

/// Whether the API server knows the kind at all.
pub(crate) fn registered(api_version: &str, kind: &str) -> bool {
    find(api_version, kind).is_some()
        || OTHERS.iter().any(|(v, kinds)| *v == api_version && kinds.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_fields() {
        for kind in &KINDS {
            assert!(kind.schema().field("metadata").is_some(), "{}", kind.name);
        }
    }
}
