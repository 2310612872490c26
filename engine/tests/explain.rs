//! Explanations of small clusters that get stuck in the ways that people report.
//!
//! The controllers are the real ones. The kubelets are the test's: a pod whose image is called `bad` never gets
//! ready, one whose image is called `flaky` is ready for two seconds.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use kubetape_engine::actors::daemonset::DaemonSetController;
use kubetape_engine::actors::lifecycle::{NodeHealth, NodeTaints, TaintEviction};
use kubetape_engine::actors::scheduler::Scheduler;
use kubetape_engine::cluster::Cluster;
use kubetape_engine::diff::Side;
use kubetape_engine::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track, Why};
use kubetape_engine::explain::{
    Answer, Check, DaemonPodExplanation, EffectGroup, Hold, Moment, Reason, RolloutExplanation, RolloutState,
    SetBy, Tape, WorkloadName, explain_daemon_pod, explain_event, explain_pod, explain_rollout,
};
use kubetape_engine::log::{MemoryStorage, Options, Reader, Writer};
use kubetape_engine::names::{
    Effect, Names, NodeId, NodeSpec, ObjectKey, PodId, ResourceList, Seq, Sym, Taint, sym,
};
use kubetape_engine::sim::World;
use kubetape_engine::time::{ApiSeconds, Time};

/// A cluster that is operated second by second.
struct Lab {
    world: World,
    second: i64,
}

impl Lab {
    fn new(nodes: &[&str]) -> Lab {
        Lab::at(0, nodes)
    }

    /// A cluster that begins at a second of the epoch.
    fn at(second: i64, nodes: &[&str]) -> Lab {
        let actors: Vec<Box<dyn kubetape_engine::sim::Actor>> = vec![
            Box::new(NodeHealth::default()),
            Box::new(NodeTaints::default()),
            Box::new(DaemonSetController::new(Default::default())),
            Box::new(Scheduler::new(Default::default())),
            Box::new(TaintEviction::new()),
        ];
        let mut lab = Lab { world: World::new(Names::new(), actors), second };
        nodes.iter().for_each(|node| lab.join(node, &[]));
        lab
    }

    fn happen(&mut self, track: Track, body: Body) -> Seq {
        self.world.happen(Event::new(self.now(), track, body)).unwrap()
    }

    /// A kubelet does something because of the last event about the pod.
    fn kubelet(&mut self, cause: Seq, body: Body) {
        let event = Event { cause, ..Event::new(self.now(), Track::Kubelet, body) };
        self.world.happen(event).unwrap();
    }

    fn now(&self) -> Time {
        Time(self.second * 1_000_000)
    }

    fn sym(&mut self, text: &str) -> Sym {
        self.world.names.sym(text)
    }

    fn node(&mut self, name: &str) -> NodeId {
        let name = self.sym(name);
        self.world.names.node(name)
    }

    fn join(&mut self, name: &str, labels: &[(&str, &str)]) {
        let node = self.node(name);
        let labels = labels.iter().map(|(key, value)| (self.sym(key), self.sym(value))).collect();
        let allocatable = ResourceList(vec![(sym::CPU, 1_000), (sym::PODS, 10)]);
        let allocatable = Some(self.world.names.resources(allocatable));
        let spec = self.world.names.node_spec(NodeSpec { labels, allocatable, ..NodeSpec::default() });
        self.happen(Track::Cluster, Body::NodeJoined { node, spec, created: ApiSeconds(self.second) });
        let (condition, status, reason) = (sym::READY, ConditionStatus::True, Sym::EMPTY);
        let since = ApiSeconds(self.second);
        self.happen(Track::Cluster, Body::NodeConditionSet { node, condition, status, reason, since });
    }

