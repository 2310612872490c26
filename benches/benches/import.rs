//! Reading recordings of real clusters.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kubetape_engine::import::{Options, Source, import};
use kubetape_engine::names::Names;

fn lesson(c: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/lesson");
    let files = ["watch.jsonl.gz", "audit.jsonl.gz"].map(|name| (name, fs::read(folder.join(name)).unwrap()));
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut group = c.benchmark_group("import");
    group.sample_size(20).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("watch stream and audit log, compressed", |b| {
        b.iter(|| {
            let sources = files.iter().map(|(name, bytes)| Source {
                name: (*name).to_owned(),
                bytes: Box::new(std::io::Cursor::new(bytes.clone())),
            });
            let mut names = Names::new();
            let imported = import(sources.collect(), &Options::default(), &mut names, &mut |_| {});
            black_box(imported.unwrap().events.len())
        });
    });
    group.finish();
}

criterion_group!(benches, lesson);
criterion_main!(benches);
