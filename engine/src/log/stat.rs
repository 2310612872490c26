//! What a log holds, in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::{LogError, Torn};
use super::file::FileStorage;
use super::format::FrameKind;
use super::frames::{Frames, Walked};
use super::reader::Reader;
use super::storage::Storage;
use crate::event::{Body, Track};
use crate::names::{Names, ObjectKey};
use crate::time::Time;

/// What a log holds, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The length of the file in bytes.
    pub bytes: u64,
    /// How many of them are checkpoints and the names that those use.
    pub checkpoint_bytes: u64,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// How many bytes the indexes of what frames touch take.
    pub index_bytes: u64,
    /// Batches, each committed as a whole.
    pub batches: u64,
    /// Events.
    pub events: u64,
    /// How many of them are the state that the log begins with.
    pub genesis: u64,
    /// Events by the name of their kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Events by track.
    pub tracks: BTreeMap<Track, u64>,
    /// How many node names have joined.
    pub nodes: u64,
    /// How many workloads and other objects were applied, each incarnation counted, by kind.
    pub objects: BTreeMap<String, u64>,
    /// How many pods were created.
    pub pods: u64,
    /// The time of the first event.
    pub first_time: Option<Time>,
    /// The time of the last event.
    pub last_time: Option<Time>,
    /// Until when it is known to be complete: at least until the last event.
    pub known_until: Option<Time>,
    /// Whether its writer closed it.
    pub closed: bool,
    /// A torn end, which is not part of the log.
    pub torn: Option<Torn>,
}

impl Stat {
    /// Bytes per event times a hundred, checkpoints apart; none without events.
    pub fn hundredth_bytes_per_event(&self) -> Option<u64> {
        ((self.bytes - self.checkpoint_bytes) * 100).checked_div(self.events)
    }
}

/// Counts what a log holds. Everything is read and checked.
///
/// # Errors
/// Those of [`Reader::open`] and [`Reader::next_batch`].
pub fn stat(path: &Path) -> Result<Stat, LogError> {
    let open = || FileStorage::open_to_read(path).map(|file| Box::new(file) as Box<dyn Storage>);
    let mut stat = Stat::default();
    frames(open()?, &mut stat)?;
    events(open()?, &mut stat)?;
    Ok(stat)
}

fn frames(storage: Box<dyn Storage>, stat: &mut Stat) -> Result<(), LogError> {
    let mut frames = Frames::open(storage)?;
    stat.bytes = frames.len()?;
    while let Some(Walked::Frame(_, frame)) = frames.next_or_damage()? {
        match frame.kind {
            FrameKind::Checkpoint => stat.checkpoints += 1,
            FrameKind::Names => {}
            FrameKind::Index => {
                stat.index_bytes += frame.frame_len();
                continue;
            }
            FrameKind::Genesis | FrameKind::Events | FrameKind::Close => continue,
        }
        stat.checkpoint_bytes += frame.frame_len();
    }
    Ok(())
}

fn events(storage: Box<dyn Storage>, stat: &mut Stat) -> Result<(), LogError> {
    let mut reader = Reader::from_storage(storage)?;
    let (mut names, mut batch) = (Names::new(), Vec::new());
    let (mut nodes, mut objects) = (BTreeSet::new(), BTreeSet::new());
    while let Some(found) = reader.next_batch(&mut names, &mut batch)? {
        stat.batches += 1;
        stat.genesis += if found.genesis { batch.len() as u64 } else { 0 };
        for event in &batch {
            stat.events += 1;
            *stat.kinds.entry(event.body.kind()).or_default() += 1;
            *stat.tracks.entry(event.track).or_default() += 1;
            stat.first_time.get_or_insert(event.at);
            stat.last_time = Some(event.at);
            match event.body {
                Body::NodeJoined { node, .. } => {
                    nodes.insert(node);
                }
                Body::Applied { object, .. } => {
                    objects.insert(object);
                }
                Body::PodCreated { .. } => stat.pods += 1,
                _ => {}
            }
        }
    }
    stat.nodes = nodes.len() as u64;
    for object in objects {
        let ObjectKey { kind, .. } = names.object_key(object);
        *stat.objects.entry(names.text(kind).to_owned()).or_default() += 1;
    }
    stat.closed = reader.is_closed();
    stat.known_until = reader.known_until();
    stat.torn = reader.recovered().cloned();
    Ok(())
}
