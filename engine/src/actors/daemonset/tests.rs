//! The controller in a world of its own; pods are moved by hand.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::cluster::Pod;
use crate::event::{Body, ConditionStatus, Phase, PodCondition, Track, Why};
use crate::names::{Effect, NodeSpec, PodId, Taint};
use crate::sim::World;
use crate::time::{ApiSeconds, Micros};

struct Fixture {
    world: World,
    now: Time,
}

impl Fixture {
    fn new(nodes: usize) -> Self {
        Self::with(nodes, Settings::unlimited())
    }

    fn with(nodes: usize, settings: Settings) -> Self {
        let controller = Box::new(DaemonSetController::new(settings));
        let mut fixture = Fixture { world: World::new(Names::new(), vec![controller]), now: Time(0) };
        for index in 0..nodes {
            let node = fixture.node(&format!("n-{index:03}"));
            let spec = fixture.world.names.node_spec(NodeSpec::default());
            fixture.happen(Body::NodeJoined { node, spec, created: ApiSeconds(0) });
        }
        fixture
    }

    fn happen(&mut self, body: Body) -> Seq {
        self.world.happen(Event::new(self.now, Track::User, body)).unwrap()
    }

    fn node(&mut self, name: &str) -> NodeId {
        let name = self.world.names.sym(name);
        self.world.names.node(name)
    }

    /// Applies the DaemonSet `default/d`; `spec` is put beside selector and template.
    fn apply(&mut self, image: &str, spec: &str) -> Seq {
        let manifest = format!(
            r#"{{"metadata":{{"name":"d"}},"spec":{{"selector":{{"matchLabels":{{"app":"a"}}}},{spec}"template":{{"metadata":{{"labels":{{"app":"a"}}}},"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}}}}}"#
        );
        let name = self.world.names.sym("d");
        let key = self.world.cluster.next_key(sym::DAEMON_SET, sym::DEFAULT, name);
        let found = self.world.cluster.find_object(sym::DAEMON_SET, sym::DEFAULT, name).map(|o| o.id);
        let object = found.unwrap_or_else(|| self.world.names.object(key));
        let manifest = self.world.names.doc(&manifest);
        self.happen(Body::Applied { object, manifest })
    }

    fn settle(&mut self) {
        self.world.settle_moment(self.now).unwrap();
    }

    fn pods(&self) -> Vec<(PodId, Pod)> {
        self.world.cluster.pods().collect()
    }

    /// Starts every pod that has not started and is not to end.
    fn start_all(&mut self) {
        for (pod, facts) in self.pods() {
            if facts.phase == Phase::Pending && !facts.terminating() {
                self.happen(Body::PodBound { pod, node: facts.node.unwrap() });
                self.happen(Body::PodPhaseSet { pod, phase: Phase::Running, reason: Sym::EMPTY });
                self.ready(pod);
            }
        }
        self.settle();
    }

    fn ready(&mut self, pod: PodId) {
        let (condition, status) = (PodCondition::Ready, ConditionStatus::True);
        let since = self.now.api_seconds();
        self.happen(Body::PodConditionSet { pod, condition, status, since });
    }

    fn finish_terminating(&mut self) {
        for (pod, _) in self.pods().into_iter().filter(|(_, pod)| pod.terminating()) {
            self.happen(Body::PodGone { pod });
        }
        self.settle();
    }

    fn status(&self) -> WorkloadStatus {
        self.world.cluster.daemon_sets().next().unwrap().0.status
    }

    fn recorded(&mut self, wanted: fn(&Body) -> bool) -> Vec<Event> {
        std::mem::take(&mut self.world.recorded).into_iter().filter(|e| wanted(&e.body)).collect()
    }
}

#[test]
fn every_node_gets_a_pod_and_the_causes_say_why() {
    let mut f = Fixture::new(3);
    let applied = f.apply("i:1", "");
    f.settle();
    let created = f.recorded(|body| matches!(body, Body::PodCreated { .. }));
    assert_eq!(created.iter().map(|e| e.cause).collect::<Vec<_>>(), [applied; 3]);
    f.start_all();
    let status = f.status();
    assert_eq!(
        (status.desired, status.current, status.ready, status.updated, status.available),
        (3, 3, 3, 3, 3)
    );
    assert_eq!((status.unavailable, status.observed_generation), (0, 1));
    let pod = f.pods()[1].0;
    f.recorded(|_| true);
    f.happen(Body::PodGone { pod });
    f.settle();
    let again = f.recorded(|body| matches!(body, Body::PodCreated { .. }));
    let Body::PodCreated { ordinal, .. } = again[0].body else { unreachable!() };
    assert_eq!((again.len(), ordinal), (1, 1));
    let cause = again[0].cause;
    assert!(cause > applied, "the pod is missed because the first one is gone, {cause}");
}

