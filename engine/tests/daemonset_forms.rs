//! Both forms of the DaemonSet controller decide the same, whatever happens.
//!
//! Two worlds live through the same random events, one with the controller that looks at every node in every sync,
//! one with the controller that looks only at what changed. After every step all events of the two are equal:
//! decisions, their order and their causes. `KUBETAPE_SCENARIOS` says how many scenarios are tried.
#![allow(clippy::unwrap_used)]

use kubetape_engine::actors::daemonset::{DaemonSetController, RateLimit, Settings};
use kubetape_engine::cluster::Pod;
use kubetape_engine::event::{Body, ConditionStatus, Event, Phase, PodCondition, Propagation, Track, Why};
use kubetape_engine::names::{Effect, Names, NodeId, NodeSpec, PodId, PodShape, RevisionId, Sym, Taint, sym};
use kubetape_engine::sim::World;
use kubetape_engine::time::{ApiSeconds, Micros, Time};
use proptest::prelude::*;

const NODES: u8 = 7;

/// One thing that happens. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Step {
    NodeJoins(u8),
    NodeLeaves(u8),
    NodeLabel { node: u8, value: Option<u8> },
    NodeTaint { node: u8, effect: u8, on: bool },
    Apply { daemon_set: u8, image: u8, shape: Shape },
    Delete { daemon_set: u8, propagation: u8 },
    Remove(u8),
    Pod { pod: u8, deed: Deed },
    Orphan { node: u8, image: u8, labelled: bool },
    StrayRevision { image: u8, number: u8 },
    Wait(u32),
    Act,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    strategy: u8,
    min_ready: u8,
    selects: u8,
    tolerates: bool,
    history: u8,
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Bind,
    Run,
    Ready(bool),
    Fail,
    Succeed,
    Delete,
    Vanish,
    Label(Option<u8>),
    Hash(bool),
    Release,
}

fn shape() -> impl Strategy<Value = Shape> {
    (0..8_u8, 0..3_u8, 0..3_u8, any::<bool>(), 0..3_u8).prop_map(
        |(strategy, min_ready, selects, tolerates, history)| Shape {
            strategy,
            min_ready,
            selects,
            tolerates,
            history,
        },
    )
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Bind),
        3 => Just(Deed::Run),
        6 => any::<bool>().prop_map(Deed::Ready),
        3 => Just(Deed::Fail),
        1 => Just(Deed::Succeed),
        2 => Just(Deed::Delete),
        4 => Just(Deed::Vanish),
        1 => proptest::option::of(0..2_u8).prop_map(Deed::Label),
        1 => any::<bool>().prop_map(Deed::Hash),
        1 => Just(Deed::Release),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..NODES).prop_map(Step::NodeJoins),
        1 => (0..NODES).prop_map(Step::NodeLeaves),
        2 => (0..NODES, proptest::option::of(0..2_u8)).prop_map(|(node, value)| Step::NodeLabel { node, value }),
        2 => (0..NODES, 0..3_u8, any::<bool>())
            .prop_map(|(node, effect, on)| Step::NodeTaint { node, effect, on }),
        3 => (0..2_u8, 0..3_u8, shape())
            .prop_map(|(daemon_set, image, shape)| Step::Apply { daemon_set, image, shape }),
        1 => (0..2_u8, 0..3_u8).prop_map(|(daemon_set, propagation)| Step::Delete { daemon_set, propagation }),
        1 => (0..2_u8).prop_map(Step::Remove),
        14 => (any::<u8>(), deed()).prop_map(|(pod, deed)| Step::Pod { pod, deed }),
        1 => (0..NODES, 0..3_u8, any::<bool>())
            .prop_map(|(node, image, labelled)| Step::Orphan { node, image, labelled }),
        1 => (0..3_u8, 0..6_u8).prop_map(|(image, number)| Step::StrayRevision { image, number }),
        4 => prop_oneof![0..30_000_u32, Just(1_000), Just(3_000)].prop_map(Step::Wait),
        8 => Just(Step::Act),
    ]
}

