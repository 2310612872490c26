//! The main job: a recording is imported, and replayed.
//!
//! Figures are to be read as ratios within one run: what a replay costs above a pure fold of the same events.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Event;
use kubetape_engine::import::{self, Imported, Source};
use kubetape_engine::log::Identity;
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::replay::{Events, Plan, Tracks, Until, replay};
use kubetape_engine::synth::presets::{self, Scale, Workload};

/// The shipped recording's files, read once.
fn recording() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/lesson");
    let read = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap());
    ["watch.jsonl.gz", "audit.jsonl.gz"].map(read).into()
}

fn import_all(files: &[(String, Vec<u8>)]) -> (Names, Imported) {
    let source = |(name, bytes): &(String, Vec<u8>)| Source {
        name: name.clone(),
        bytes: Box::new(std::io::Cursor::new(bytes.clone())),
    };
    let mut names = Names::new();
    let sources = files.iter().map(source).collect();
    let imported = import::import(sources, &import::Options::default(), &mut names, &mut |_| {}).unwrap();
    (names, imported)
}

fn run(names: &Names, events: Vec<Event>, play: Tracks) -> u64 {
    let plan = Plan { play, until: Until::End, names: names.clone(), ..Plan::default() };
    let (_, summary) = replay(&mut Events(events), plan, &mut Identity::new(), &mut |_, _| {}).unwrap();
    summary.event_count()
}

fn lesson(c: &mut Criterion) {
    let files = recording();
    let mut group = c.benchmark_group("lesson");
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("import", |b| b.iter(|| black_box(import_all(&files).1.events.len())));

    let (names, imported) = import_all(&files);
    let events = [imported.genesis, imported.events].concat();
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("fold", |b| {
        b.iter_batched(
            || names.clone(),
            |mut names| {
                let mut cluster = Cluster::new();
                for (index, event) in events.iter().enumerate() {
                    cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
                }
                cluster.pod_count()
            },
            BatchSize::SmallInput,
        );
    });
    for (name, play) in [("replay", Tracks::outside()), ("play-all", Tracks::all())] {
        group.bench_function(name, |b| {
            b.iter_batched(|| events.clone(), |events| run(&names, events, play), BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// A hundredth of a preset: 50 nodes get a DaemonSet.
fn preset(c: &mut Criterion) {
    let preset = presets::find("rollout-5k").unwrap();
    c.bench_function("rollout of 50 nodes", |b| {
        b.iter(|| {
            let mut workload = Workload::new(preset, Scale(10_000), 1);
            let (world, _) =
                replay(&mut workload, presets::plan(), &mut Identity::new(), &mut |_, _| {}).unwrap();
            world.cluster.pod_count()
        });
    });
}

criterion_group!(benches, lesson, preset);
criterion_main!(benches);
