//! Makes DaemonSets: manifests as an API server stores them, all defaults filled in.
//!
//! The kinds are those that clusters run everywhere, with what public manifests of such agents say about
//! selectors, tolerations, priorities, requests and update strategies: of 317 DaemonSets read, a third select
//! nodes by label, 40 % use node affinity, a third tolerate everything, a third tolerate nothing, most update with
//! `maxUnavailable: 1` (the default), one in ten with 10 %.

use serde_json::{Value, json};

use super::nodes::{SELECTED_KEYS, SELECTED_VALUES};
use crate::names::{DocId, Names, ObjectId, ObjectKey, sym};

/// What an agent is like.
struct Agent {
    name: &'static str,
    namespace: &'static str,
    /// Requests: cpu in millicores and memory in MiB; 0 is no request.
    requests: (u32, u32),
    priority: &'static str,
    host_network: bool,
    tolerates: Tolerates,
    max_unavailable: &'static str,
    grace_s: u32,
}

/// Which taints an agent tolerates.
#[derive(Clone, Copy)]
enum Tolerates {
    Nothing,
    Everything,
    NoSchedule,
    Gpu,
}

const AGENTS: &[Agent] = &[
    agent("kube-proxy", "kube-system", (100, 0), Tolerates::Everything),
    Agent {
        max_unavailable: "10%",
        host_network: true,
        ..agent("cni-node", "kube-system", (25, 0), Tolerates::Everything)
    },
    agent("csi-node", "kube-system", (10, 40), Tolerates::Everything),
    agent("node-exporter", "monitoring", (100, 200), Tolerates::NoSchedule),
    Agent { max_unavailable: "10%", ..agent("log-collector", "logging", (200, 256), Tolerates::Nothing) },
    agent("metrics-agent", "monitoring", (30, 40), Tolerates::Nothing),
    agent("gpu-device-plugin", "kube-system", (50, 100), Tolerates::Gpu),
    agent("security-scanner", "security", (100, 400), Tolerates::Nothing),
    agent("image-cache", "platform", (25, 128), Tolerates::Nothing),
    Agent { grace_s: 60, ..agent("trace-collector", "monitoring", (250, 250), Tolerates::Nothing) },
];

const fn agent(
    name: &'static str,
    namespace: &'static str,
    requests: (u32, u32),
    tolerates: Tolerates,
) -> Agent {
    Agent {
        name,
        namespace,
        requests,
        priority: match tolerates {
            Tolerates::Everything => "system-node-critical",
            _ => "",
        },
        host_network: false,
        tolerates,
        max_unavailable: "1",
        grace_s: 30,
    }
}

/// Which nodes a DaemonSet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// All that its tolerations let it on.
    All,
    /// Linux nodes, by node selector.
    Linux,
    /// Nodes with GPUs, by node affinity.
    Gpu,
    /// Nodes with one value of each of [`SELECTED_KEYS`] (either of them will do), by node affinity.
    Value(usize),
    /// Nodes with [`SWITCH_KEY`]`=true`, by node selector.
    Switched,
}

impl Reach {
    /// What the n-th DaemonSet of a cluster is for: of ten, one for all nodes, one for Linux, one for GPUs, and
    /// seven for nodes with a value of their own.
    pub fn of(number: u32) -> Reach {
        match number % 10 {
            0 => Reach::All,
            1 => Reach::Linux,
            9 => Reach::Gpu,
            n => Reach::Value((number / 10 * 7 + n - 2) as usize),
        }
    }
}

/// The label by which one DaemonSet alone is switched on and off on a node.
pub(super) const SWITCH_KEY: &str = "feature.example.com/enabled";

/// A DaemonSet that is to be applied, again and again with other images.
#[derive(Clone, Debug)]
pub(super) struct DaemonSetMaker {
    pub object: ObjectId,
    kind: usize,
    number: u32,
    reach: Reach,
    /// Another `maxUnavailable` than the kind's.
    max_unavailable: Option<&'static str>,
}

impl DaemonSetMaker {
    /// The n-th DaemonSet of a cluster.
    pub fn new(number: u32, reach: Reach, names: &mut Names) -> DaemonSetMaker {
        let kind = match reach {
            Reach::Gpu => 6,
            // What selects its nodes is of the kinds that tolerate nothing: a taint is to move it.
            // What is switched by a label alone is not to be kept off by a taint.
            Reach::Switched => 2,
            Reach::Value(_) => [4, 5, 7, 8, 9][number as usize % 5],
            Reach::All => number as usize % 4,
            Reach::Linux => number as usize % AGENTS.len(),
        };
        let agent = &AGENTS[kind];
        let name = names.sym(&instance(agent, number));
        let namespace = names.sym(agent.namespace);
        let object = names.object(ObjectKey { kind: sym::DAEMON_SET, namespace, name, incarnation: 0 });
        DaemonSetMaker { object, kind, number, reach, max_unavailable: None }
    }

    /// With another `maxUnavailable`.
    pub fn max_unavailable(self, value: &'static str) -> DaemonSetMaker {
        DaemonSetMaker { max_unavailable: Some(value), ..self }
    }

    /// Its manifest with the n-th image.
    pub fn manifest(&self, image: u64, names: &mut Names) -> DocId {
        names.doc(&self.json(image).to_string())
    }

