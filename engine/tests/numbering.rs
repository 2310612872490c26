//! The numbers that a process gives to names decide nothing: a trace gives the same run in whatever order its names were met.
#![allow(clippy::unwrap_used)]

use kubetape_engine::log::{Identity, MemoryStorage, Options, Reader, Writer};
use kubetape_engine::names::{Names, NodeId, ObjectId, ObjectKey};
use kubetape_engine::replay::{Plan, Source, replay};
use kubetape_engine::synth::presets::{self, Scale, Workload};
use kubetape_engine::synth::{Rates, Spec, Synth};
use kubetape_engine::time::Micros;

/// A trace as the bytes of a log.
fn trace(source: &mut dyn Source) -> Vec<u8> {
    let storage = MemoryStorage::new();
    let mut log = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let (mut names, mut events) = (Names::new(), Vec::new());
    while source.next(&mut names, &mut events).unwrap() {
        log.append(&names, &events).unwrap();
        events.clear();
    }
    log.close().unwrap();
    storage.bytes()
}

/// The digest of the trace's run that begins with a dictionary, and the dictionary at its end.
fn run(bytes: &[u8], names: Names, plan: fn() -> Plan) -> (String, Names) {
    let mut source = Reader::from_bytes(bytes.to_vec()).unwrap();
    let mut identity = Identity::new();
    let plan = Plan { names, ..plan() };
    let (world, _) = replay(&mut source, plan, &mut identity, &mut |_, _| {}).unwrap();
    (identity.digest().to_string(), world.names)
}

/// A dictionary with the same names, met last to first.
fn backwards(names: &Names) -> Names {
    let mut other = Names::new();
    for index in (0..names.symbol_count()).rev() {
        other.sym(names.text(names.sym_at(index).unwrap()));
    }
    for index in (0..names.node_count()).rev() {
        let name = other.sym(names.node_name(NodeId::from_index(index)));
        other.node(name);
    }
    for index in (0..names.object_count()).rev() {
        let key = names.object_key(ObjectId::from_index(index));
        let mut same = |sym| other.sym(names.text(sym));
        let (kind, namespace, name) = (same(key.kind), same(key.namespace), same(key.name));
        other.object(ObjectKey { kind, namespace, name, ..key });
    }
    other
}

fn assert_independent(name: &str, source: &mut dyn Source, plan: fn() -> Plan) {
    let bytes = trace(source);
    let (digest, names) = run(&bytes, Names::new(), plan);
    let (again, _) = run(&bytes, backwards(&names), plan);
    assert_eq!(again, digest, "{name}");
}

#[test]
fn presets_do_not_depend_on_the_order_in_which_names_were_met() {
    for (preset, scale) in [("churn-5k", 100_000), ("rolling-update-5k", 20_000), ("label-5k", 20_000)] {
        let mut workload = Workload::new(presets::find(preset).unwrap(), Scale(scale), 1);
        assert_independent(preset, &mut workload, presets::plan);
    }
}

/// Many nodes leave, and come back, in one moment, and every limit of the control plane holds.
#[test]
fn losses_do_not_depend_on_the_order_in_which_names_were_met() {
    let rates = Rates { spot_loss_every_us: Micros::seconds(120), ..Rates::default() };
    let spec = Spec { nodes: 200, daemon_sets: 10, changes: 4_000, rates, ..Spec::default() };
    for seed in 1..4 {
        assert_independent("losses", &mut Synth::new(Spec { seed, ..spec }), Plan::default);
    }
}
