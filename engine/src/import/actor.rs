//! Who a user name is, and on which track its deeds belong.

use crate::event::Track;

/// A component of a cluster, or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Actor {
    DaemonSetController,
    ReplicaSetController,
    DeploymentController,
    /// StatefulSets, Jobs, and what else runs in the controller manager without being modelled.
    OtherController,
    Scheduler,
    Kubelet,
    /// Taints and conditions of nodes, and taint eviction.
    NodeLifecycle,
    PodGarbageCollector,
    /// The garbage collector of owned objects, and namespaces' deletion.
    OwnerGarbageCollector,
    /// People, their scripts, and operators that they run.
    Person,
}

impl Actor {
    /// The actor behind a user of the API. Controllers without service accounts of their own all use one name and
    /// differ in the last part of the user agent; other kubelets than nodes' own show in its first part.
    pub fn of(user: &str, agent: &str) -> Actor {
        if user.starts_with("system:node:") {
            return Actor::Kubelet;
        }
        if user == "system:kube-scheduler" || agent.ends_with("/scheduler") {
            return Actor::Scheduler;
        }
        if let Some(account) = user.strip_prefix("system:serviceaccount:kube-system:") {
            return Actor::of_controller(account);
        }
        if user == "system:kube-controller-manager" {
            return Actor::of_controller(agent.rsplit('/').next().unwrap_or_default());
        }
        let program = agent.split('/').next().unwrap_or_default();
        if program == "kubelet" || program == "hollow-kubelet" || program == "kubemark" {
            return Actor::Kubelet;
        }
        if user == "system:apiserver" {
            return Actor::OtherController;
        }
        Actor::Person
    }

    /// The actor that a controller's service account, or an Event's component, names.
    pub fn of_controller(name: &str) -> Actor {
        match name.rsplit(':').next().unwrap_or_default() {
            "daemon-set-controller" | "daemonset-controller" => Actor::DaemonSetController,
            "replicaset-controller" => Actor::ReplicaSetController,
            "deployment-controller" => Actor::DeploymentController,
            "default-scheduler" | "kube-scheduler" => Actor::Scheduler,
            "kubelet" => Actor::Kubelet,
            "node-controller"
            | "node-lifecycle-controller"
            | "taint-eviction-controller"
            | "tainteviction-controller"
            | "device-taint-eviction-controller" => Actor::NodeLifecycle,
            "pod-garbage-collector" | "pod-garbage-collector-controller" => Actor::PodGarbageCollector,
            "generic-garbage-collector" | "namespace-controller" | "ttl-after-finished-controller" => {
                Actor::OwnerGarbageCollector
            }
            _ => Actor::OtherController,
        }
    }

    /// The track of what it does to nodes.
    pub fn track_on_nodes(self) -> Track {
        match self {
            Actor::NodeLifecycle | Actor::PodGarbageCollector | Actor::OwnerGarbageCollector => {
                Track::Lifecycle
            }
            _ => Track::Cluster,
        }
    }

    /// The track of what it does to everything else.
    pub fn track(self) -> Track {
        match self {
            Actor::DaemonSetController => Track::DaemonSet,
            Actor::ReplicaSetController => Track::ReplicaSet,
            Actor::DeploymentController => Track::Deployment,
            Actor::OtherController => Track::OtherWorkloads,
            Actor::Scheduler => Track::Scheduler,
            Actor::Kubelet => Track::Kubelet,
            Actor::NodeLifecycle | Actor::PodGarbageCollector | Actor::OwnerGarbageCollector => {
                Track::Lifecycle
            }
            Actor::Person => Track::User,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_apart_by_name_and_agent() {
        let cases = [
            ("system:serviceaccount:kube-system:daemon-set-controller", "", Actor::DaemonSetController),
            ("system:node:worker-1", "kubelet/v1.36.2 (linux/amd64)", Actor::Kubelet),
            ("hollow-kubelets", "hollow-kubelet/v1.36.2", Actor::Kubelet),
            ("system:kube-scheduler", "kube-scheduler/v1.36.2", Actor::Scheduler),
            ("system:serviceaccount:kube-system:taint-eviction-controller", "", Actor::NodeLifecycle),
            (
                "system:kube-controller-manager",
                "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/4cb5f07/pod-garbage-collector",
                Actor::PodGarbageCollector,
            ),
            ("system:serviceaccount:kube-system:job-controller", "", Actor::OtherController),
            ("system:serviceaccount:monitoring:operator", "manager/v0.1", Actor::Person),
            ("admin", "kubectl/v1.36.2", Actor::Person),
        ];
        for (user, agent, actor) in cases {
            assert_eq!(Actor::of(user, agent), actor, "{user}");
        }
    }

    #[test]
    fn what_people_and_kubelets_do_to_nodes_is_the_clusters() {
        assert_eq!(Actor::Person.track_on_nodes(), Track::Cluster);
        assert_eq!(Actor::Kubelet.track_on_nodes(), Track::Cluster);
        assert_eq!(Actor::NodeLifecycle.track_on_nodes(), Track::Lifecycle);
        assert_eq!(Actor::Person.track(), Track::User);
    }
}