#[test]
fn a_rolling_update_replaces_one_pod_at_a_time_in_order_of_node_names() {
    let mut f = Fixture::new(3);
    let strategy = r#""updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1}},"#;
    f.apply("i:1", strategy);
    f.settle();
    f.start_all();
    f.apply("i:2", strategy);
    f.settle();
    for index in 0..3 {
        let name = format!("n-{index:03}");
        let going: Vec<_> = f.pods().into_iter().filter(|(_, pod)| pod.terminating()).collect();
        assert_eq!(going.len(), 1);
        assert_eq!(going[0].1.deleting, Some(Why::Outdated));
        assert_eq!(f.world.names.node_name(going[0].1.node.unwrap()), name);
        f.finish_terminating();
        assert_eq!(f.pods().len(), 3);
        f.start_all();
    }
    let status = f.status();
    assert_eq!((status.updated, status.available), (3, 3));
    let numbers: Vec<_> = {
        let object = f.world.cluster.daemon_sets().next().unwrap().0;
        object.revisions.iter().map(|r| f.world.cluster.revision(*r).unwrap().number).collect()
    };
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn no_execute_deletes_and_no_schedule_does_not() {
    let mut f = Fixture::new(2);
    f.apply("i:1", "");
    f.settle();
    f.start_all();
    let key = f.world.names.sym("k");
    let taint = |effect| Taint { key, value: Sym::EMPTY, effect };
    let (a, b) = (f.node("n-000"), f.node("n-001"));
    f.happen(Body::NodeTaintAdded { node: a, taint: taint(Effect::NoSchedule) });
    let cause = f.happen(Body::NodeTaintAdded { node: b, taint: taint(Effect::NoExecute) });
    f.recorded(|_| true);
    f.settle();
    let deleted = f.recorded(|body| matches!(body, Body::PodDeleted { .. }));
    let Body::PodDeleted { pod, why, .. } = deleted[0].body else { unreachable!() };
    assert_eq!((deleted.len(), why, deleted[0].cause), (1, Why::NodeNoLongerFits, cause));
    assert_eq!(f.world.cluster.pod(pod).unwrap().node, Some(b));
    assert_eq!((f.status().desired, f.status().misscheduled), (0, 2));
}

#[test]
fn no_more_pods_than_the_burst_limit_are_created_at_once() {
    let mut f = Fixture::new(251);
    f.apply("i:1", "");
    let controller = 0;
    f.world.act(controller, f.now).unwrap();
    assert_eq!(f.pods().len(), 250);
    f.settle();
    assert_eq!(f.pods().len(), 251);
}

#[test]
fn failed_pods_are_replaced_later_and_later() {
    let mut f = Fixture::new(1);
    f.apply("i:1", "");
    f.settle();
    for wait in [0, 1, 2, 4] {
        f.start_all();
        let (pod, _) = f.pods()[0];
        f.happen(Body::PodPhaseSet { pod, phase: Phase::Failed, reason: Sym::EMPTY });
        f.settle();
        let before = f.pods()[0].1.ordinal;
        if wait > 0 {
            f.now = f.now + Micros::seconds(wait) - Micros(1);
            f.settle();
            assert_eq!(f.pods()[0].1.ordinal, before);
            f.now = f.now + Micros(1);
            f.settle();
        }
        assert_eq!(f.pods()[0].1.ordinal, before + u32::from(wait > 0));
    }
}

#[test]
fn an_undefined_priority_class_refuses_pods_one_call_at_a_time() {
    let mut f = Fixture::new(5);
    f.apply(r#"i:1"}],"priorityClassName":"none","x":[{"a":""#, "");
    f.settle();
    let refused = f.recorded(|body| matches!(body, Body::PodRefused { .. }));
    // One for the manifest and one for the status that was written; each tries one pod and stops there.
    assert_eq!((refused.len(), f.pods().len()), (2, 0));
    assert_eq!(f.world.due(), Some(Time(5_000)));
}

#[test]
fn writes_go_out_at_the_clients_rate_and_the_status_counts_what_is_there_by_then() {
    let client = Some(RateLimit { per_second: 20, burst: 30 });
    let mut f = Fixture::with(100, Settings { client, ..Settings::default() });
    f.apply("i:1", "");
    f.settle();
    // One write made the revision.
    assert_eq!(f.pods().len(), 29);
    assert_eq!(f.world.due(), Some(Time(50_000)));
    let mut statuses = Vec::new();
    while f.pods().len() < 100 {
        f.now = f.world.due().unwrap();
        f.settle();
        statuses.extend(f.recorded(|body| matches!(body, Body::StatusWritten { .. })));
    }
    // 71 more at 20 a second.
    assert_eq!(f.now, Time(71 * 50_000));
    assert!(statuses.is_empty(), "the status comes after the pods");
    f.now = f.world.due().unwrap();
    f.settle();
    assert_eq!((f.status().desired, f.status().current), (100, 100));
}

#[test]
fn two_syncs_write_in_turn_and_a_third_waits_for_a_worker() {
    let client = Some(RateLimit { per_second: 10, burst: 1 });
    let mut f = Fixture::with(5, Settings { client, ..Settings::default() });
    f.apply("i:1", "");
    let text = f.world.names.doc_text(f.world.cluster.daemon_sets().next().unwrap().0.manifest).to_owned();
    for name in ["e", "f"] {
        let sym_name = f.world.names.sym(name);
        let key = f.world.cluster.next_key(sym::DAEMON_SET, sym::DEFAULT, sym_name);
        let object = f.world.names.object(key);
        let manifest = f.world.names.doc(&text.replace(r#""d""#, &format!("{name:?}")));
        f.happen(Body::Applied { object, manifest });
    }
    let mut owners = Vec::new();
    for _ in 0..16 {
        f.settle();
        for event in f.recorded(|body| matches!(body, Body::PodCreated { .. })) {
            let owner = event.body.object().map(|owner| f.world.names.object_name(owner));
            owners.push(owner.unwrap().replace("default/", ""));
        }
        f.now = f.world.due().unwrap();
    }
    assert_eq!(owners.join(""), "dededededef");
}
