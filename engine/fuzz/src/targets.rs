//! What is fed with strange input, and what must hold.

use std::io::{Cursor, Write};

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Event;
use kubetape_engine::import::{self, Options as ImportOptions, Source};
use kubetape_engine::log::{LogError, MemoryStorage, Options, Reader, State, Writer};
use kubetape_engine::manifest;
use kubetape_engine::names::{Names, Seq};
use serde_json::Value;

use crate::random::{Random, damage};
use crate::tape::Frames;
use crate::{json, text};

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Reading logs.
    Reader,
    /// Opening logs to append, which cuts off what was torn.
    Recovery,
    /// Importing watch streams.
    Watch,
    /// Importing audit logs, beside a watch stream.
    Audit,
    /// Importing object lists.
    Lists,
    /// Importing and checking manifests.
    Manifests,
    /// Importing API Events, beside a watch stream.
    Events,
}

/// An input, and what is known of it.
pub struct Input {
    pub bytes: Vec<u8>,
    /// A log that differs from a whole one in some bytes, so that it must not read as one.
    damaged: bool,
}

/// Makes inputs for a target and runs them.
pub struct Fuzzer {
    target: Target,
    seeds: Vec<Vec<u8>>,
    /// The seeds that are logs, parted.
    frames: Vec<Frames>,
    /// How many inputs were taken as good.
    good: u64,
}

/// The recorded lines beside which audit logs and API Events are read.
const BESIDE: &[u8] = include_bytes!("../seeds/watch/pods.jsonl");

impl Target {
    /// Every target.
    pub const ALL: [Target; 7] = [
        Target::Reader,
        Target::Recovery,
        Target::Watch,
        Target::Audit,
        Target::Lists,
        Target::Manifests,
        Target::Events,
    ];

    /// The spelling on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Target::Reader => "reader",
            Target::Recovery => "recovery",
            Target::Watch => "watch",
            Target::Audit => "audit",
            Target::Lists => "lists",
            Target::Manifests => "manifests",
            Target::Events => "events",
        }
    }

    fn seeds(self) -> &'static [&'static [u8]] {
        match self {
            Target::Reader | Target::Recovery => &[
                include_bytes!("../seeds/log/nodes.tape"),
                include_bytes!("../seeds/log/run.tape"),
                include_bytes!("../seeds/log/batches.tape"),
                include_bytes!("../seeds/log/died.tape"),
                include_bytes!("../seeds/log/batches-1.tape"),
                include_bytes!("../seeds/log/batches-2.tape"),
            ],
            Target::Watch => &[include_bytes!("../seeds/watch/lesson.jsonl"), BESIDE],
            Target::Audit => &[include_bytes!("../seeds/audit/lesson.jsonl")],
            Target::Lists => &[include_bytes!("../seeds/lists/final.json")],
            Target::Manifests => &[
                include_bytes!("../seeds/manifests/fluentd.yaml"),
                include_bytes!("../seeds/manifests/agent.yaml"),
                include_bytes!("../seeds/manifests/two.yaml"),
            ],
            Target::Events => &[include_bytes!("../seeds/events/events.jsonl")],
        }
    }

    pub fn fuzzer(self) -> Fuzzer {
        let seeds: Vec<Vec<u8>> = self.seeds().iter().map(|seed| seed.to_vec()).collect();
        let frames = match self {
            Target::Reader | Target::Recovery => seeds.iter().map(|seed| Frames::of(seed)).collect(),
            _ => Vec::new(),
        };
        Fuzzer { target: self, seeds, frames, good: 0 }
    }
}

impl Fuzzer {
    /// Makes the next input.
    pub fn input(&mut self, random: &mut Random) -> Input {
        match self.target {
            Target::Reader | Target::Recovery => self.log(random),
            Target::Manifests => {
                let (one, other) = (random.pick(&self.seeds), random.pick(&self.seeds));
                Input { bytes: text::change(one, other, random), damaged: false }
            }
            Target::Lists => {
                let seed = random.pick(&self.seeds);
                Input { bytes: document(seed, random), damaged: false }
            }
            _ => {
                let seed = random.pick(&self.seeds);
                Input { bytes: lines(seed, random), damaged: false }
            }
        }
    }

