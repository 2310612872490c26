//! What is looked up in a log explains the same as folding all of it.
#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use kubetape_engine::cluster::Cluster;
use kubetape_engine::diff::{Side, SourceError};
use kubetape_engine::event::{Body, Event};
use kubetape_engine::explain::{
    ExplainError, Moment, Tape, WorkloadName, explain_daemon_pod, explain_event, explain_pod, explain_rollout,
};
use kubetape_engine::log::{MemoryStorage, Options, Reader, Storage, Writer};
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::replay::{Plan, Timings, Tracks, replay};
use kubetape_engine::synth::{Spec, Synth};
use kubetape_engine::time::Micros;

/// A log in memory that is asked about both ways.
struct Log {
    storage: MemoryStorage,
    names: Names,
    cluster: Cluster,
    last: u64,
}

/// Words that need what the state after an event knows of its pod or object.
fn tell(event: &Event, names: &Names, cluster: &Cluster) -> String {
    let pod = event.body.pod().map(|pod| cluster.pod_name(pod, names));
    let namespace = event.body.pod().and_then(|pod| cluster.pod(pod)).map(|pod| names.text(pod.namespace));
    let generation = match event.body {
        Body::Applied { object, .. } => cluster.object(object).map(|object| object.generation),
        _ => None,
    };
    let node = event.body.node().map(|node| names.node_name(node));
    format!("{} {namespace:?}/{pod:?} {generation:?} {node:?}", event.body.kind())
}

impl Log {
    /// Writes a log anew, in small batches and with many checkpoints.
    fn written(mut reader: Reader, batch: usize, checkpoint_every: u64) -> Log {
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        let (mut names, mut cluster, mut events, mut seq) =
            (Names::new(), Cluster::new(), Vec::new(), Seq::NONE);
        let mut due = checkpoint_every;
        while reader.next_batch(&mut names, &mut events).unwrap().is_some() {
            for part in events.chunks(batch) {
                for event in part {
                    seq = seq.next();
                    cluster.apply(&mut names, seq, event).unwrap();
                }
                writer.append(&names, part).unwrap();
                if seq.0 >= due {
                    writer.checkpoint(&names, &cluster, b"").unwrap();
                    due += checkpoint_every;
                }
            }
        }
        writer.close().unwrap();
        Log { storage, names, cluster, last: seq.0 }
    }

    /// Puts a question both ways.
    fn both<T: Debug + PartialEq>(&self, what: &str, ask: impl Fn(&Tape<'_>) -> Result<T, ExplainError>) {
        let open = || {
            let mut reader = Reader::from_bytes(self.storage.bytes()).unwrap();
            Ok(Side::from_batches::<SourceError, _>(Names::new(), move |names, batch| {
                reader.next_batch(names, batch)?;
                Ok(())
            }))
        };
        let look_up = || Ok(Box::new(self.storage.clone()) as Box<dyn Storage>);
        let folded = ask(&Tape { open: &open, look_up: None, tell: &tell });
        let found = ask(&Tape { open: &open, look_up: Some(&look_up), tell: &tell });
        let [folded, found] = [folded, found].map(|answer| answer.map_err(|error| error.to_string()));
        assert_eq!(found, folded, "{what}");
    }

    /// Asks about some of everything, at some moments.
    fn check(&self, questions: usize) {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut pick = move |among: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % among as u64) as usize
        };
        let daemon_sets: Vec<WorkloadName> = self
            .cluster
            .daemon_sets()
            .map(|(object, _)| WorkloadName::parse(&self.names.object_name(object.id)))
            .collect();
        let pods: Vec<String> = self
            .cluster
            .pods()
            .map(|(id, pod)| {
                format!("{}/{}", self.names.text(pod.namespace), self.cluster.pod_name(id, &self.names))
            })
            .collect();
        let first = self.last.min(self.last / 3 + 1) as usize;
        for _ in 0..questions {
            let after = Seq((first + pick(self.last as usize - first + 1)) as u64);
            let moment = [Moment::End, Moment::After(after), Moment::BeforeEnd(Micros::seconds(20))][pick(3)];
            let event = Seq(1 + pick(after.0 as usize) as u64);
            self.both(&format!("event {event} by {after}"), |tape| {
                explain_event(tape, event, Moment::After(after))
            });
            if !pods.is_empty() {
                let pod = WorkloadName::parse(&pods[pick(pods.len())]);
                self.both(&format!("pod {pod}"), |tape| explain_pod(tape, &pod, Moment::End));
            }
            if daemon_sets.is_empty() || self.cluster.node_count() == 0 {
                continue;
            }
            let name = &daemon_sets[pick(daemon_sets.len())];
            let node = self.cluster.nodes()[pick(self.cluster.node_count())];
            let node = self.names.node_name(node);
            self.both(&format!("{name} on {node} at {moment:?}"), |tape| {
                explain_daemon_pod(tape, name, node, moment)
            });
            self.both(&format!("rollout {name} at {moment:?}"), |tape| explain_rollout(tape, name, moment));
        }
    }
}

fn run(mut source: impl kubetape_engine::replay::Source, names: Names, timings: Timings) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
    let plan = Plan { names, play: Tracks::outside(), timings, story: false, ..Plan::default() };
    replay(&mut source, plan, &mut writer, &mut |_, _| {}).unwrap();
    writer.close().unwrap();
    storage
}

fn tapes(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tapes(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "tape") {
            out.push(path);
        }
    }
}

#[test]
fn shipped_traces_and_their_replays_are_explained_alike() {
    let mut paths = Vec::new();
    tapes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces"), &mut paths);
    paths.sort();
    assert!(paths.len() > 4, "{paths:?}");
    for path in paths {
        Log::written(Reader::open(&path).unwrap(), 7, 60).check(12);
        let (names, timings) = (Names::new(), Timings::default());
        let replayed = run(Reader::open(&path).unwrap(), names, timings);
        Log::written(Reader::from_bytes(replayed.bytes()).unwrap(), 5, 50).check(12);
    }
}

#[test]
fn a_synthetic_run_with_several_indexes_is_explained_alike() {
    let spec = Spec { seed: 5, nodes: 60, daemon_sets: 8, changes: 18_000, ..Spec::default() };
    let replayed = run(Synth::new(spec), Names::new(), Timings::default());
    let log = Log::written(Reader::from_bytes(replayed.bytes()).unwrap(), 256, 9_000);
    assert!(log.last > 40_000, "{}", log.last);
    log.check(6);
}