    fn json(&self, image: u64) -> Value {
        let agent = &AGENTS[self.kind];
        let name = instance(agent, self.number);
        let labels = json!({ "app.kubernetes.io/name": agent.name, "app.kubernetes.io/instance": name });
        let max_unavailable = self.max_unavailable.unwrap_or(agent.max_unavailable);
        let max_unavailable = match max_unavailable.parse::<u32>() {
            Ok(number) => json!(number),
            Err(_) => json!(max_unavailable),
        };
        json!({
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": { "labels": labels, "name": name, "namespace": agent.namespace },
            "spec": {
                "revisionHistoryLimit": 10,
                "selector": { "matchLabels": { "app.kubernetes.io/instance": name } },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": self.pod_spec(agent, &name, image),
                },
                "updateStrategy": {
                    "rollingUpdate": { "maxSurge": 0, "maxUnavailable": max_unavailable },
                    "type": "RollingUpdate",
                },
            },
        })
    }

    fn pod_spec(&self, agent: &Agent, name: &str, image: u64) -> Value {
        let mut requests = serde_json::Map::new();
        if agent.requests.0 > 0 {
            requests.insert("cpu".to_owned(), json!(format!("{}m", agent.requests.0)));
        }
        if agent.requests.1 > 0 {
            requests.insert("memory".to_owned(), json!(format!("{}Mi", agent.requests.1)));
        }
        let port = 9_100 + self.number;
        let mut port = json!({ "containerPort": port, "name": "metrics", "protocol": "TCP" });
        if agent.host_network {
            port["hostPort"] = port["containerPort"].clone();
        }
        let mut spec = json!({
            "containers": [{
                "image": format!("registry.example.com/{}:1.{image}.0", agent.name),
                "imagePullPolicy": "IfNotPresent",
                "name": agent.name,
                "ports": [port],
                "resources": { "requests": requests },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "serviceAccount": name,
            "serviceAccountName": name,
            "terminationGracePeriodSeconds": agent.grace_s,
        });
        if agent.host_network {
            spec["hostNetwork"] = json!(true);
        }
        if !agent.priority.is_empty() {
            spec["priorityClassName"] = json!(agent.priority);
        }
        self.place(agent, &mut spec);
        spec
    }

    /// Adds what says on which nodes it goes.
    fn place(&self, agent: &Agent, spec: &mut Value) {
        let required = |terms: Value| {
            json!({ "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms },
            } })
        };
        match self.reach {
            Reach::All => {}
            Reach::Linux => spec["nodeSelector"] = json!({ "kubernetes.io/os": "linux" }),
            Reach::Switched => spec["nodeSelector"] = json!({ SWITCH_KEY: "true" }),
            Reach::Gpu => {
                let term = |key: &str| json!({ "matchExpressions": [{ "key": key, "operator": "Exists" }] });
                spec["affinity"] = required(json!([
                    term("cloud.google.com/gke-accelerator"),
                    term("kubernetes.azure.com/accelerator"),
                ]));
            }
            Reach::Value(value) => {
                let value = format!("v{}", value % SELECTED_VALUES);
                let term = |key: &str| json!({ "matchExpressions": [{ "key": key, "operator": "In", "values": [value] }] });
                spec["affinity"] = required(SELECTED_KEYS.iter().map(|key| term(key)).collect());
            }
        }
        let tolerations = match agent.tolerates {
            Tolerates::Nothing => return,
            Tolerates::Everything => json!([{ "operator": "Exists" }]),
            Tolerates::NoSchedule => json!([{ "effect": "NoSchedule", "operator": "Exists" }]),
            Tolerates::Gpu => json!([
                { "effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists" },
                { "effect": "NoSchedule", "key": "sku", "operator": "Equal", "value": "gpu" },
            ]),
        };
        spec["tolerations"] = tolerations;
    }
}

/// The name of the n-th DaemonSet: the kind's where the numbers agree, else with the number.
fn instance(agent: &Agent, number: u32) -> String {
    match AGENTS.get(number as usize) {
        Some(same) if same.name == agent.name => agent.name.to_owned(),
        _ => format!("{}-{number}", agent.name),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cluster::Cluster;
    use crate::event::{Body, Event, Track};
    use crate::names::Seq;
    use crate::time::Time;

    #[test]
    fn manifests_are_daemon_sets_that_compile_each_with_a_name_of_its_own() {
        let (mut names, mut cluster, mut seen) = (Names::new(), Cluster::new(), BTreeSet::new());
        for number in 0..40 {
            let maker = DaemonSetMaker::new(number, Reach::of(number), &mut names);
            assert!(seen.insert(names.object_name(maker.object)));
            let manifest = maker.manifest(0, &mut names);
            let body = Body::Applied { object: maker.object, manifest };
            let event = Event::new(Time(0), Track::User, body);
            cluster.apply(&mut names, Seq(u64::from(number) + 1), &event).unwrap();
        }
        assert_eq!(cluster.daemon_sets().count(), 40);
        assert!(cluster.daemon_sets().all(|(_, spec)| spec.selector.is_ok() && !spec.selects_all));
    }

    #[test]
    fn twenty_of_thirty_respond_to_each_selected_key() {
        let reaches = (0..30).map(Reach::of);
        assert!(reaches.filter(|reach| matches!(reach, Reach::Value(_))).count() >= 20);
    }
}
