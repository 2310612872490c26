//! The log: what it costs to write, to read with everything checked, and to be sure.
//!
//! Figures are to be read as ratios within one run: `scan` against `memcpy` and `xxh3` of the same bytes.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kubetape_benches::churn::Churn;
use kubetape_engine::event::Event;
use kubetape_engine::log::{Digest, MemoryStorage, Options, Reader, Writer};
use kubetape_engine::names::Names;

const NODES: usize = 5_000;
const EVENTS: usize = 1_000_000;
const BATCH: usize = 1_000;

/// The same events each time, in batches.
fn events() -> (Names, Vec<Vec<Event>>) {
    let (mut churn, first) = Churn::new(NODES);
    let mut batches = vec![first];
    while batches.iter().map(Vec::len).sum::<usize>() < EVENTS {
        batches.push(churn.batch(BATCH));
    }
    (churn.names, batches)
}

fn write(names: &Names, batches: &[Vec<Event>]) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    for batch in batches {
        writer.append(names, batch).unwrap();
    }
    writer.close().unwrap();
    storage
}

fn read(storage: &MemoryStorage, digest: bool) -> u64 {
    let mut reader = Reader::from_storage(Box::new(storage.clone())).unwrap();
    if digest {
        reader = reader.with_digest();
    }
    let (mut names, mut events, mut count) = (Names::new(), Vec::new(), 0);
    while reader.next_batch(&mut names, &mut events).unwrap().is_some() {
        count += black_box(&events).len() as u64;
    }
    count
}

fn memory(c: &mut Criterion) {
    let (names, batches) = events();
    let storage = write(&names, &batches);
    let bytes = storage.bytes();
    let count: usize = batches.iter().map(Vec::len).sum();
    println!(
        "{count} events, {} bytes, {:.2} bytes per event",
        bytes.len(),
        bytes.len() as f64 / count as f64
    );

    let mut group = c.benchmark_group("log/events");
    group.sample_size(10).throughput(Throughput::Elements(count as u64));
    group.bench_function("append to memory", |b| b.iter(|| write(&names, &batches)));
    group.bench_function("scan", |b| b.iter(|| read(&storage, false)));
    group.bench_function("scan with digest", |b| b.iter(|| read(&storage, true)));
    group.finish();

    let mut group = c.benchmark_group("log/bytes");
    group.sample_size(10).throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("scan", |b| b.iter(|| read(&storage, false)));
    group.bench_function("memcpy", |b| b.iter(|| black_box(bytes.clone())));
    group.bench_function("xxh3", |b| b.iter(|| Digest::of(black_box(&bytes))));
    group.finish();
}

fn disk(c: &mut Criterion) {
    let mut group = c.benchmark_group("log/fsync per batch");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for size in [1, 100, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let (mut churn, first) = Churn::new(NODES);
        let options = Options::default();
        let mut writer = Writer::create(&folder.path().join("x.tape"), &options).unwrap();
        writer.append(&churn.names, &first).unwrap();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(size.to_string(), |b| {
            b.iter_batched(
                || {
                    let mut batch = churn.batch(size);
                    // Whole changes are several events; a batch of one is the first of them.
                    batch.truncate(size);
                    for event in &mut batch {
                        event.cause = kubetape_engine::names::Seq::NONE;
                    }
                    (churn.names.clone(), batch)
                },
                |(names, batch)| writer.append(&names, &batch).unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, memory, disk);
criterion_main!(benches);
