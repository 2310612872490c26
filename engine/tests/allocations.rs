//! In steady state an event takes no memory: what a replay allocates does not grow with its length.
#![allow(clippy::unwrap_used)]

use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::log::Identity;
use kubetape_engine::names::{Names, NodeSpec, ObjectKey, sym};
use kubetape_engine::replay::{Events, Plan, Until, replay};
use kubetape_engine::synth::presets;
use kubetape_engine::time::{ApiSeconds, Micros, Time};

const NODES: usize = 100;

const MANIFEST: &str = r#"{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"app":"a"}},"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"nodeSelector":{"on":"true"},"containers":[{"name":"c","image":"i"}]}}}}"#;

/// A trace in which nodes are labelled so often: on, so that a DaemonSet's pod is created, bound and started there and
/// the status written; off, so that it is deleted; and in between with a key that nothing mentions.
fn trace(labels: usize) -> (Names, Vec<Event>) {
    let (mut names, mut events) = (Names::new(), Vec::new());
    let mut happen = |at: usize, track, body| {
        let at = Time(0) + Micros::millis(i64::try_from(at).unwrap());
        events.push(Event::new(at, track, body));
    };
    let spec = names.node_spec(NodeSpec::default());
    let mut nodes = Vec::new();
    for number in 0..NODES {
        let name = names.sym(&format!("n-{number}"));
        let node = names.node(name);
        nodes.push(node);
        happen(0, Track::Cluster, Body::NodeJoined { node, spec, created: ApiSeconds(0) });
    }
    let name = names.sym("d");
    let key = ObjectKey { kind: sym::DAEMON_SET, namespace: sym::DEFAULT, name, incarnation: 0 };
    let (object, manifest) = (names.object(key), names.doc(MANIFEST));
    happen(0, Track::User, Body::Applied { object, manifest });
    let (on, rack) = (names.sym("on"), names.sym("rack"));
    let values = [names.sym("true"), names.sym("false")];
    for number in 0..labels {
        let node = nodes[number / 3 % NODES];
        let body = match number % 3 {
            0 => Body::NodeLabelSet { node, key: on, value: values[0] },
            1 => Body::NodeLabelSet { node, key: rack, value: values[number / 3 / NODES % 2] },
            _ => Body::NodeLabelRemoved { node, key: on },
        };
        happen(1 + number, Track::Cluster, body);
    }
    (names, events)
}

/// How many times a replay allocates, and how many events it has.
fn replayed(labels: usize) -> (u64, u64) {
    let (names, events) = trace(labels);
    let settings = presets::settings();
    let plan = Plan { names, settings, until: Until::End, story: false, ..Plan::default() };
    let mut happened = 0;
    let allocated = allocation_counter::measure(|| {
        let (mut events, mut identity) = (Events(events), Identity::new());
        let (_, summary) = replay(&mut events, plan, &mut identity, &mut |_, _| {}).unwrap();
        happened = summary.event_count();
    });
    (allocated.count_total, happened)
}

#[test]
fn events_in_steady_state_take_no_memory() {
    let (few, few_events) = replayed(3_000);
    let (many, many_events) = replayed(30_000);
    let events = many_events - few_events;
    assert!(events > 100_000, "{events}");
    // Lists that are as long as the trace grow by doubling: a few times each.
    let more = many.saturating_sub(few);
    assert!(more < 100, "{more} allocations for {events} events");
}
