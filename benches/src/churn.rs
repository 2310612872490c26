//! Events as a run of a churning cluster of thousands of nodes has them: pods that are created, bound, start, get ready and
//! go, statuses that are written, labels that change.

use kubetape_engine::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track, Why, WorkloadStatus};
use kubetape_engine::names::{
    Names, NodeId, NodeSpec, ObjectId, ObjectKey, PodId, PodShape, ResourceList, Seq, ShapeId, Sym, sym,
};
use kubetape_engine::time::Time;

/// A cluster that churns; gives events without end, the same for the same size.
pub struct Churn {
    /// What the events name.
    pub names: Names,
    nodes: Vec<NodeId>,
    values: Vec<Sym>,
    object: ObjectId,
    shape: ShapeId,
    namespace: Sym,
    at: i64,
    seq: u64,
    step: u64,
    /// Slots of the pods of each node; every node has one from the beginning.
    pods: Vec<PodId>,
    ordinals: Vec<u32>,
}

/// A manifest for the state to read.
const MANIFEST: &str = r#"{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"fluentd","namespace":"logging"},"spec":{"selector":{"matchLabels":{"app":"fluentd"}},"template":{"metadata":{"labels":{"app":"fluentd"}},"spec":{"containers":[{"name":"fluentd","image":"fluentd:v1"}]}}}}"#;

impl Churn {
    /// A cluster of some nodes, and the events that make it.
    pub fn new(nodes: usize) -> (Churn, Vec<Event>) {
        let mut names = Names::new();
        let at = 1_795_486_622_000_000;
        let (cpu, memory) = ((sym::CPU, 16_000), (sym::MEMORY, 64 << 30));
        let allocatable = names.resources(ResourceList(vec![cpu, memory, (sym::PODS, 110)]));
        let values: Vec<Sym> = (0..16).map(|i| names.sym(&format!("pool-{i}"))).collect();
        let key = ObjectKey {
            kind: sym::DAEMON_SET,
            namespace: names.sym("logging"),
            name: names.sym("fluentd"),
            incarnation: 0,
        };
        let object = names.object(key);
        let manifest = names.doc(MANIFEST);
        let doc = names.doc(r#"{"metadata":{"labels":{"app":"fluentd"}},"spec":{"containers":[]}}"#);
        let revision_hash = names.sym("5f7d8c9b6d");
        let shape = names.shape(PodShape { doc, revision_hash, template_generation: Some(1) });
        let mut events = vec![Event::new(Time(at), Track::User, Body::Applied { object, manifest })];
        let mut ids = Vec::new();
        for i in 0..nodes {
            let name = names.sym(&format!("gke-prod-pool-{}-{:05x}", i % 16, i * 2_654_435_761 % 0xfffff));
            let zone = names.sym(["eu-a", "eu-b", "eu-c"][i % 3]);
            let labels = vec![(sym::HOSTNAME_LABEL, name), (sym::NODE_LABEL_ZONE, zone)];
            let spec = NodeSpec { labels, allocatable: Some(allocatable), ..NodeSpec::default() };
            let (node, spec) = (names.node(name), names.node_spec(spec));
            ids.push(node);
            let created = Time(at).api_seconds();
            events.push(Event::new(Time(at), Track::Cluster, Body::NodeJoined { node, spec, created }));
        }
        let namespace = key.namespace;
        let mut churn = Churn {
            names,
            nodes: ids,
            values,
            object,
            shape,
            namespace,
            at,
            seq: events.len() as u64,
            step: 0,
            pods: (0..nodes).map(PodId::from_index).collect(),
            ordinals: vec![0; nodes],
        };
        for i in 0..nodes {
            churn.born(i, &mut events);
        }
        (churn, events)
    }

    /// The next events of about this number, at whole changes.
    pub fn batch(&mut self, about: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(about + 16);
        while events.len() < about {
            self.step += 1;
            let i = (self.step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize % self.nodes.len();
            let (node, pod) = (self.nodes[i], self.pods[i]);
            let key = self.values[i % 4];
            let value = self.values[self.step as usize % 16];
            self.push(&mut events, Track::Cluster, 1, Body::NodeLabelSet { node, key, value });
            let woken = self.seq;
            self.push(&mut events, Track::DaemonSet, 0, Body::Synced { object: self.object });
            let deadline = kubetape_engine::time::ApiSeconds(self.now().api_seconds().0 + 30);
            let deleted = Body::PodDeleted { pod, why: Why::NodeNoLongerFits, grace_s: 30, deadline };
            self.push(&mut events, Track::DaemonSet, self.seq + 1 - woken, deleted);
            self.push(&mut events, Track::Kubelet, 1, Body::PodGone { pod });
            self.born(i, &mut events);
            let n = self.nodes.len() as u32;
            let status = WorkloadStatus {
                desired: n,
                current: n,
                ready: n - 1,
                updated: n,
                available: n - 1,
                unavailable: 1,
                observed_generation: 1,
                ..WorkloadStatus::default()
            };
            let object = self.object;
            self.push(&mut events, Track::DaemonSet, 0, Body::StatusWritten { object, status });
        }
        events
    }

    fn now(&self) -> Time {
        Time(self.at)
    }

    fn born(&mut self, i: usize, events: &mut Vec<Event>) {
        let (node, pod, ordinal) = (self.nodes[i], self.pods[i], self.ordinals[i]);
        self.ordinals[i] += 1;
        let since = self.now().api_seconds();
        let created = Body::PodCreated {
            pod,
            owner: Some(self.object),
            node: Some(node),
            ordinal,
            name: Sym::EMPTY,
            namespace: self.namespace,
            shape: self.shape,
            created: since,
        };
        self.push(events, Track::DaemonSet, 0, created);
        self.push(events, Track::Scheduler, 1, Body::PodBound { pod, node });
        let running = Body::PodPhaseSet { pod, phase: Phase::Running, reason: Sym::EMPTY };
        self.push(events, Track::Kubelet, 1, running);
        let since = Time(self.at + 1_500).api_seconds();
        let (condition, status) = (PodCondition::Ready, ConditionStatus::True);
        self.push(events, Track::Kubelet, 1, Body::PodConditionSet { pod, condition, status, since });
    }

    fn push(&mut self, events: &mut Vec<Event>, track: Track, cause_back: u64, body: Body) {
        self.at += 1_500;
        self.seq += 1;
        let cause = if cause_back == 0 { Seq::NONE } else { Seq(self.seq - cause_back) };
        events.push(Event { cause, ..Event::new(Time(self.at), track, body) });
    }
}
