//! The log: what it costs to write, to read with everything checked, to be sure, and to find a moment.
//!
//! Figures are to be read as ratios within one run: `check` against `memcpy` and `xxh3` of the same bytes, `append` against
//! a store of general use that is given the same events. `KUBETAPE_BENCH_LOG_MB` sets how large the log is that is opened
//! (default 16; 1024 for the figure that is reported).

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use kubetape_benches::churn::Churn;
use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Event;
use kubetape_engine::log::{
    self, Digest, FixedStorage, MemoryStorage, Moment, Options, Reader, Storage, SyncPolicy, Writer,
};
use kubetape_engine::names::{Names, Seq};

const NODES: usize = 5_000;
const EVENTS: usize = 1_000_000;
const BATCH: usize = 1_000;

/// The same events each time, in batches.
fn events(count: usize) -> (Names, Vec<Vec<Event>>) {
    let (mut churn, first) = Churn::new(NODES);
    let mut batches = vec![first];
    while batches.iter().map(Vec::len).sum::<usize>() < count {
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

fn check(storage: Box<dyn Storage>) -> Seq {
    log::scan(storage).unwrap().last
}

/// The checksum alone, of bytes that are read as a log's are, a window at a time.
fn xxh3_read(storage: &MemoryStorage) -> u64 {
    let (mut window, mut at, mut sum) = (vec![0; 256 << 10], 0, 0);
    loop {
        let n = storage.read_at(at, &mut window).unwrap();
        if n == 0 {
            return sum;
        }
        sum ^= Digest::of(&window[..n]).0 as u64;
        at += n as u64;
    }
}

fn memory(c: &mut Criterion) {
    let (names, batches) = events(EVENTS);
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
    group.bench_function("check where it lies", |b| {
        // The copy is not measured.
        b.iter_batched(
            || Box::new(FixedStorage::new(bytes.clone())),
            |storage| check(storage),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("check, read", |b| b.iter(|| check(Box::new(storage.clone()))));
    group.bench_function("xxh3, read", |b| b.iter(|| xxh3_read(&storage)));
    group.bench_function("memcpy", |b| b.iter(|| black_box(bytes.clone())));
    group.bench_function("xxh3", |b| b.iter(|| Digest::of(black_box(&bytes))));
    group.finish();
}

/// Batches of a size: whole changes are several events, a batch of one is the first of them.
fn batch(churn: &mut Churn, size: usize) -> Vec<Event> {
    let mut batch = churn.batch(size);
    batch.truncate(size);
    batch.iter_mut().for_each(|event| event.cause = Seq::NONE);
    batch
}

fn fsync(c: &mut Criterion) {
    let mut group = c.benchmark_group("log/fsync per batch");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for size in [1, 100, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let (mut churn, first) = Churn::new(NODES);
        let mut writer = Writer::create(&folder.path().join("x.tape"), &Options::default()).unwrap();
        writer.append(&churn.names, &first).unwrap();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(format!("kubetape {size}"), |b| {
            b.iter_batched(
                || {
                    let batch = batch(&mut churn, size);
                    (churn.names.clone(), batch)
                },
                |(names, batch)| writer.append(&names, &batch).unwrap(),
                BatchSize::PerIteration,
            );
        });
        let store = Store::open(&folder.path().join("fjall"));
        let mut seq = 0;
        group.bench_function(format!("fjall {size}"), |b| {
            b.iter_batched(
                || batch(&mut churn, size),
                |batch| store.append(&mut seq, &batch, Some(PersistMode::SyncData)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A key-value store of general use, given the same events: the key is the number, the value is as long as our log's
/// average event.
struct Store {
    database: Database,
    events: fjall::Keyspace,
}

impl Store {
    fn open(path: &Path) -> Store {
        let database = Database::builder(path).open().unwrap();
        let events = database.keyspace("events", KeyspaceCreateOptions::default).unwrap();
        Store { database, events }
    }

    fn append(&self, seq: &mut u64, events: &[Event], sync: Option<PersistMode>) {
        let mut batch = self.database.batch();
        for event in events {
            *seq += 1;
            let mut value = [0; 32];
            value[..8].copy_from_slice(&event.at.0.to_le_bytes());
            value[8..16].copy_from_slice(&event.cause.0.to_le_bytes());
            value[16] = event.track as u8;
            value[17] = event.flags.0;
            let node = event.body.node().map_or(0, |node| node.number());
            value[20..24].copy_from_slice(&node.to_le_bytes());
            batch.insert(&self.events, seq.to_be_bytes().to_vec(), value.to_vec());
        }
        batch.commit().unwrap();
        if let Some(mode) = sync {
            self.database.persist(mode).unwrap();
        }
    }
}

/// Both without a sync, to files.
fn beside(c: &mut Criterion) {
    const SOME: usize = 100_000;
    let (names, batches) = events(SOME);
    let count: usize = batches.iter().map(Vec::len).sum();
    let mut group = c.benchmark_group("log/beside");
    group.sample_size(10).throughput(Throughput::Elements(count as u64));
    let options = Options { sync: SyncPolicy::OnClose, behind: false };
    group.bench_function("append, kubetape", |b| {
        b.iter_with_large_drop(|| {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = Writer::create(&folder.path().join("x.tape"), &options).unwrap();
            batches.iter().for_each(|batch| {
                writer.append(&names, batch).unwrap();
            });
            (writer, folder)
        });
    });
    group.bench_function("append, fjall", |b| {
        b.iter_with_large_drop(|| {
            let folder = tempfile::tempdir().unwrap();
            let (store, mut seq) = (Store::open(folder.path()), 0);
            batches.iter().for_each(|batch| store.append(&mut seq, batch, None));
            (store, folder)
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let mut writer = Writer::create(&path, &options).unwrap();
    let (store, mut seq) = (Store::open(&folder.path().join("fjall")), 0);
    for batch in &batches {
        writer.append(&names, batch).unwrap();
        store.append(&mut seq, batch, None);
    }
    writer.close().unwrap();
    group.bench_function("scan, kubetape", |b| {
        b.iter(|| {
            let (mut reader, mut names, mut events) =
                (Reader::open(&path).unwrap(), Names::new(), Vec::new());
            while reader.next_batch(&mut names, &mut events).unwrap().is_some() {}
            assert_eq!(reader.last(), Seq(count as u64));
        });
    });
    group.bench_function("scan, fjall", |b| {
        b.iter(|| {
            let mut found = 0;
            for item in store.events.iter() {
                black_box(item.into_inner().unwrap());
                found += 1;
            }
            assert_eq!(found, count);
        });
    });
    group.finish();
}

/// A log with the checkpoints that a run's has.
fn with_checkpoints(path: &Path, bytes: u64) -> (Names, Cluster, Seq) {
    let (mut churn, mut batch) = Churn::new(NODES);
    let options = Options { sync: SyncPolicy::OnClose, behind: true };
    let mut writer = Writer::create(path, &options).unwrap();
    let (mut cluster, mut seq) = (Cluster::new(), Seq::NONE);
    while writer.bytes() < bytes {
        writer.append(&churn.names, &batch).unwrap();
        for event in &batch {
            seq = seq.next();
            cluster.apply(&mut churn.names, seq, event).unwrap();
        }
        if writer.checkpoint_due() {
            writer.checkpoint(&churn.names, &cluster, &[]).unwrap();
        }
        batch = churn.batch(BATCH);
    }
    writer.close().unwrap();
    (churn.names, cluster, seq)
}

/// Cuts some bytes off a file's end.
fn cut_off(path: &Path, bytes: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
}

fn files(c: &mut Criterion) {
    let megabytes = std::env::var("KUBETAPE_BENCH_LOG_MB").map_or(16, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tape");
    let (names, cluster, last) = with_checkpoints(&path, megabytes << 20);
    println!("{} events, {} bytes", last.0, std::fs::metadata(&path).unwrap().len());

    let mut group = c.benchmark_group("log/files");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.bench_function(format!("open and recover {megabytes} MB"), |b| {
        b.iter(|| Writer::open(&path, &Options::default()).unwrap());
    });
    let cut = folder.path().join("cut.tape");
    std::fs::copy(&path, &cut).unwrap();
    group.bench_function(format!("open and recover {megabytes} MB, its end cut"), |b| {
        b.iter_batched(
            || cut_off(&cut, 100),
            |()| {
                let (_, _, recovered) = Writer::open(&cut, &Options::default()).unwrap();
                assert!(recovered.torn.is_some());
            },
            BatchSize::PerIteration,
        );
    });
    // Nobody closed it since its end was cut off: it is one whose writer died.
    drop(Writer::open(&cut, &Options::default()).unwrap());
    group.bench_function(format!("open and recover {megabytes} MB, its writer died"), |b| {
        b.iter(|| assert!(!Writer::open(&cut, &Options::default()).unwrap().2.was_closed));
    });
    group.bench_function(format!("open to read {megabytes} MB"), |b| {
        b.iter(|| Reader::open(&path).unwrap());
    });
    group.bench_function("seek, its writer died", |b| {
        let mut number = 0_u64;
        b.iter(|| {
            number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
            log::seek(&cut, Moment::Seq(Seq(1 + number % (last.0 / 2)))).unwrap().replayed
        });
    });
    let mut number = 0_u64;
    group.bench_function("seek", |b| {
        b.iter(|| {
            number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let seq = Seq(1 + number % last.0);
            log::seek(&path, Moment::Seq(seq)).unwrap().replayed
        });
    });
    group.bench_function("checkpoint, write", |b| {
        b.iter_batched(
            || {
                let storage = MemoryStorage::new();
                Writer::create_in(Box::new(storage), &Options::default()).unwrap()
            },
            |mut writer| writer.checkpoint(&names, &cluster, &[]).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("checkpoint, restore", |b| {
        b.iter(|| log::checkpoint(&path, Moment::End).unwrap().is_some());
    });
    group.finish();
}

criterion_group!(benches, memory, fsync, beside, files);
criterion_main!(benches);
