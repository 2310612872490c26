//! Whole replays: the presets of `kubetape bench`, some of them made smaller, and a pure fold.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kubetape_engine::event::Event;
use kubetape_engine::log::Identity;
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Events, Plan, Sink, Source, SourceError, Tracks, Until, replay};
use kubetape_engine::synth::presets::{self, Scale, Stage, Workload};

/// A workload that starts the clock when its measured part begins.
struct Timed {
    workload: Workload,
    began: Option<Instant>,
}

impl Source for Timed {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        if self.workload.stage() == Stage::Measured {
            self.began.get_or_insert_with(Instant::now);
        }
        Ok(self.workload.next_batch(names, events))
    }
}

fn measured(name: &str, scale: Scale) -> Duration {
    let mut source = Timed { workload: Workload::new(presets::find(name).unwrap(), scale, 1), began: None };
    let mut identity = Identity::new();
    let run = replay(&mut source, presets::plan(), &mut identity, &mut |_, _| {}).unwrap();
    let took = source.began.unwrap().elapsed();
    black_box((run, identity.digest()));
    took
}

fn workloads(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    group.sample_size(10);
    for (name, scale) in [
        ("rollout-5k", Scale::FULL),
        ("rolling-update-5k", Scale::FULL),
        ("label-5k", Scale(100_000)),
        ("unmentioned-label", Scale(20_000)),
        ("churn-1k", Scale(10_000)),
    ] {
        group.bench_function(format!("{name} x {}", f64::from(scale.0) / 1e6), |b| {
            b.iter_custom(|runs| (0..runs).map(|_| measured(name, scale)).sum());
        });
    }
    group.finish();
}

/// Keeps a run's events.
struct Kept(Vec<Event>);

impl Sink for Kept {
    fn write(&mut self, _names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.0.extend_from_slice(events);
        Ok(())
    }
}

/// Everything played back, no controller running: what a log's reader does to find the state at a moment.
fn fold(c: &mut Criterion) {
    let mut workload = Workload::new(presets::find("churn-1k").unwrap(), Scale(50_000), 1);
    let mut kept = Kept(Vec::new());
    let (world, _) = replay(&mut workload, presets::plan(), &mut kept, &mut |_, _| {}).unwrap();
    let mut group = c.benchmark_group("fold");
    group.sample_size(10).throughput(Throughput::Elements(kept.0.len() as u64));
    group.bench_function("churn-1k x 0.05", |b| {
        b.iter_batched(
            || (Events(kept.0.clone()), world.names.clone()),
            |(mut events, names)| {
                let plan =
                    Plan { play: Tracks::all(), until: Until::End, names, story: false, ..Plan::default() };
                replay(&mut events, plan, &mut Identity::new(), &mut |_, _| {}).unwrap()
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, workloads, fold);
criterion_main!(benches);
