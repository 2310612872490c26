//! Clusters made by hand, for tests of what is decided about them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track};
use crate::names::{NodeId, NodeSpec, ObjectId, ObjectKey, PodId, PodShape, ResourceList, Seq, Sym, sym};
use crate::sim::{Actor, World};
use crate::time::{ApiSeconds, Micros, Time};

/// A cluster with some actors, in namespace `default`; times are seconds after its beginning.
pub(crate) struct Hand {
    pub world: World,
    pub now: Time,
}

impl Hand {
    pub fn new(actors: Vec<Box<dyn Actor>>) -> Hand {
        Hand { world: World::new(crate::names::Names::new(), actors), now: Time(0) }
    }

    pub fn happen(&mut self, body: Body) -> Seq {
        self.world.happen(Event::new(self.now, Track::User, body)).unwrap()
    }

    /// Lets time go on to a second, and the actors act.
    pub fn until(&mut self, second: i64) {
        let end = Time(0) + Micros::seconds(second);
        while let Some(due) = self.world.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.world.step(self.now).unwrap();
        }
        self.now = end;
    }

    pub fn node(&mut self, name: &str, milli_cpu: i64) -> NodeId {
        let names = &mut self.world.names;
        let name = names.sym(name);
        let node = names.node(name);
        let allocatable = Some(names.resources(ResourceList(vec![(sym::CPU, milli_cpu), (sym::PODS, 110)])));
        let spec = names.node_spec(NodeSpec { allocatable, ..NodeSpec::default() });
        self.happen(Body::NodeJoined { node, spec, created: ApiSeconds(0) });
        node
    }

    pub fn object(&mut self, kind: &str, name: &str, manifest: &Value) -> ObjectId {
        let names = &mut self.world.names;
        let (kind, name) = (names.sym(kind), names.sym(name));
        let namespace = if kind == sym::PRIORITY_CLASS { Sym::EMPTY } else { sym::DEFAULT };
        let object = names.object(ObjectKey { kind, namespace, name, incarnation: 0 });
        let manifest = names.doc(&manifest.to_string());
        self.happen(Body::Applied { object, manifest });
        object
    }

    /// A budget for the pods with label `app`.
    pub fn budget(&mut self, name: &str, app: &str, mut spec: Value) -> ObjectId {
        spec["selector"] = json!({ "matchLabels": { "app": app } });
        self.object("PodDisruptionBudget", name, &json!({ "apiVersion": "policy/v1", "spec": spec }))
    }

    /// An unbound pod that is for a node.
    pub fn pod(
        &mut self,
        owner: Option<ObjectId>,
        node: NodeId,
        name: &str,
        app: &str,
        spec: &Value,
    ) -> PodId {
        let names = &mut self.world.names;
        let doc = json!({ "metadata": { "labels": { "app": app } }, "spec": spec });
        let doc = names.doc(&doc.to_string());
        let shape = names.shape(PodShape { doc, revision_hash: Sym::EMPTY, template_generation: None });
        let (name, namespace, created) = (names.sym(name), sym::DEFAULT, self.now.api_seconds());
        let pod = self.world.cluster.next_pod();
        let node = Some(node);
        self.happen(Body::PodCreated { pod, owner, node, ordinal: 0, name, namespace, shape, created });
        pod
    }

    /// A pod that runs and is ready.
    pub fn running(&mut self, owner: Option<ObjectId>, node: NodeId, name: &str, app: &str) -> PodId {
        let pod = self.pod(owner, node, name, app, &json!({ "containers": [{ "name": "c" }] }));
        self.start(pod, node);
        pod
    }

    pub fn start(&mut self, pod: PodId, node: NodeId) {
        if !self.world.cluster.pod(pod).unwrap().bound {
            self.happen(Body::PodBound { pod, node });
        }
        self.happen(Body::PodPhaseSet { pod, phase: Phase::Running, reason: Sym::EMPTY });
        self.ready(pod, true);
    }

    pub fn ready(&mut self, pod: PodId, ready: bool) {
        let status = if ready { ConditionStatus::True } else { ConditionStatus::False };
        let (condition, since) = (PodCondition::Ready, self.now.api_seconds());
        self.happen(Body::PodConditionSet { pod, condition, status, since });
    }

    /// What has happened of some kinds, with its second: `6 DrainEnded`.
    pub fn story(&self, kinds: &[&str]) -> Vec<String> {
        let (mut told, mut names_of) = (Vec::new(), BTreeMap::new());
        for event in &self.world.recorded {
            if let Body::PodCreated { pod, name, .. } = event.body {
                // A slot has other pods later.
                names_of.insert(pod, self.world.names.text(name));
            }
            if !kinds.contains(&event.body.kind()) {
                continue;
            }
            let pod = event.body.pod().and_then(|pod| names_of.get(&pod));
            let pod = pod.map(|pod| format!(" {pod}")).unwrap_or_default();
            let text = match event.body {
                Body::DrainEnded { message, .. } | Body::EvictionRefused { message, .. } => {
                    format!(": {}", self.world.names.text(message))
                }
                _ => String::new(),
            };
            told.push(format!("{} {}{pod}{text}", event.at.api_seconds().0, event.body.kind()));
        }
        told
    }
}
