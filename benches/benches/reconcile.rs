//! The DaemonSet controller: what one change costs it, by the size of the cluster.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use kubetape_engine::actors::daemonset::{self, DaemonSetController};
use kubetape_engine::actors::kubelet::{self, Kubelet};
use kubetape_engine::actors::scheduler::{self, Scheduler};
use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::names::{Names, NodeId, Sym};
use kubetape_engine::sim::World;
use kubetape_engine::synth::{NodePools, Rates, SELECTED_KEYS, Spec, Synth, UNMENTIONED_KEYS};
use kubetape_engine::time::{Micros, Time};

/// One of the controller's forms.
type Form = fn(daemonset::Settings) -> DaemonSetController;

/// A cluster at rest, with ten DaemonSets of which seven select on one label.
struct Rested {
    world: World,
    nodes: Vec<NodeId>,
    values: Vec<Sym>,
    now: Time,
    step: usize,
}

impl Rested {
    fn new(nodes: u32, controller: Form) -> Rested {
        let kubelet = kubelet::Settings::instant();
        let mut world = World::new(
            Names::new(),
            vec![
                Box::new(controller(daemonset::Settings::unlimited())),
                Box::new(Scheduler::new(scheduler::Settings { bind_us: Micros::ZERO })),
                Box::new(Kubelet::new(kubelet)),
            ],
        );
        let rates = Rates::default();
        let spec = Spec {
            nodes,
            daemon_sets: 10,
            changes: 0,
            rates,
            pools: NodePools::default(),
            ..Spec::default()
        };
        let (mut synth, mut events) = (Synth::new(spec), Vec::new());
        while synth.next_batch(&mut world.names, &mut events) {}
        let mut now = Time::MIN;
        for event in events {
            if event.at > now {
                world.settle_moment(now).unwrap();
            }
            now = event.at;
            world.happen(event).unwrap();
        }
        world.settle_moment(now).unwrap();
        let nodes = world.cluster.nodes().to_vec();
        let values = (0..24).map(|n| world.names.sym(&format!("v{n}"))).collect();
        let mut rested = Rested { world, nodes, values, now, step: 0 };
        rested.forget();
        rested
    }

    /// Gives a node's label another value, and lets everything happen that follows.
    fn label(&mut self, key: &str) {
        self.step += 1;
        self.now = self.now + Micros::millis(1);
        let key = self.world.names.sym(key);
        let node = self.nodes[self.step * 7_919 % self.nodes.len()];
        let value = self.values[self.step % self.values.len()];
        let body = Body::NodeLabelSet { node, key, value };
        self.world.happen(Event::new(self.now, Track::Cluster, body)).unwrap();
        self.world.settle_moment(self.now).unwrap();
        self.forget();
    }

    /// Nobody reads the events.
    fn forget(&mut self) {
        self.world.recorded.clear();
        self.world.changes.clear();
    }
}

fn labels(c: &mut Criterion) {
    let forms: [(&str, Form, &[u32]); 2] = [
        ("incremental", DaemonSetController::new, &[1_000, 5_000, 20_000]),
        ("full pass", DaemonSetController::full_pass, &[1_000]),
    ];
    for (form, controller, sizes) in forms {
        let mut group = c.benchmark_group(format!("reconcile/{form}"));
        group.sample_size(20);
        for &nodes in sizes {
            let mut rested = Rested::new(nodes, controller);
            group.bench_function(format!("a label that moves pods, {nodes} nodes"), |b| {
                b.iter(|| rested.label(SELECTED_KEYS[0]));
            });
            group.bench_function(format!("a label that nothing mentions, {nodes} nodes"), |b| {
                b.iter(|| rested.label(UNMENTIONED_KEYS[0]));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, labels);
criterion_main!(benches);