fn scenario() -> impl Strategy<Value = Vec<Step>> {
    // Most scenarios begin with a few nodes and a DaemonSet, so that something is going on.
    let start = (1..NODES, 0..3_u8, shape()).prop_map(|(nodes, image, shape)| {
        let mut steps: Vec<_> = (0..nodes).map(Step::NodeJoins).collect();
        steps.push(Step::Apply { daemon_set: 0, image, shape });
        steps.push(Step::Act);
        steps
    });
    (start, proptest::collection::vec(step(), 1..70)).prop_map(|(mut start, rest)| {
        start.extend(rest);
        start
    })
}

struct Twin {
    world: World,
    now: Time,
}

impl Twin {
    fn new(controller: DaemonSetController) -> Self {
        Twin { world: World::new(Names::new(), vec![Box::new(controller)]), now: Time(1_700_000_000_000_000) }
    }

    /// Lets something happen, if it fits.
    fn happen(&mut self, body: Body) {
        let _ = self.world.happen(Event::new(self.now, Track::User, body));
    }

    fn node(&mut self, number: u8) -> NodeId {
        // Not in order of their numbers, so that places among names are given in between.
        let name = self.world.names.sym(&format!("n-{}", (u32::from(number) * 37) % 11));
        self.world.names.node(name)
    }

