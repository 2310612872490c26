//! Pods and nodes by hand.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Phase;
use crate::names::{Effect, NodeSpec, PodShape, ResourceList, Sym, Taint, sym};
use crate::sim::World;
use crate::time::ApiSeconds;

fn world() -> World {
    World::new(Names::new(), vec![Box::new(Scheduler::new(Settings::default()))])
}

fn happen(world: &mut World, body: Body) -> Seq {
    world.happen(Event::new(Time(0), Track::User, body)).unwrap()
}

fn join(world: &mut World, name: &str, milli_cpu: i64) -> NodeId {
    let names = &mut world.names;
    let name = names.sym(name);
    let node = names.node(name);
    let list = vec![(sym::CPU, milli_cpu), (sym::PODS, 2)];
    let allocatable = Some(names.resources(ResourceList(list)));
    let spec = names.node_spec(NodeSpec { allocatable, ..NodeSpec::default() });
    happen(world, Body::NodeJoined { node, spec, created: ApiSeconds(0) });
    node
}

fn pod(world: &mut World, node: Option<NodeId>, spec: &str) -> PodId {
    let names = &mut world.names;
    let doc = names.doc(&format!(r#"{{"metadata":{{}},"spec":{spec}}}"#));
    let shape = names.shape(PodShape { doc, revision_hash: Sym::EMPTY, template_generation: None });
    let (pod, created, namespace) = (world.cluster.next_pod(), ApiSeconds(0), sym::DEFAULT);
    let name = names.sym(&format!("pod-{}", pod.number()));
    let created = Body::PodCreated { pod, owner: None, node, ordinal: 0, name, namespace, shape, created };
    happen(world, created);
    pod
}

fn spec(milli_cpu: u32) -> String {
    format!(r#"{{"containers":[{{"name":"c","resources":{{"requests":{{"cpu":"{milli_cpu}m"}}}}}}]}}"#)
}

fn bound_to(world: &World, pod: PodId) -> Option<NodeId> {
    world.cluster.pod(pod).filter(|pod| pod.bound).and_then(|pod| pod.node)
}

fn message(world: &World) -> String {
    let mut texts = world.recorded.iter().rev().filter_map(|event| match event.body {
        Body::PodUnschedulable { message, .. } => Some(world.names.text(message).to_owned()),
        _ => None,
    });
    texts.next().expect("a pod was found unschedulable")
}

#[test]
fn a_pod_for_one_node_waits_for_room_there() {
    let mut world = world();
    let (a, _b) = (join(&mut world, "a", 1000), join(&mut world, "b", 1000));
    let first = pod(&mut world, Some(a), &spec(600));
    world.settle_moment(Time(0)).unwrap();
    assert_eq!(bound_to(&world, first), Some(a));
    let second = pod(&mut world, Some(a), &spec(600));
    world.settle_moment(Time(0)).unwrap();
    assert_eq!(bound_to(&world, second), None);
    assert_eq!(
        message(&world),
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. \
         no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, \
         1 Preemption is not helpful for scheduling."
    );
    happen(&mut world, Body::PodPhaseSet { pod: first, phase: Phase::Succeeded, reason: Sym::EMPTY });
    world.settle_moment(Time(0)).unwrap();
    assert_eq!(bound_to(&world, second), Some(a));
}

#[test]
fn other_pods_go_where_there_is_most_room() {
    let mut world = world();
    let (a, b) = (join(&mut world, "a", 1000), join(&mut world, "b", 2000));
    let pods: Vec<_> = (0..3).map(|_| pod(&mut world, None, &spec(500))).collect();
    world.settle_moment(Time(0)).unwrap();
    let places: Vec<_> = pods.iter().map(|pod| bound_to(&world, *pod).unwrap()).collect();
    assert_eq!(places, [b, a, b]);
}

#[test]
fn taints_ports_and_pod_counts_are_checked() {
    let mut world = world();
    let a = join(&mut world, "a", 1000);
    let key = world.names.sym("dedicated");
    let taint = Taint { key, value: Sym::EMPTY, effect: Effect::NoSchedule };
    happen(&mut world, Body::NodeTaintAdded { node: a, taint });
    let port = r#"{"containers":[{"name":"c","ports":[{"containerPort":1,"hostPort":80}]}]}"#;
    let first = pod(&mut world, Some(a), port);
    world.settle_moment(Time(0)).unwrap();
    assert!(message(&world).starts_with("0/1 nodes are available: 1 node(s) had untolerated taint(s)."));
    happen(&mut world, Body::NodeTaintRemoved { node: a, key, effect: Effect::NoSchedule });
    world.settle_moment(Time(0)).unwrap();
    assert_eq!(bound_to(&world, first), Some(a));
    let second = pod(&mut world, Some(a), port);
    world.settle_moment(Time(0)).unwrap();
    assert!(message(&world).contains("1 node(s) didn't have free ports for the requested pod ports"));
    happen(&mut world, Body::PodGone { pod: first });
    world.settle_moment(Time(0)).unwrap();
    assert_eq!(bound_to(&world, second), Some(a));
    pod(&mut world, Some(a), &spec(1));
    pod(&mut world, Some(a), &spec(1));
    world.settle_moment(Time(0)).unwrap();
    assert!(message(&world).contains("1 Too many pods"));
}
