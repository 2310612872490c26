//! Small worlds for the tests of this folder: a log written event by event, its names, and nothing else.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::{Side, SideError};
use crate::cluster::Cluster;
use crate::event::{Body, Event, Phase, Track, Why, WorkloadStatus};
use crate::names::{Names, NodeId, NodeSpec, ObjectId, PodId, PodShape, Seq, Sym, sym};
use crate::time::{ApiSeconds, Micros, Time};

/// A log in the making, with the state that it makes.
#[derive(Clone, Default)]
pub(super) struct Log {
    pub names: Names,
    pub cluster: Cluster,
    pub events: Vec<Event>,
    pub now: Time,
    pods: BTreeMap<(String, String), PodId>,
}

impl Log {
    /// An empty log whose dictionary met some texts in an order of its own.
    pub fn new(first_met: &[&str]) -> Log {
        let mut log = Log::default();
        for text in first_met {
            let sym = log.names.sym(text);
            log.names.node(sym);
        }
        log
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: i64) -> &mut Log {
        self.now = self.now + Micros::seconds(seconds);
        self
    }

    pub fn push(&mut self, track: Track, body: Body) -> Seq {
        self.push_because(track, Seq::NONE, body)
    }

    pub fn push_because(&mut self, track: Track, cause: Seq, body: Body) -> Seq {
        let event = Event { cause, ..Event::new(self.now, track, body) };
        let seq = Seq(self.events.len() as u64 + 1);
        self.cluster.apply(&mut self.names, seq, &event).unwrap();
        self.events.push(event);
        seq
    }

    pub fn node(&mut self, name: &str) -> NodeId {
        let sym = self.names.sym(name);
        self.names.node(sym)
    }

    pub fn join(&mut self, name: &str, labels: &[(&str, &str)]) -> Seq {
        let node = self.node(name);
        let labels = labels.iter().map(|(k, v)| (self.names.sym(k), self.names.sym(v))).collect();
        let spec = self.names.node_spec(NodeSpec { labels, ..NodeSpec::default() });
        self.push(Track::Cluster, Body::NodeJoined { node, spec, created: ApiSeconds(0) })
    }

    pub fn object(&mut self, kind: Sym, name: &str) -> ObjectId {
        let name = self.names.sym(name);
        match self.cluster.find_object(kind, sym::DEFAULT, name) {
            Some(object) => object.id,
            None => self.names.object(self.cluster.next_key(kind, sym::DEFAULT, name)),
        }
    }

    /// Applies a DaemonSet and gives it a ControllerRevision if its template is new.
    pub fn daemon_set(&mut self, name: &str, image: &str, hash: &str) -> ObjectId {
        self.daemon_set_with(name, image, hash, "")
    }

    /// The same, with more fields of its spec.
    pub fn daemon_set_with(&mut self, name: &str, image: &str, hash: &str, spec: &str) -> ObjectId {
        let template = format!(
            r#"{{"metadata":{{"labels":{{"app":"{name}"}}}},"spec":{{"containers":[{{"image":"{image}","name":"c"}}]}}}}"#
        );
        let manifest = format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{{spec}"selector":{{"matchLabels":{{"app":"{name}"}}}},"template":{template}}}}}"#
        );
        let object = self.object(sym::DAEMON_SET, name);
        let manifest = self.names.doc(&manifest);
        self.push(Track::User, Body::Applied { object, manifest });
        let template = self.cluster.object(object).unwrap().daemon_set().unwrap().template;
        let revision = self.cluster.next_revision();
        let (number, name, hash) = (i64::from(revision.number()), self.names.sym("r"), self.names.sym(hash));
        let (owner, namespace, created) = (Some(object), sym::DEFAULT, ApiSeconds(0));
        let body =
            Body::RevisionCreated { revision, owner, number, namespace, name, hash, template, created };
        self.push(Track::DaemonSet, body);
        object
    }

    pub fn replica_set(&mut self, name: &str) -> ObjectId {
        let object = self.object(sym::REPLICA_SET, name);
        let manifest = self.names.doc(r#"{"spec":{"replicas":2}}"#);
        self.push(Track::User, Body::Applied { object, manifest });
        object
    }

    pub fn observe(&mut self, object: ObjectId) -> Seq {
        let observed_generation = self.cluster.object(object).unwrap().generation;
        let status = WorkloadStatus { observed_generation, ..WorkloadStatus::default() };
        self.push(Track::DaemonSet, Body::StatusWritten { object, status })
    }

    /// A pod of the newest revision; its name is only for the test.
    pub fn create(&mut self, owner: ObjectId, node: &str, cause: Seq) -> Seq {
        let pod = self.cluster.next_pod();
        let node_id = self.node(node);
        let object = self.cluster.object(owner).unwrap();
        let (doc, hash) = match object.daemon_set() {
            Some(daemon_set) => {
                let newest = object.revisions.last().unwrap();
                (daemon_set.pod_doc, self.cluster.revision(*newest).unwrap().hash)
            }
            None => (self.names.doc(r#"{"metadata":{},"spec":{"containers":[]}}"#), Sym::EMPTY),
        };
        let shape = self.names.shape(PodShape { doc, revision_hash: hash, template_generation: None });
        let key = self.names.object_key(owner);
        let ordinal = self.cluster.next_ordinal(owner, Some(node_id), &self.names);
        self.pods.insert((self.names.text(key.name).to_owned(), node.to_owned()), pod);
        let (owner, node, namespace, created) =
            (Some(owner), Some(node_id), sym::DEFAULT, self.now.api_seconds());
        let name = Sym::EMPTY;
        let body = Body::PodCreated { pod, owner, node, ordinal, name, namespace, shape, created };
        self.push_because(Track::DaemonSet, cause, body)
    }

    pub fn pod(&self, owner: &str, node: &str) -> PodId {
        self.pods[&(owner.to_owned(), node.to_owned())]
    }

    /// Binds and starts a pod.
    pub fn start(&mut self, owner: &str, node: &str) -> Seq {
        let pod = self.pod(owner, node);
        let node = self.cluster.pod(pod).unwrap().node.unwrap();
        self.push(Track::Scheduler, Body::PodBound { pod, node });
        self.push(Track::Kubelet, Body::PodPhaseSet { pod, phase: Phase::Running, reason: Sym::EMPTY })
    }

    pub fn delete(&mut self, owner: &str, node: &str, why: Why, cause: Seq) -> Seq {
        let pod = self.pod(owner, node);
        let deadline = ApiSeconds(self.now.api_seconds().0 + 30);
        self.push_because(Track::DaemonSet, cause, Body::PodDeleted { pod, why, grace_s: 30, deadline })
    }

    pub fn gone(&mut self, owner: &str, node: &str) -> Seq {
        let pod = self.pod(owner, node);
        self.push(Track::Kubelet, Body::PodGone { pod })
    }

    /// The log as a side that has folded nothing, with names numbered in the order of this log.
    pub fn side(&self) -> Result<Side<'_>, SideError> {
        Ok(Side::from_events(self.names.clone(), &self.events))
    }

    /// The same, for a log after which nothing happens.
    pub fn finished(&self) -> Result<Side<'_>, SideError> {
        self.side().map(|side| side.known_until(Time::MAX))
    }
}