    fn manifest(daemon_set: u8, image: u8, shape: Shape) -> String {
        let strategy = match shape.strategy {
            0 => r#"{"type":"OnDelete"}"#.to_owned(),
            1 => r#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}}"#.to_owned(),
            2 => {
                r#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"50%","maxSurge":0}}"#.to_owned()
            }
            3 => r#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":1}}"#.to_owned(),
            4 => {
                r#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":"50%"}}"#.to_owned()
            }
            5 => r#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"x"}}"#.to_owned(),
            6 => r#"{"type":"RollingUpdate"}"#.to_owned(),
            _ => r#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":3}}"#.to_owned(),
        };
        let node_selector = match shape.selects {
            0 => "",
            1 => r#","nodeSelector":{"role":"v0"}"#,
            _ => r#","nodeSelector":{"role":"v1"}"#,
        };
        let tolerations = if shape.tolerates { r#","tolerations":[{"operator":"Exists"}]"# } else { "" };
        let seconds = [0, 1, 10][usize::from(shape.min_ready)];
        format!(
            r#"{{"metadata":{{"name":"d{daemon_set}"}},"spec":{{"selector":{{"matchLabels":{{"app":"a{daemon_set}"}}}},"updateStrategy":{strategy},"minReadySeconds":{seconds},"revisionHistoryLimit":{},"template":{}}}}}"#,
            shape.history,
            template(daemon_set, image, &format!("{node_selector}{tolerations}")),
        )
    }

    fn apply(&mut self, daemon_set: u8, image: u8, shape: Shape) {
        let world = &mut self.world;
        let name = world.names.sym(&format!("d{daemon_set}"));
        let key = world.cluster.next_key(sym::DAEMON_SET, sym::DEFAULT, name);
        let found = world.cluster.find_object(sym::DAEMON_SET, sym::DEFAULT, name).map(|object| object.id);
        let object = found.unwrap_or_else(|| world.names.object(key));
        let manifest = world.names.doc(&Self::manifest(daemon_set, image, shape));
        self.happen(Body::Applied { object, manifest });
    }

    fn daemon_set(&mut self, number: u8) -> Option<kubetape_engine::names::ObjectId> {
        let name = self.world.names.sym(&format!("d{number}"));
        self.world.cluster.find_object(sym::DAEMON_SET, sym::DEFAULT, name).map(|object| object.id)
    }

    fn pod(&self, number: u8) -> Option<(PodId, Pod)> {
        let count = self.world.cluster.pod_count();
        let nth = usize::from(number).checked_rem(count)?;
        self.world.cluster.pods().nth(nth)
    }

    fn pod_deed(&mut self, number: u8, deed: Deed) {
        let Some((pod, facts)) = self.pod(number) else { return };
        let since = self.now.api_seconds();
        let condition = PodCondition::Ready;
        match deed {
            Deed::Bind => {
                if let (Some(node), false) = (facts.node, facts.bound) {
                    self.happen(Body::PodBound { pod, node });
                }
            }
            Deed::Run => self.happen(Body::PodPhaseSet { pod, phase: Phase::Running, reason: Sym::EMPTY }),
            Deed::Ready(ready) => {
                let status = if ready { ConditionStatus::True } else { ConditionStatus::False };
                self.happen(Body::PodConditionSet { pod, condition, status, since });
            }
            Deed::Fail => self.happen(Body::PodPhaseSet { pod, phase: Phase::Failed, reason: Sym::EMPTY }),
            Deed::Succeed => {
                self.happen(Body::PodPhaseSet { pod, phase: Phase::Succeeded, reason: Sym::EMPTY });
            }
            Deed::Delete => {
                self.happen(Body::PodDeleted { pod, why: Why::User, grace_s: 30, deadline: since });
                if !facts.bound {
                    self.happen(Body::PodGone { pod });
                }
            }
            Deed::Vanish => self.happen(Body::PodGone { pod }),
            Deed::Label(value) => {
                let key = self.world.names.sym("app");
                match value {
                    Some(value) => {
                        let value = self.world.names.sym(&format!("a{value}"));
                        self.happen(Body::PodLabelSet { pod, key, value });
                    }
                    None => self.happen(Body::PodLabelRemoved { pod, key }),
                }
            }
            Deed::Hash(known) => {
                let key = sym::REVISION_HASH_LABEL;
                let hashes: Vec<_> = self.revisions().map(|r| r.hash).collect();
                let value = hashes.first().copied().filter(|_| known).unwrap_or(sym::POD);
                self.happen(Body::PodLabelSet { pod, key, value });
            }
            Deed::Release if facts.owner.is_some() => self.happen(Body::PodReleased { pod }),
            Deed::Release => {}
        }
    }

    fn revisions(&self) -> impl Iterator<Item = &kubetape_engine::cluster::Revision> {
        let count = self.world.cluster.next_revision().index();
        (0..count).filter_map(|n| self.world.cluster.revision(RevisionId::from_index(n)))
    }

    fn orphan(&mut self, node: u8, image: u8, labelled: bool) {
        let node = self.node(node);
        let last = self.world.last();
        let names = &mut self.world.names;
        let doc = names.doc(&template(0, image, ""));
        let revision_hash = if labelled { sym::POD } else { Sym::EMPTY };
        let template_generation = labelled.then_some(1);
        let shape = names.shape(PodShape { doc, revision_hash, template_generation });
        let name = names.sym(&format!("stray-{}", last.0));
        let pod = self.world.cluster.next_pod();
        let (namespace, created) = (sym::DEFAULT, self.now.api_seconds());
        let node = Some(node);
        self.happen(Body::PodCreated { pod, owner: None, node, ordinal: 0, name, namespace, shape, created });
    }

    fn stray_revision(&mut self, image: u8, number: u8) {
        let last = self.world.last();
        let names = &mut self.world.names;
        let text: serde_json::Value = serde_json::from_str(&template(0, image, "")).unwrap();
        let template = names.doc(&text.to_string());
        let name = names.sym(&format!("d0-stray-{}", last.0));
        let hash = if number.is_multiple_of(2) { name } else { Sym::EMPTY };
        self.happen(Body::RevisionCreated {
            revision: RevisionId::from_index(0),
            owner: None,
            number: i64::from(number),
            namespace: sym::DEFAULT,
            name,
            hash,
            template,
            created: self.now.api_seconds(),
        });
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::NodeJoins(node) => {
                let node = self.node(node);
                let spec = self.world.names.node_spec(NodeSpec::default());
                self.happen(Body::NodeJoined { node, spec, created: ApiSeconds(0) });
            }
            Step::NodeLeaves(node) => {
                let node = self.node(node);
                self.happen(Body::NodeLeft { node });
            }
            Step::NodeLabel { node, value } => {
                let node = self.node(node);
                let key = self.world.names.sym("role");
                match value {
                    Some(value) => {
                        let value = self.world.names.sym(&format!("v{value}"));
                        self.happen(Body::NodeLabelSet { node, key, value });
                    }
                    None => self.happen(Body::NodeLabelRemoved { node, key }),
                }
            }
            Step::NodeTaint { node, effect, on } => {
                let node = self.node(node);
                let effect =
                    [Effect::NoSchedule, Effect::NoExecute, Effect::PreferNoSchedule][usize::from(effect)];
                let key = self.world.names.sym("k");
                if on {
                    let taint = Taint { key, value: Sym::EMPTY, effect };
                    self.happen(Body::NodeTaintAdded { node, taint });
                } else {
                    self.happen(Body::NodeTaintRemoved { node, key, effect });
                }
            }
            Step::Apply { daemon_set, image, shape } => self.apply(daemon_set, image, shape),
            Step::Delete { daemon_set, propagation } => {
                if let Some(object) = self.daemon_set(daemon_set) {
                    let propagation = [Propagation::Background, Propagation::Foreground, Propagation::Orphan]
                        [usize::from(propagation)];
                    self.happen(Body::DeleteRequested { object, propagation });
                }
            }
            Step::Remove(daemon_set) => {
                let object = self.daemon_set(daemon_set);
                let deleting = |object: &kubetape_engine::names::ObjectId| {
                    self.world.cluster.object(*object).is_some_and(|object| object.deleting.is_some())
                };
                if let Some(object) = object.filter(deleting) {
                    self.happen(Body::ObjectRemoved { object });
                }
            }
            Step::Pod { pod, deed } => self.pod_deed(pod, deed),
            Step::Orphan { node, image, labelled } => self.orphan(node, image, labelled),
            Step::StrayRevision { image, number } => self.stray_revision(image, number),
            Step::Wait(ms) => {
                let until = self.now + Micros::millis(i64::from(ms));
                while let Some(due) = self.world.due().filter(|due| *due <= until) {
                    self.now = self.now.max(due);
                    self.act();
                }
                self.now = until;
            }
            Step::Act => self.act(),
        }
    }