    fn apply(&mut self, name: &str, image: &str, pod_spec: &str, strategy: &str) -> Seq {
        let manifest = format!(
            r#"{{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{{"name":"{name}","namespace":"default"}},"spec":{{"selector":{{"matchLabels":{{"app":"{name}"}}}},"template":{{"metadata":{{"labels":{{"app":"{name}"}}}},"spec":{{{pod_spec}"containers":[{{"name":"main","image":"{image}","ports":[{{"containerPort":80,"hostPort":{}}}],"resources":{{"requests":{{"cpu":"{}"}}}}}}]}}}},"updateStrategy":{{"type":"RollingUpdate","rollingUpdate":{strategy}}}}}}}"#,
            if name == "ports" { 8080 } else { 0 },
            if name == "other" { "800m" } else { "300m" },
        );
        let name = self.sym(name);
        let key = ObjectKey { kind: sym::DAEMON_SET, namespace: sym::DEFAULT, name, incarnation: 0 };
        let (object, manifest) = (self.world.names.object(key), self.world.names.doc(&manifest));
        self.happen(Track::User, Body::Applied { object, manifest })
    }

    fn label(&mut self, node: &str, key: &str, value: &str) -> Seq {
        let (node, key, value) = (self.node(node), self.sym(key), self.sym(value));
        self.happen(Track::User, Body::NodeLabelSet { node, key, value })
    }

    fn taint(&mut self, node: &str, key: &str, effect: Effect) -> Seq {
        let (node, key) = (self.node(node), self.sym(key));
        self.happen(
            Track::User,
            Body::NodeTaintAdded { node, taint: Taint { key, value: Sym::EMPTY, effect } },
        )
    }

    /// Lets time pass until a second.
    fn until(&mut self, second: i64) {
        while self.second < second {
            self.world.settle_moment(self.now()).unwrap();
            self.kubelets();
            self.world.settle_moment(self.now()).unwrap();
            self.second += 1;
        }
    }

    /// What the kubelets of nodes that are not silent do within a second.
    fn kubelets(&mut self) {
        let since = ApiSeconds(self.second);
        let pods: Vec<PodId> = self.world.cluster.pods().map(|(id, _)| id).collect();
        for id in pods {
            let pod = self.world.cluster.pod(id).unwrap();
            let node = pod.node.filter(|_| pod.bound).and_then(|node| self.world.cluster.present_node(node));
            if node.is_none_or(|node| node.silent) {
                continue;
            }
            let image = self.world.cluster.shape(pod.shape).unwrap().image;
            let image = self.world.names.text(image).to_owned();
            let ready =
                |status| Body::PodConditionSet { pod: id, condition: PodCondition::Ready, status, since };
            if pod.terminating() {
                self.kubelet(pod.changed, Body::PodGone { pod: id });
            } else if pod.phase == Phase::Pending {
                let running = Body::PodPhaseSet { pod: id, phase: Phase::Running, reason: Sym::EMPTY };
                self.kubelet(pod.changed, running);
                if !image.contains("bad") {
                    self.kubelet(pod.changed, ready(ConditionStatus::True));
                }
            } else if image.contains("flaky") && pod.ready && pod.created().0 + 2 <= self.second {
                self.kubelet(pod.changed, ready(ConditionStatus::False));
            }
        }
    }

