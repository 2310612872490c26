//! The state at any moment of a log: from the nearest checkpoint, then event by event.

use std::path::Path;

use super::checkpoint::{Restored, restore};
use super::error::LogError;
use super::file::FileStorage;
use super::frames::Frames;
use super::reader::Reader;
use super::storage::Storage;
use super::window::{GLANCE, READ_AHEAD};
use crate::cluster::{ApplyError, Cluster};
use crate::event::Event;
use crate::names::{Names, Seq};
use crate::time::Time;

/// A moment of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After the event with this number; the end, if the log has fewer.
    Seq(Seq),
    /// After all events up to and at this time.
    Time(Time),
    /// After the last event.
    End,
}

/// A log at a moment.
pub struct Position {
    /// The dictionary.
    pub names: Names,
    /// The state.
    pub cluster: Cluster,
    /// Events of the batch that was read last that lie beyond the moment; `reader` goes on after them.
    pub rest: Vec<Event>,
    /// Reads on.
    pub reader: Reader,
    /// The checkpoint that the way began with; none: the log's beginning.
    pub checkpoint: Option<Seq>,
    /// How many events were applied since.
    pub replayed: u64,
}

/// A checkpoint, as it was saved.
pub struct Checkpoint {
    /// The dictionary.
    pub names: Names,
    /// The state.
    pub cluster: Cluster,
    /// The actors' state, as the writer gave it.
    pub actors: Vec<u8>,
    /// The last event before it.
    pub seq: Seq,
    /// Reads on after it.
    pub reader: Reader,
}

/// Why a moment was not reached.
#[derive(Debug, thiserror::Error)]
pub enum SeekError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event does not fit the state.
    #[error("event {seq}: {source}")]
    Apply {
        /// The event.
        seq: Seq,
        /// Why.
        source: ApplyError,
    },
}

impl Moment {
    /// Whether an event lies at or before the moment.
    fn includes(self, seq: Seq, at: Time) -> bool {
        match self {
            Moment::Seq(last) => seq <= last,
            Moment::Time(last) => at <= last,
            Moment::End => true,
        }
    }
}

/// Finds the state at a moment. Takes time in proportion to the state and to the events since the checkpoint before;
/// without checkpoints, to all events before. Frames before that checkpoint are not looked at, so that damage there is not
/// seen.
///
/// # Errors
/// Those of [`Reader::open`] and [`Reader::next_batch`]; [`SeekError::Apply`] for an event that does not fit.
pub fn seek(path: &Path, moment: Moment) -> Result<Position, SeekError> {
    seek_in(Box::new(FileStorage::open_to_read(path)?), moment)
}

/// As [`seek`], in a log anywhere.
///
/// # Errors
/// As [`seek`].
pub fn seek_in(storage: Box<dyn Storage>, moment: Moment) -> Result<Position, SeekError> {
    let mut position = match begin(storage, moment)? {
        Ok(found) => Position {
            names: found.names,
            cluster: found.cluster,
            rest: Vec::new(),
            reader: found.reader,
            checkpoint: Some(found.seq),
            replayed: 0,
        },
        Err(reader) => Position {
            names: Names::new(),
            cluster: Cluster::new(),
            rest: Vec::new(),
            reader,
            checkpoint: None,
            replayed: 0,
        },
    };
    let mut events = Vec::new();
    while let Some(batch) = position.reader.next_batch(&mut position.names, &mut events)? {
        let mut seq = batch.first;
        for (i, event) in events.iter().enumerate() {
            if !moment.includes(seq, event.at) {
                position.rest.extend_from_slice(&events[i..]);
                return Ok(position);
            }
            let applied = position.cluster.apply(&mut position.names, seq, event);
            applied.map_err(|source| SeekError::Apply { seq, source })?;
            position.replayed += 1;
            seq = seq.next();
        }
        // Batches are often whole moments; the next one need not be read to know that it is beyond.
        if matches!(moment, Moment::Seq(last) if batch.last >= last) {
            break;
        }
    }
    Ok(position)
}

/// The last checkpoint at or before a moment, with what its writer saved of the actors; none if the log has no such
/// checkpoint that this version can use.
///
/// # Errors
/// Those of [`Reader::open`].
pub fn checkpoint(path: &Path, moment: Moment) -> Result<Option<Checkpoint>, LogError> {
    checkpoint_in(Box::new(FileStorage::open_to_read(path)?), moment)
}

/// As [`checkpoint`], of a log anywhere.
///
/// # Errors
/// As [`checkpoint`].
pub fn checkpoint_in(storage: Box<dyn Storage>, moment: Moment) -> Result<Option<Checkpoint>, LogError> {
    Ok(begin(storage, moment)?.ok())
}

/// The last checkpoint at or before a moment, or a reader at the beginning.
fn begin(storage: Box<dyn Storage>, moment: Moment) -> Result<Result<Checkpoint, Reader>, LogError> {
    let mut frames = Frames::open(storage)?;
    frames.read_at_least(GLANCE);
    let restored = restore(&mut frames, &|seq, at| moment.includes(seq, at))?;
    frames.read_at_least(READ_AHEAD);
    Ok(match restored {
        Some(Restored { names, cluster, actors, decoder, seq }) => {
            let reader = Reader::resume(frames, decoder);
            Ok(Checkpoint { names, cluster, actors, seq, reader })
        }
        None => Err(Reader::resume(frames, super::decoder::Decoder::default())),
    })
}
