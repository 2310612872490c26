//! Folding events by hand.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Body, Event, Phase, Track, Why};
use crate::names::{NodeSpec, PodShape};
use crate::time::ApiSeconds;

/// A cluster with its names, and a counter for events.
struct World {
    names: Names,
    cluster: Cluster,
    seq: Seq,
}

impl World {
    fn new() -> Self {
        World { names: Names::new(), cluster: Cluster::new(), seq: Seq::NONE }
    }

    fn apply(&mut self, body: Body) -> Result<Change, ApplyError> {
        self.seq = self.seq.next();
        self.cluster.apply(&mut self.names, self.seq, &Event::new(Time(0), Track::User, body))
    }

    fn node(&mut self, name: &str) -> NodeId {
        let sym = self.names.sym(name);
        self.names.node(sym)
    }

    fn join(&mut self, name: &str) -> NodeId {
        let node = self.node(name);
        let spec = self.names.node_spec(NodeSpec::default());
        self.apply(Body::NodeJoined { node, spec, created: ApiSeconds(0) }).unwrap();
        node
    }

    fn daemon_set(&mut self, name: &str, image: &str) -> ObjectId {
        let manifest = format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"selector":{{"matchLabels":{{"app":"a"}}}},"template":{{"metadata":{{"labels":{{"app":"a"}}}},"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}}}}}"#
        );
        let name = self.names.sym(name);
        let object = match self.cluster.find_object(sym::DAEMON_SET, sym::DEFAULT, name) {
            Some(object) => object.id,
            None => self.names.object(self.cluster.next_key(sym::DAEMON_SET, sym::DEFAULT, name)),
        };
        let manifest = self.names.doc(&manifest);
        self.apply(Body::Applied { object, manifest }).unwrap();
        object
    }

    fn pod(&mut self, owner: ObjectId, node: NodeId) -> PodId {
        let pod = self.cluster.next_pod();
        let doc = self.cluster.object(owner).unwrap().daemon_set().unwrap().pod_doc;
        let shape = PodShape { doc, revision_hash: Sym::EMPTY, template_generation: Some(1) };
        let shape = self.names.shape(shape);
        let ordinal = self.cluster.next_ordinal(owner, Some(node), &self.names);
        let (owner, node, namespace) = (Some(owner), Some(node), sym::DEFAULT);
        let created = ApiSeconds(0);
        let name = Sym::EMPTY;
        self.apply(Body::PodCreated { pod, owner, node, ordinal, name, namespace, shape, created }).unwrap();
        pod
    }
}

#[test]
fn nodes_are_listed_by_name_and_keep_their_id_when_they_come_back() {
    let mut world = World::new();
    let (b, a) = (world.join("b"), world.join("a"));
    assert_eq!(world.cluster.nodes(), [a, b]);
    world.apply(Body::NodeLeft { node: b }).unwrap();
    assert_eq!(world.cluster.nodes(), [a]);
    assert!(world.cluster.present_node(b).is_none());
    assert_eq!(world.join("b"), b);
    assert_eq!(world.cluster.node(b).unwrap().incarnation, 2);
}

#[test]
fn an_event_about_a_missing_node_is_refused_and_changes_nothing() {
    let mut world = World::new();
    let node = world.node("ghost");
    let error = world.apply(Body::NodeCordoned { node }).unwrap_err();
    assert_eq!(error, ApplyError::NoSuchNode("ghost".into()));
    assert_eq!(world.cluster.last_event(), Seq::NONE);
}

#[test]
fn generations_rise_with_the_spec_and_the_template() {
    let mut world = World::new();
    let id = world.daemon_set("d", "image:1");
    world.daemon_set("d", "image:1");
    assert_eq!(world.cluster.object(id).unwrap().generation, 1);
    world.daemon_set("d", "image:2");
    let object = world.cluster.object(id).unwrap();
    assert_eq!((object.generation, object.daemon_set().unwrap().template_generation), (2, 2));
}

#[test]
fn a_slot_is_used_again_and_ordinals_go_on() {
    let mut world = World::new();
    let (node, owner) = (world.join("n"), world.daemon_set("d", "i"));
    let first = world.pod(owner, node);
    let name = world.cluster.pod_name(first, &world.names);
    assert!(name.starts_with("d-") && name.len() == 7, "{name}");
    world.apply(Body::PodBound { pod: first, node }).unwrap();
    world.apply(Body::PodPhaseSet { pod: first, phase: Phase::Running, reason: Sym::EMPTY }).unwrap();
    assert_eq!(world.cluster.node(node).unwrap().pods, [first]);
    let gone = world.apply(Body::PodGone { pod: first }).unwrap();
    assert_eq!(gone.owner, Some(owner));
    assert!(world.cluster.node(node).unwrap().pods.is_empty());
    let second = world.pod(owner, node);
    assert_eq!(second, first);
    assert_eq!(world.cluster.pod(second).unwrap().ordinal, 1);
    assert_ne!(world.cluster.pod_name(second, &world.names), name);
    assert_eq!(world.cluster.pod_count(), 1);
}

#[test]
fn pods_move_between_owner_and_orphans() {
    let mut world = World::new();
    let (node, owner) = (world.join("n"), world.daemon_set("d", "i"));
    let pods: Vec<_> = (0..3).map(|_| world.pod(owner, node)).collect();
    world.apply(Body::PodReleased { pod: pods[0] }).unwrap();
    assert_eq!(world.cluster.orphans(sym::DEFAULT), [pods[0]]);
    assert_eq!(world.cluster.object(owner).unwrap().pods, [pods[2], pods[1]]);
    world.apply(Body::PodAdopted { pod: pods[0], owner }).unwrap();
    assert!(world.cluster.orphans(sym::DEFAULT).is_empty());
    world
        .apply(Body::PodDeleted { pod: pods[1], why: Why::User, grace_s: 30, deadline: ApiSeconds(30) })
        .unwrap();
    assert!(world.cluster.pod(pods[1]).unwrap().terminating());
}

#[test]
fn pods_that_are_met_before_their_owner_are_its_own() {
    let mut world = World::new();
    let node = world.join("n");
    let template = world.daemon_set("d", "i");
    let owner = world.names.object(ObjectKey { incarnation: 1, ..world.names.object_key(template) });
    let pod = world.cluster.next_pod();
    let doc = world.cluster.object(template).unwrap().daemon_set().unwrap().pod_doc;
    let shape = world.names.shape(PodShape { doc, revision_hash: Sym::EMPTY, template_generation: None });
    let (node, namespace, created) = (Some(node), sym::DEFAULT, ApiSeconds(0));
    let body = Body::PodCreated {
        pod,
        owner: Some(owner),
        node,
        ordinal: 0,
        name: Sym::EMPTY,
        namespace,
        shape,
        created,
    };
    world.apply(body).unwrap();
    let manifest = world.cluster.object(template).unwrap().manifest;
    world.apply(Body::Applied { object: owner, manifest }).unwrap();
    assert_eq!(world.cluster.object(owner).unwrap().pods, [pod]);
}

#[test]
fn a_deletion_that_waits_is_a_generation() {
    use crate::event::Propagation;
    let mut world = World::new();
    let object = world.daemon_set("d", "i");
    for propagation in [Propagation::Foreground, Propagation::Orphan] {
        world.apply(Body::DeleteRequested { object, propagation }).unwrap();
        assert_eq!(world.cluster.object(object).unwrap().generation, 2);
    }
    world.apply(Body::ObjectRemoved { object }).unwrap();
    assert!(!world.cluster.object(object).unwrap().present);
}