    fn log(&self, random: &mut Random) -> Input {
        // Small seeds are tried more often: they take less time, and all kinds of frames are in each.
        let at = random.below(self.seeds.len() * 2).saturating_sub(self.seeds.len());
        match random.below(4) {
            0 => {
                let mut bytes = self.seeds[at].clone();
                damage(&mut bytes, random);
                let damaged = bytes != self.seeds[at] && !is_change_of_state(&bytes, &self.seeds[at]);
                Input { bytes, damaged }
            }
            1 => {
                let mut bytes = self.seeds[at].clone();
                bytes.truncate(random.below(bytes.len()));
                // An open log that is cut behind a batch is one whose writer died there; and the first two versions do not
                // say where a log was closed, so that one that is cut behind an earlier close is one that was closed there.
                let damaged = closed_len(&self.seeds[at]) > 0;
                Input { bytes, damaged }
            }
            _ => {
                let mut frames = Frames::of(&self.seeds[at]);
                frames.change(random.pick(&self.frames), random);
                let mut bytes = frames.sealed(!random.one_in(4));
                if random.one_in(8) {
                    cut_change_of_state(&mut bytes, random);
                }
                if random.one_in(4) {
                    bytes.truncate(random.below(bytes.len()));
                }
                Input { bytes, damaged: false }
            }
        }
    }

    /// Runs an input.
    pub fn execute(&mut self, input: &Input) -> Result<(), String> {
        let good = match self.target {
            Target::Reader => read(input)?,
            Target::Recovery => recover(input)?,
            Target::Manifests => check(input),
            Target::Watch | Target::Lists => import(&[&input.bytes])?,
            Target::Audit | Target::Events => import(&[BESIDE, &input.bytes])?,
        };
        self.good += u64::from(good);
        Ok(())
    }

    /// What was seen, in a few words.
    pub fn told(&self) -> String {
        format!("{} inputs were good", self.good)
    }
}