    fn explain<T>(&self, ask: impl FnOnce(&Tape<'_>) -> T) -> T {
        let events = &self.world.recorded;
        let open = || Ok(Side::from_events(self.world.names.clone(), events));
        let tell = |event: &Event, _: &Names, _: &Cluster| event.body.kind().to_owned();
        ask(&Tape { open: &open, look_up: None, tell: &tell })
    }

    fn why(&self, daemon_set: &str, node: &str) -> DaemonPodExplanation {
        let name = WorkloadName::parse(daemon_set);
        self.explain(|tape| explain_daemon_pod(tape, &name, node, Moment::At(self.now())).unwrap())
    }

    fn rollout(&self, daemon_set: &str) -> RolloutExplanation {
        let name = WorkloadName::parse(daemon_set);
        self.explain(|tape| explain_rollout(tape, &name, Moment::At(self.now())).unwrap())
    }
}

const ONE_AT_A_TIME: &str = r#"{"maxUnavailable":1,"maxSurge":0}"#;
const SURGE_ONE: &str = r#"{"maxUnavailable":0,"maxSurge":1}"#;

#[test]
fn a_node_that_is_not_ready_holds_the_budget_of_a_rollout() {
    let mut lab = Lab::new(&["a", "b", "c"]);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(20);
    let node = lab.node("b");
    lab.happen(Track::Cluster, Body::NodeSilent { node });
    lab.until(100);
    let applied = lab.apply("agent", "agent:2", "", ONE_AT_A_TIME);
    lab.until(200);

    let rollout = lab.rollout("agent");
    assert_eq!(rollout.state, RolloutState::BudgetUsedUp);
    let limits = rollout.limits.unwrap();
    assert_eq!((limits.desired, limits.max_unavailable, limits.used), (2, 1, 1));
    assert_eq!(rollout.asked_by.unwrap().event, applied.0);
    assert_eq!((rollout.waiting_nodes, rollout.waiting), (vec!["a".to_owned(), "c".to_owned()], 2));
    let [holder] = rollout.holders.as_slice() else { panic!("{:?}", rollout.holders) };
    assert_eq!((holder.node.as_str(), holder.desired), ("b", false));
    assert!(matches!(holder.hold, Hold::Terminating { overdue: true, .. }), "{:?}", holder.hold);
    assert_eq!(holder.since.as_ref().unwrap().kind, "PodDeleted");
    let not_ready = holder.node_not_ready.as_ref().unwrap();
    assert_eq!((not_ready.kind, not_ready.at), ("NodeConditionSet", Time(70_000_000)));

    let why = lab.why("agent", "b");
    assert!(matches!(&why.answer, Answer::MustGo { terminating: true, .. }), "{:?}", why.answer);
    assert_eq!(why.node_silent.unwrap().at, Time(20_000_000));
    let blocking: Vec<_> =
        why.rules.iter().filter(|rule| rule.blocks).map(|rule| rule.found.as_str()).collect();
    assert_eq!(blocking, ["node.kubernetes.io/unreachable:NoSchedule"]);
}

#[test]
fn a_surging_rollout_with_a_host_port_waits_for_itself() {
    let mut lab = Lab::new(&["a", "b", "c"]);
    lab.apply("ports", "agent:1", "", SURGE_ONE);
    lab.until(20);
    lab.apply("ports", "agent:2", "", SURGE_ONE);
    lab.until(60);

    let rollout = lab.rollout("ports");
    assert_eq!(rollout.state, RolloutState::BudgetUsedUp);
    assert_eq!((rollout.limits.unwrap().used, rollout.waiting, rollout.available), (1, 2, 3));
    let [holder] = rollout.holders.as_slice() else { panic!("{:?}", rollout.holders) };
    let Hold::Pending { pod, deadlocked_with: Some(old), .. } = &holder.hold else { panic!("{holder:?}") };
    assert_eq!((holder.node.as_str(), holder.updated), ("a", true));
    assert_eq!(holder.since.as_ref().unwrap().kind, "PodUnschedulable");

    let named = WorkloadName::parse(pod);
    let pod = lab.explain(|tape| explain_pod(tape, &named, Moment::End).unwrap());
    let pending = pod.pending.unwrap();
    assert_eq!((pending.only_node.as_deref(), pod.owner.as_str()), (Some("a"), "default/ports"));
    let [Reason::Ports { taken }] = pending.refusals[0].reasons.as_slice() else { panic!("{pending:?}") };
    assert_eq!((taken[0].what.as_str(), &taken[0].pod), ("TCP 8080", old));
    assert_eq!(pod.life.steps[0].told.kind, "PodCreated");
    assert!(!pod.life.gone);
}

#[test]
fn revisions_that_are_ready_for_a_moment_breach_the_budget() {
    let mut lab = Lab::new(&["a", "b", "c", "d"]);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(20);
    assert_eq!(lab.rollout("agent").breach_count, 0);
    lab.apply("agent", "flaky:2", "", ONE_AT_A_TIME);
    lab.until(40);
    lab.apply("agent", "flaky:3", "", ONE_AT_A_TIME);
    lab.until(60);

    let rollout = lab.rollout("agent");
    let breach = &rollout.breaches[0];
    assert_eq!((breach.desired, breach.floor), (4, 3));
    assert!(breach.lowest < 3, "{breach:?}");
    assert_eq!(breach.first.kind, "StatusWritten");
    assert!(breach.because.iter().any(|event| event.kind == "PodConditionSet"), "{:?}", breach.because);
}

/// The shipped trace is written anew with `SNAPSHOTS=overwrite` in the environment.
#[test]
fn the_shipped_trace_of_successive_revisions_is_what_the_lab_makes() {
    let start = ApiSeconds::parse("2026-01-01T00:00:00Z").unwrap().0;
    let mut lab = Lab::at(start, &["a", "b", "c", "d"]);
    for (index, image) in ["agent:1", "flaky:2", "flaky:3", "flaky:4"].into_iter().enumerate() {
        lab.apply("agent", image, "", ONE_AT_A_TIME);
        lab.until(start + 20 * (index as i64 + 1));
    }
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    writer.append(&lab.world.names, &lab.world.recorded).unwrap();
    let digest = writer.close().unwrap();

    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/suite/stuck/successive-revisions/trace.tape");
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, storage.bytes()).unwrap();
    }
    let mut reader = Reader::open(&path).unwrap().with_digest();
    let (mut names, mut events) = (Names::new(), Vec::new());
    while reader.next_batch(&mut names, &mut events).unwrap().is_some() {}
    assert_eq!(reader.digest(), Some(digest));
}