    /// A few acts: some of what the controller does wakes it again for ever, as upstream's is woken.
    fn act(&mut self) {
        for _ in 0..4 {
            if self.world.due().is_none_or(|due| due > self.now) {
                break;
            }
            self.world.act(0, self.now).unwrap();
        }
    }
}

fn template(daemon_set: u8, image: u8, more: &str) -> String {
    format!(
        r#"{{"metadata":{{"labels":{{"app":"a{daemon_set}"}}}},"spec":{{"containers":[{{"name":"c","image":"i:{image}"}}]{more}}}}}"#
    )
}

fn settings(slow: bool) -> Settings {
    // Small enough that the burst limit is met, and slow enough that things happen while a sync writes.
    let client = slow.then_some(RateLimit { per_second: 5, burst: 2 });
    Settings { burst_replicas: 3, client, ..Settings::unlimited() }
}

fn scenarios() -> u32 {
    std::env::var("KUBETAPE_SCENARIOS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scenarios(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_forms_decide_the_same(steps in scenario(), slow in any::<bool>()) {
        let mut reference = Twin::new(DaemonSetController::full_pass(settings(slow)));
        let mut incremental = Twin::new(DaemonSetController::new(settings(slow)));
        for (number, step) in steps.iter().enumerate() {
            reference.play(step);
            incremental.play(step);
            let (expected, got) = (&reference.world.recorded, &incremental.world.recorded);
            let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
            let (expected, got) = (expected.get(same), got.get(same));
            prop_assert_eq!(expected, got, "event {} of step {}: {:?}", same, number, step);
            prop_assert_eq!(reference.world.due(), incremental.world.due(), "after step {}: {:?}", number, step);
            reference.world.recorded.clear();
            incremental.world.recorded.clear();
        }
    }
}
