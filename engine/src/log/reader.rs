//! Reading a log: batches in order, each checked before it is handed out.

use std::path::Path;

use super::ahead::ReadAhead;
use super::decode_names::LogNames;
use super::decoder::Decoder;
use super::digest::{Digest, RunHasher};
use super::encode_names::NameTables;
use super::encoder::Encoder;
use super::error::{LogError, Torn};
use super::file::FileStorage;
use super::format::FrameKind;
use super::frames::{Frames, Next};
use super::header::State;
use super::storage::{FixedStorage, Storage};
use crate::event::Event;
use crate::names::{Names, Seq};
use crate::time::Time;

/// A batch that was read: events that were committed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The number of its first event.
    pub first: Seq,
    /// The number of its last event.
    pub last: Seq,
    /// Whether it is part of the state that the log begins with.
    pub genesis: bool,
    /// The time of its last event.
    pub last_time: Time,
    /// Where its frame begins, in bytes.
    pub offset: u64,
    /// The digest of its frame, which stands for the whole log up to it.
    pub chain: Digest,
}

/// Reads a log from its beginning. It can be asked for more after the end was reached: so a log is followed while it
/// is being written.
pub struct Reader {
    frames: Frames,
    decoder: Decoder,
    failed: bool,
}

impl Reader {
    /// Opens a log to read, also while it is being written. Damage is found when it is reached, not here.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Empty`], [`LogError::NotALog`], [`LogError::NewerFormat`], [`LogError::Header`].
    pub fn open(path: &Path) -> Result<Reader, LogError> {
        Reader::from_storage(Box::new(FileStorage::open_to_read(path)?))
    }

    /// Reads a log in memory.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Reader, LogError> {
        Reader::from_storage(Box::new(FixedStorage::new(bytes)))
    }

    /// Reads a log from where it is.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_storage(storage: Box<dyn Storage>) -> Result<Reader, LogError> {
        Ok(Reader { frames: Frames::open(storage)?, decoder: Decoder::default(), failed: false })
    }

    /// Goes on reading on a thread of its own, a few frames ahead.
    #[must_use]
    pub fn ahead(self) -> ReadAhead {
        ReadAhead::new(self.frames, self.decoder)
    }

    /// A reader that goes on where frames and decoder are.
    pub(super) fn resume(frames: Frames, decoder: Decoder) -> Reader {
        Reader { frames, decoder, failed: false }
    }

    /// The log's dictionary as far as it was read, and where that ends.
    pub(super) fn known(&self) -> (&LogNames, u64) {
        (&self.decoder.names, self.frames.offset())
    }

    /// Until when the log is known to be complete, as far as it was read: what its writer said when it closed the log, and
    /// the last event's time at least. None before the first event.
    pub fn known_until(&self) -> Option<Time> {
        self.frames.known_until()
    }

    /// Computes the run's digest while reading, which takes about a third more time. To be asked for before the
    /// first batch is read.
    #[must_use]
    pub fn with_digest(mut self) -> Reader {
        self.decoder.hasher = Some(RunHasher::default());
        self
    }

    /// Reads the next batch: `out` is emptied and filled with its events, `names` learns what they name. None at the
    /// end, after which [`Reader::recovered`] says whether something was lost there. `names` is the same
    /// dictionary each time; it need not be empty at first.
    ///
    /// # Errors
    /// [`LogError::Damaged`] for damage that is not a torn end, [`LogError::UnknownKind`], [`LogError::BadRecord`],
    /// [`LogError::Io`]. Nothing can be read beyond those; `out` is empty then.
    pub fn next_batch(&mut self, names: &mut Names, out: &mut Vec<Event>) -> Result<Option<Batch>, LogError> {
        out.clear();
        if self.failed {
            let (offset, seq) = (self.frames.offset(), self.frames.last());
            let what = "the batch before it could not be read".to_owned();
            return Err(LogError::BadRecord { offset, seq, what });
        }
        loop {
            let offset = self.frames.offset();
            let frame = match self.frames.next()? {
                Next::Frame(frame) if frame.kind.has_events() => frame,
                Next::Frame(_) => continue,
                Next::End => return Ok(None),
            };
            let payload = self.frames.payload(&frame)?;
            if let Err(e) = self.decoder.decode(&frame, offset, payload, names, out) {
                self.failed = true;
                out.clear();
                return Err(e);
            }
            return Ok(Some(Batch {
                first: frame.first,
                last: Seq(frame.next().0 - 1),
                genesis: frame.kind == FrameKind::Genesis,
                last_time: frame.last_time,
                offset,
                chain: self.frames.chain(),
            }));
        }
    }

    /// Reads a batch once more that was read before: `out` is emptied and filled with its events. What
    /// [`Reader::next_batch`] gives next stays the same.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::BadRecord`] when the log has changed since.
    pub fn read_again(&mut self, batch: &Batch, out: &mut Vec<Event>) -> Result<(), LogError> {
        out.clear();
        self.decoder.decode_at(&mut self.frames, batch.offset, batch.first, out)
    }

    /// What stands after the end that was reached and is not part of the log: a torn write, or a log that was cut.
    /// None while a writer is at work, and before the end was reached.
    pub fn recovered(&self) -> Option<&Torn> {
        self.frames.torn()
    }

    /// Whether the log was closed by its writer; it may have been cut since ([`Reader::recovered`]).
    pub fn is_closed(&self) -> bool {
        self.frames.header().state == State::Closed
    }

    /// Whether a writer is at work on the log now.
    pub fn is_being_written(&self) -> bool {
        self.frames.is_being_written()
    }

    /// The number of the last event that was read.
    pub fn last(&self) -> Seq {
        self.frames.last()
    }

    /// The time of the last event that was read.
    pub fn last_time(&self) -> Option<Time> {
        self.frames.last_time()
    }

    /// The digest of everything that was read, if it was asked for.
    pub fn digest(&self) -> Option<Digest> {
        self.decoder.hasher.as_ref().map(RunHasher::digest)
    }

    /// An encoder that goes on after what was read, and the frames.
    pub(super) fn into_encoder(self) -> (Encoder, Frames) {
        let hasher = self.decoder.hasher.unwrap_or_default();
        let tables = NameTables::after(&self.decoder.names);
        (Encoder::after(tables, hasher, self.frames.last(), self.frames.last_time()), self.frames)
    }
}