#[test]
fn revisions_that_are_never_ready_leave_the_other_pods_alone() {
    let mut lab = Lab::new(&["a", "b", "c"]);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(20);
    for (index, image) in ["bad:2", "bad:3", "bad:4"].into_iter().enumerate() {
        lab.apply("agent", image, "", ONE_AT_A_TIME);
        lab.until(40 + 20 * index as i64);
    }
    let rollout = lab.rollout("agent");
    assert_eq!((rollout.state, rollout.breach_count), (RolloutState::BudgetUsedUp, 0));
    assert_eq!((rollout.old, rollout.updated, rollout.available, rollout.revision), (2, 1, 2, Some(4)));
    let [holder] = rollout.holders.as_slice() else { panic!("{:?}", rollout.holders) };
    assert!(holder.updated && matches!(holder.hold, Hold::NotReady { .. }), "{holder:?}");
}

#[test]
fn a_no_schedule_taint_evicts_nothing_and_lets_nothing_come_back() {
    let mut lab = Lab::new(&["a", "b"]);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(10);
    assert!(matches!(lab.why("agent", "a").answer, Answer::Runs { available: true, .. }));
    let tainted = lab.taint("a", "gpu", Effect::NoSchedule);
    lab.until(20);
    let why = lab.why("agent", "a");
    assert!(matches!(why.answer, Answer::Stays { .. }), "{:?}", why.answer);
    assert_eq!((why.should_run, why.should_continue), (false, true));
    let [rule] = why.rules.as_slice() else { panic!("{:?}", why.rules) };
    assert_eq!((rule.check, rule.found.as_str(), rule.blocks), (Check::Taint, "gpu:NoSchedule", true));
    assert!(matches!(&rule.set_by, SetBy::Event(event) if event.event == tainted.0));

    let pod = lab.world.cluster.pods().find(|(_, p)| p.node == lab.world.names.find_node("a")).unwrap().0;
    let (why, grace_s, deadline) = (Why::User, 30, ApiSeconds(50));
    let deleted = lab.happen(Track::User, Body::PodDeleted { pod, why, grace_s, deadline });
    lab.until(30);
    let why = lab.why("agent", "a");
    assert_eq!(why.answer, Answer::KeptOff);
    assert!(why.lives[0].gone && why.lives[0].steps.iter().any(|step| step.told.event == deleted.0));
}

