//! The presets of `kubetape bench`, some of them made smaller: what is measured of each, without setting it up.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use kubetape_engine::event::Event;
use kubetape_engine::log::Identity;
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Source, SourceError, replay};
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
    let mut group = c.benchmark_group("presets");
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

criterion_group!(benches, workloads);
criterion_main!(benches);
