//! Small traces made by hand, replayed.
#![allow(clippy::unwrap_used)]

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::{Body, ConditionStatus, Event, Propagation, Track};
use kubetape_engine::log::Identity;
use kubetape_engine::names::{Effect, Names, NodeSpec, ObjectId, ObjectKey, Seq, Sym, Taint, sym};
use kubetape_engine::replay::{EndedBy, Events, Plan, Summary, Tracks, Until, replay};
use kubetape_engine::sim::World;
use kubetape_engine::time::{ApiSeconds, Micros, Time};

/// A trace in the making.
#[derive(Default)]
struct Trace {
    names: Names,
    events: Vec<Event>,
}

impl Trace {
    fn at(&mut self, second: i64, track: Track, body: Body) {
        self.events.push(Event::new(Time(second * 1_000_000), track, body));
    }

    fn join(&mut self, second: i64, name: &str) {
        let name = self.names.sym(name);
        let (node, spec) = (self.names.node(name), self.names.node_spec(NodeSpec::default()));
        self.at(second, Track::Cluster, Body::NodeJoined { node, spec, created: ApiSeconds(second) });
        let (condition, status) = (sym::READY, ConditionStatus::True);
        let (reason, since) = (Sym::EMPTY, ApiSeconds(second));
        self.at(second, Track::Cluster, Body::NodeConditionSet { node, condition, status, reason, since });
    }

    fn node(&self, name: &str) -> kubetape_engine::names::NodeId {
        self.names.find_node(name).unwrap()
    }

    fn object(&mut self) -> ObjectId {
        let name = self.names.sym("agent");
        let key = ObjectKey { kind: sym::DAEMON_SET, namespace: sym::DEFAULT, name, incarnation: 0 };
        self.names.object(key)
    }

    fn apply(&mut self, second: i64, image: &str, max_unavailable: &str, node_selector: &str) {
        let manifest = format!(
            r#"{{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{{"name":"agent","namespace":"default"}},"spec":{{"selector":{{"matchLabels":{{"app":"agent"}}}},"template":{{"metadata":{{"labels":{{"app":"agent"}}}},"spec":{{"containers":[{{"name":"main","image":"{image}"}}],"nodeSelector":{node_selector}}}}},"updateStrategy":{{"type":"RollingUpdate","rollingUpdate":{{"maxUnavailable":{max_unavailable},"maxSurge":0}}}}}}}}"#
        );
        let (object, manifest) = (self.object(), self.names.doc(&manifest));
        self.at(second, Track::User, Body::Applied { object, manifest });
    }

    fn label(&mut self, second: i64, node: &str, key: &str, value: &str) {
        let node = self.node(node);
        let (key, value) = (self.names.sym(key), self.names.sym(value));
        self.at(second, Track::User, Body::NodeLabelSet { node, key, value });
    }

    fn replay(&self, plan: Plan) -> (World, Summary, String) {
        let mut source = Events(self.events.clone());
        let mut identity = Identity::new();
        let plan = Plan { names: self.names.clone(), ..plan };
        let (world, summary) = replay(&mut source, plan, &mut identity, &mut |_, _| {}).unwrap();
        (world, summary, identity.digest().to_string())
    }
}

/// Nodes with a live pod, and the image of each.
fn placements(world: &World) -> Vec<(String, String)> {
    let cluster: &Cluster = &world.cluster;
    let live = cluster.pods().filter(|(_, pod)| pod.ready && !pod.terminating());
    let mut places: Vec<_> = live
        .map(|(_, pod)| {
            let image = world.names.text(cluster.shape(pod.shape).unwrap().image);
            (world.names.node_name(pod.node.unwrap()).to_owned(), image.to_owned())
        })
        .collect();
    places.sort();
    places
}

fn on(nodes: &[&str], image: &str) -> Vec<(String, String)> {
    nodes.iter().map(|node| ((*node).to_owned(), image.to_owned())).collect()
}

fn three_nodes() -> Trace {
    let mut trace = Trace::default();
    for name in ["a", "b", "c"] {
        trace.join(0, name);
    }
    trace
}

#[test]
fn a_daemon_set_comes_to_every_node_and_its_status_says_so() {
    let mut trace = three_nodes();
    trace.apply(1, "agent:1", "1", "{}");
    let (world, summary, _) = trace.replay(Plan::default());
    assert_eq!(placements(&world), on(&["a", "b", "c"], "agent:1"));
    let (object, _) = world.cluster.daemon_sets().next().unwrap();
    let status = object.status;
    assert_eq!((status.desired, status.current, status.ready, status.available), (3, 3, 3, 3));
    assert_eq!((status.updated, status.unavailable, status.observed_generation), (3, 0, 1));
    assert_eq!(summary.ended_by, EndedBy::Settled);
    assert!(summary.settled);
    let applied = summary.milestones.iter().find(|m| m.event.body.kind() == "Applied").unwrap();
    assert_eq!(applied.effects.values().next().unwrap().created, 3);
}