#[test]
fn a_cordoned_node_runs_daemon_pods_because_of_an_automatic_toleration() {
    let mut lab = Lab::new(&["a"]);
    let node = lab.node("a");
    lab.happen(Track::User, Body::NodeCordoned { node });
    lab.until(5);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(20);
    let why = lab.why("agent", "a");
    assert!(matches!(why.answer, Answer::Runs { .. }), "{:?}", why.answer);
    let [rule] = why.rules.as_slice() else { panic!("{:?}", why.rules) };
    assert_eq!(rule.found, "node.kubernetes.io/unschedulable:NoSchedule");
    assert!(rule.holds && rule.note.as_deref().unwrap().contains("every DaemonSet"), "{rule:?}");
}

#[test]
fn labels_are_traced_to_whoever_set_them_and_to_who_asked() {
    let mut lab = Lab::new(&["a", "b"]);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(10);
    let asked = lab.apply("agent", "agent:1", r#""nodeSelector":{"run":"yes"},"#, ONE_AT_A_TIME);
    lab.until(20);
    lab.apply("agent", "agent:2", r#""nodeSelector":{"run":"yes"},"#, ONE_AT_A_TIME);
    let set = lab.label("b", "run", "no");
    lab.until(40);
    let never = lab.why("agent", "a");
    assert_eq!(never.answer, Answer::KeptOff);
    let rule = &never.rules[0];
    assert_eq!((rule.wanted.as_str(), rule.found.as_str()), ("run=yes", "no label run"));
    assert!(matches!(&rule.set_by, SetBy::NeverSince(event) if event.event == 1), "{rule:?}");
    assert_eq!(rule.asked_by.as_ref().unwrap().event, asked.0, "a later manifest asks for the same");
    let wrong = lab.why("agent", "b");
    assert!(matches!(&wrong.rules[0].set_by, SetBy::Event(event) if event.event == set.0));
    let deleted = never.lives[0].steps.iter().find(|step| step.told.kind == "PodDeleted").unwrap();
    assert_eq!(deleted.because.links[0].event, asked.0);
}

#[test]
fn a_full_node_says_who_has_the_room() {
    let mut lab = Lab::new(&["a"]);
    lab.apply("other", "other:1", "", ONE_AT_A_TIME);
    lab.until(10);
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(20);
    let why = lab.why("agent", "a");
    assert!(matches!(why.answer, Answer::Pending { .. }), "{:?}", why.answer);
    let pending = why.pending.unwrap();
    let [Reason::Insufficient { resource, requested, allocatable, used, held_by, more }] =
        pending.refusals[0].reasons.as_slice()
    else {
        panic!("{pending:?}")
    };
    assert_eq!((resource.as_str(), *requested, *allocatable, *used, *more), ("cpu", 300, 1_000, 800, 0));
    assert!(held_by[0].pod.starts_with("default/other-") && held_by[0].what == "800m", "{held_by:?}");
}

fn depth(groups: &[EffectGroup]) -> usize {
    groups.iter().map(|group| 1 + depth(&group.effects)).max().unwrap_or(0)
}

fn count(groups: &[EffectGroup], kind: &str) -> usize {
    let own = |group: &EffectGroup| if group.kind == kind { group.count } else { 0 };
    groups.iter().map(|group| own(group) + count(&group.effects, kind)).sum()
}

#[test]
fn an_event_has_a_tree_of_effects_and_a_chain_of_causes() {
    let nodes: Vec<String> = (0..12).map(|index| format!("node-{index:02}")).collect();
    let mut lab = Lab::new(&nodes.iter().map(String::as_str).collect::<Vec<_>>());
    lab.apply("agent", "agent:1", "", ONE_AT_A_TIME);
    lab.until(10);
    let applied = lab.apply("agent", "agent:2", "", ONE_AT_A_TIME);
    lab.until(100);
    assert_eq!(lab.rollout("agent").state, RolloutState::Complete);
    let event = lab.explain(|tape| explain_event(tape, applied, Moment::End).unwrap());
    assert_eq!(event.told.event, applied.0);
    assert_eq!(event.causes.links, []);
    assert_eq!(count(&event.effects, "PodDeleted"), 12, "{:#?}", event.effects);
    assert_eq!(count(&event.effects, "PodCreated"), 12);
    assert!(depth(&event.effects) < 12, "one turn, not twelve: {}", depth(&event.effects));

    let last = lab.world.recorded.iter().rposition(|e| matches!(e.body, Body::PodCreated { .. })).unwrap();
    let created = lab.explain(|tape| explain_event(tape, Seq(last as u64 + 1), Moment::End).unwrap());
    let chain = created.causes;
    assert!(chain.root.as_ref().or(chain.links.last()).is_some(), "{chain:?}");
    assert!(lab.explain(|tape| explain_event(tape, Seq(1_000_000), Moment::End).is_err()));
}

#[test]
fn rules_together_say_what_the_controller_decides() {
    let terms = [
        "",
        r#"{"matchExpressions":[{"key":"pool","operator":"In","values":["x","y"]}]}"#,
        r#"{"matchExpressions":[{"key":"pool","operator":"Gt","values":["3"]}]},{"matchFields":[{"key":"metadata.name","operator":"In","values":["n1"]}]}"#,
        r#"{"matchExpressions":[{"key":"pool","operator":"Exists"},{"key":"bad","operator":"Exists","values":["z"]}]},{}"#,
        r#"{"matchExpressions":[{"key":"pool","operator":"DoesNotExist"}]}"#,
    ];
    let tolerations =
        ["", r#"{"key":"gpu","operator":"Exists"}"#, r#"{"operator":"Exists","effect":"NoExecute"}"#];
    let labels: [&[(&str, &str)]; 4] =
        [&[], &[("pool", "x")], &[("pool", "5")], &[("bad", "z"), ("pool", "q")]];
    let mut checked = 0;
    for (term, toleration) in terms.iter().flat_map(|t| tolerations.iter().map(move |o| (t, o))) {
        let affinity = match term.is_empty() {
            true => String::new(),
            false => format!(
                r#""affinity":{{"nodeAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":{{"nodeSelectorTerms":[{term}]}}}}}},"#
            ),
        };
        let spec = format!(r#"{affinity}"tolerations":[{toleration}],"#);
        let mut lab = Lab::new(&[]);
        for (index, labels) in labels.iter().enumerate() {
            lab.join(&format!("n{index}"), labels);
        }
        lab.taint("n0", "gpu", Effect::NoSchedule);
        lab.taint("n1", "gpu", Effect::NoExecute);
        lab.taint("n2", "gpu", Effect::PreferNoSchedule);
        lab.apply("agent", "agent:1", &spec, ONE_AT_A_TIME);
        lab.until(3);
        for index in 0..labels.len() {
            let name = format!("n{index}");
            let why = lab.why("agent", &name);
            let (_, daemon_set) = lab.world.cluster.daemon_sets().next().unwrap();
            let node = lab.world.cluster.node(lab.world.names.find_node(&name).unwrap()).unwrap();
            let placement = &daemon_set.placement;
            let decided = placement.eligibility(node.name, &node.labels, &node.taints, &lab.world.names);
            let explained = (why.should_run, why.should_continue);
            assert_eq!(
                explained,
                (decided.should_run, decided.should_continue),
                "{spec} on {name}: {why:#?}"
            );
            assert_eq!(matches!(why.answer, Answer::Runs { .. }), decided.should_run, "{:?}", why.answer);
            checked += 1;
        }
    }
    assert_eq!(checked, 60);
}