/// How long a log says that it was when it was closed; 0 if it is open, or does not say.
fn closed_len(log: &[u8]) -> u64 {
    log.get(24..32).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Leaves a log's header as it is when the change to the other state is cut off.
fn cut_change_of_state(log: &mut [u8], random: &mut Random) {
    let opening = log[20] == State::Closed as u8;
    let mut changed = [0; 12];
    changed[0] = if opening { State::Open } else { State::Closed } as u8;
    if !opening {
        changed[4..].copy_from_slice(&(log.len() as u64).to_le_bytes());
    }
    let some = 1 + random.below(changed.len());
    log[20..20 + some].copy_from_slice(&changed[..some]);
}

/// Whether some bytes are a log of which the header was being changed to the other state when that was cut off. Every event is
/// there then.
fn is_change_of_state(bytes: &[u8], log: &[u8]) -> bool {
    if log[20] == State::Open as u8 {
        // Being closed: anything may be there of the length.
        return bytes[20] == State::Closed as u8
            && [&bytes[..20], &bytes[21..24], &bytes[32..]] == [&log[..20], &log[21..24], &log[32..]];
    }
    (24..=32).any(|after| {
        let mut opening = log.to_vec();
        opening[20..after].fill(0);
        opening[20] = State::Open as u8;
        bytes == opening
    })
}

/// Reads a log; gives whether it is whole. One that was damaged must not be.
fn read(input: &Input) -> Result<bool, String> {
    let whole = read_all(Reader::from_bytes(input.bytes.clone()));
    if whole && input.damaged {
        return Err("a damaged log was believed".into());
    }
    Ok(whole)
}

fn read_all(reader: Result<Reader, LogError>) -> bool {
    let Ok(mut reader) = reader else { return false };
    let (mut names, mut events) = (Names::new(), Vec::new());
    loop {
        match reader.next_batch(&mut names, &mut events) {
            Ok(Some(_)) => {}
            Ok(None) => return reader.recovered().is_none(),
            Err(_) => return false,
        }
    }
}

/// Opens a log to append, appends, and reads all: what a writer takes over is whole afterwards.
fn recover(input: &Input) -> Result<bool, String> {
    let storage = MemoryStorage::from_bytes(input.bytes.clone());
    let Ok((mut writer, names, recovered)) = Writer::open_in(Box::new(storage.clone()), &Options::default())
    else {
        return Ok(false);
    };
    let body = kubetape_engine::event::Body::PodGone { pod: kubetape_engine::names::PodId::from_index(0) };
    let at = recovered.last_time.unwrap_or_default();
    let event = Event::new(at, kubetape_engine::event::Track::Kubelet, body);
    let appended =
        writer.append(&names, &[event]).map_err(|e| format!("a log that was opened takes nothing: {e}"))?;
    if appended != Seq(recovered.last.0 + 1) {
        return Err(format!("the event after {} is {appended}", recovered.last));
    }
    writer.close().map_err(|e| e.to_string())?;
    if !read_all(Reader::from_storage(Box::new(storage))) {
        return Err("what was opened and closed is not whole".into());
    }
    Ok(true)
}

/// Imports sources; what comes of it can be folded.
fn import(sources: &[&[u8]]) -> Result<bool, String> {
    let sources = sources.iter().enumerate().map(|(i, bytes)| Source {
        name: format!("source {i}"),
        bytes: Box::new(Cursor::new(bytes.to_vec())),
    });
    let mut names = Names::new();
    let imported = import::import(sources.collect(), &ImportOptions::default(), &mut names, &mut |_| {});
    let Ok(imported) = imported else { return Ok(false) };
    let (mut cluster, mut seq, mut before) = (Cluster::new(), Seq::NONE, None);
    for event in imported.genesis.iter().chain(&imported.events) {
        seq = seq.next();
        if before.is_some_and(|before| event.at < before) {
            return Err(format!("event {seq} of an import lies before the one before it"));
        }
        before = Some(event.at);
        cluster
            .apply(&mut names, seq, event)
            .map_err(|e| format!("event {seq} of an import does not fit: {e}"))?;
    }
    Ok(true)
}

/// Reads manifests, and lets them through the door of the API server.
fn check(input: &Input) -> bool {
    let decoded = manifest::decode("fuzz.yaml", &input.bytes);
    let mut names = Names::new();
    kubetape_engine::apply::apply(&decoded, "default", &Cluster::new(), &mut names).is_ok()
}

/// Some lines of a recording, one or two of them changed by their structure, or all of them as text.
fn lines(seed: &[u8], random: &mut Random) -> Vec<u8> {
    const MOST: usize = 16;
    let all: Vec<&[u8]> = seed.split_inclusive(|&byte| byte == b'\n').collect();
    let from = random.below(all.len());
    let to = (from + 1 + random.below(MOST)).min(all.len());
    // The first lines tell of the nodes that the others name.
    let mut some: Vec<Vec<u8>> =
        all[..from.min(2)].iter().chain(&all[from..to]).map(|line| line.to_vec()).collect();
    if random.one_in(4) {
        return compressed(text::change(&some.concat(), all[random.below(all.len())], random), random);
    }
    for _ in 0..=random.below(2) {
        let at = random.below(some.len());
        if let Ok(mut value) = serde_json::from_slice::<Value>(&some[at]) {
            json::change(&mut value, random);
            some[at] = value.to_string().into_bytes();
            some[at].push(b'\n');
        }
    }
    if random.one_in(4) {
        let (a, b) = (random.below(some.len()), random.below(some.len()));
        some.swap(a, b);
    }
    compressed(some.concat(), random)
}

/// A JSON document, changed by its structure, or as text.
fn document(seed: &[u8], random: &mut Random) -> Vec<u8> {
    match serde_json::from_slice::<Value>(seed) {
        Ok(mut value) if !random.one_in(4) => {
            json::change(&mut value, random);
            compressed(value.to_string().into_bytes(), random)
        }
        _ => compressed(text::change(seed, seed, random), random),
    }
}

/// Now and then compressed, and then perhaps damaged.
fn compressed(bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    if !random.one_in(16) {
        return bytes;
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to memory does not fail.
    let _ = gzip.write_all(&bytes);
    let mut packed = gzip.finish().unwrap_or_default();
    if random.one_in(2) {
        damage(&mut packed, random);
    }
    packed
}