#[test]
fn labels_taints_and_departures_move_pods() {
    let mut trace = three_nodes();
    trace.apply(1, "agent:1", "1", r#"{"run":"yes"}"#);
    trace.label(10, "a", "run", "yes");
    trace.label(20, "b", "run", "yes");
    trace.label(30, "c", "run", "no");
    let (world, ..) = trace.replay(Plan::default());
    assert_eq!(placements(&world), on(&["a", "b"], "agent:1"));

    let key = trace.names.sym("gpu");
    let node = trace.node("a");
    let taint = Taint { key, value: Sym::EMPTY, effect: Effect::NoSchedule };
    trace.at(40, Track::User, Body::NodeTaintAdded { node, taint });
    let (world, ..) = trace.replay(Plan::default());
    assert_eq!(placements(&world), on(&["a", "b"], "agent:1"), "NoSchedule keeps what is there");

    let taint = Taint { effect: Effect::NoExecute, ..taint };
    trace.at(50, Track::User, Body::NodeTaintAdded { node, taint });
    let (world, ..) = trace.replay(Plan::default());
    assert_eq!(placements(&world), on(&["b"], "agent:1"));

    let node = trace.node("b");
    trace.at(60, Track::Cluster, Body::NodeLeft { node });
    let (world, ..) = trace.replay(Plan { until: Until::After(Micros::seconds(5)), ..Plan::default() });
    assert_eq!(placements(&world), on(&["b"], "agent:1"), "nobody has noticed yet");
    let (world, ..) = trace.replay(Plan { until: Until::After(Micros::seconds(70)), ..Plan::default() });
    assert_eq!(placements(&world), on(&[], "agent:1"), "pod garbage collection has");
}

#[test]
fn a_rolling_update_replaces_every_pod_and_keeps_its_budget() {
    let mut trace = three_nodes();
    trace.apply(1, "agent:1", "1", "{}");
    trace.apply(20, "agent:2", "1", "{}");
    let mut source = Events(trace.events.clone());
    let mut identity = Identity::new();
    let plan = Plan { names: trace.names.clone(), ..Plan::default() };
    let mut sink = Collected { identity: &mut identity, events: Vec::new() };
    let (world, _) = replay(&mut source, plan, &mut sink, &mut |_, _| {}).unwrap();
    assert_eq!(placements(&world), on(&["a", "b", "c"], "agent:2"));

    // At no moment after the first rollout were fewer than two pods ready.
    let (mut cluster, mut names) = (Cluster::new(), world.names.clone());
    for (index, event) in sink.events.iter().enumerate() {
        cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
        let moment_over = sink.events.get(index + 1).is_none_or(|next| next.at != event.at);
        if moment_over && event.at > Time(10_000_000) {
            assert!(cluster.pods().filter(|(_, pod)| pod.ready).count() >= 2, "at {}", event.at);
        }
    }
    // Folding the run gives the cluster that the run had.
    let (object, _) = cluster.daemon_sets().next().unwrap();
    assert_eq!(object.status, world.cluster.daemon_sets().next().unwrap().0.status);
}

struct Collected<'a> {
    identity: &'a mut Identity,
    events: Vec<Event>,
}

impl kubetape_engine::replay::Sink for Collected<'_> {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), kubetape_engine::replay::SourceError> {
        self.events.extend_from_slice(events);
        self.identity.write(names, events)
    }
}

#[test]
fn deleting_a_daemon_set_takes_its_pods_unless_they_are_orphaned() {
    for (propagation, left) in
        [(Propagation::Background, 0), (Propagation::Foreground, 0), (Propagation::Orphan, 3)]
    {
        let mut trace = three_nodes();
        trace.apply(1, "agent:1", "1", "{}");
        let object = trace.object();
        trace.at(20, Track::User, Body::DeleteRequested { object, propagation });
        let (world, ..) = trace.replay(Plan::default());
        assert_eq!(placements(&world).len(), left, "{propagation:?}");
        assert_eq!(world.cluster.daemon_sets().count(), 0, "{propagation:?}");
    }
}

#[test]
fn the_same_trace_gives_the_same_run() {
    let mut trace = three_nodes();
    trace.apply(1, "agent:1", "1", "{}");
    trace.label(10, "a", "x", "y");
    trace.apply(20, "agent:2", "2", "{}");
    let (_, _, first) = trace.replay(Plan::default());
    let (_, _, second) = trace.replay(Plan::default());
    assert_eq!(first, second);
    trace.label(30, "b", "x", "y");
    assert_ne!(trace.replay(Plan::default()).2, first);
}

#[test]
fn a_run_played_back_whole_is_itself() {
    let mut trace = three_nodes();
    trace.apply(1, "agent:1", "1", "{}");
    trace.apply(20, "agent:2", "1", "{}");
    let mut identity = Identity::new();
    let mut sink = Collected { identity: &mut identity, events: Vec::new() };
    let plan = Plan { names: trace.names.clone(), ..Plan::default() };
    let (world, _) = replay(&mut Events(trace.events.clone()), plan, &mut sink, &mut |_, _| {}).unwrap();
    let run = Trace { names: world.names.clone(), events: sink.events };
    let plan = Plan { play: Tracks::all(), until: Until::End, ..Plan::default() };
    let (fold, summary, _) = run.replay(plan);
    assert_eq!(placements(&fold), placements(&world));
    assert_eq!(summary.event_count(), run.events.len() as u64);
    assert_eq!(summary.misfits.without_counterpart, 0);
}
