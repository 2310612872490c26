//! Writing a log: batches are committed one after the other, each as a whole or not at all.

use std::path::Path;
use std::time::{Duration, Instant};

use rkyv::util::AlignedVec;

use super::behind::WriteBehind;
use super::checkpoint::{self, Links};
use super::close::Closing;
use super::digest::Digest;
use super::encoder::Encoder;
use super::error::{LogError, Torn};
use super::file::FileStorage;
use super::format::{ALIGN, FILE_HEADER_LEN, FRAME_HEADER_LEN, FrameKind, PAYLOAD_MAX};
use super::frame::{self, FrameHeader};
use super::header::{FIXED_LEN, FileHeader, State};
use super::indexing::Indexing;
use super::reader::Reader;
use super::storage::{Storage, write_all};
use crate::cluster::Cluster;
use crate::event::{Event, Flags};
use crate::names::{Counts, Names, Seq};
use crate::saved::SaveError;
use crate::time::Time;

/// When what was appended is made durable against the machine's end. Against the process's end it is as soon as
/// [`Writer::append`] returns, whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before [`Writer::append`] returns: what was acknowledged is on disk.
    #[default]
    EveryBatch,
    /// By the first append after this time has passed since the last sync; also at once by [`Writer::sync`].
    Interval(Duration),
    /// When the log is closed.
    OnClose,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// When what was appended is made durable.
    pub sync: SyncPolicy,
    /// Whether a thread of its own hands the bytes to the operating system. What was appended then outlives the
    /// process only once it was synced.
    pub behind: bool,
}

impl Options {
    /// For an output that is of use only when it is whole.
    #[must_use]
    pub const fn output() -> Options {
        Options { sync: SyncPolicy::OnClose, behind: true }
    }
}

/// What was found when a log was opened to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// What stood after the log's end and was cut off.
    pub torn: Option<Torn>,
    /// The last event.
    pub last: Seq,
    /// Its time.
    pub last_time: Option<Time>,
    /// Whether the writer before had closed the log.
    pub was_closed: bool,
}

/// Appends to a log. There is one writer of a log at a time. A writer that is dropped without [`Writer::close`] leaves
/// the log as one whose writer died: nothing is lost, but readers say so.
pub struct Writer {
    storage: Box<dyn Storage>,
    encoder: Encoder,
    /// A frame in the making.
    buffer: AlignedVec,
    /// Where the log ends.
    end: u64,
    /// Where this writer began.
    began: u64,
    /// Where the room ends that was taken ahead; none if the storage gives none.
    room: Option<u64>,
    chain: Digest,
    header: FileHeader,
    /// Whether other events than a genesis' are there.
    begun: bool,
    sync: SyncPolicy,
    synced_at: Instant,
    unsynced: bool,
    poisoned: bool,
    checkpoints: Checkpoints,
    indexing: Indexing,
    /// Until when the log is known, if more was said than its last event's time.
    known_until: Option<Time>,
}

/// What a writer knows of the checkpoints that are there.
#[derive(Default)]
struct Checkpoints {
    /// Where the last checkpoint and the names of this writer's last one are.
    links: Links,
    /// What the dictionary had then.
    counts: Counts,
    /// Where the last checkpoint ends, or where this writer began.
    end: u64,
    /// How long it is with its names.
    len: u64,
}

/// A checkpoint is due after this many bytes at least: a smaller log is read faster than a checkpoint is.
const CHECKPOINT_AFTER: u64 = 2 << 20;
/// And after this many times the last one's length, which bounds their share of the file to a fifth.
const CHECKPOINT_SHARE: u64 = 4;

impl Writer {
    /// Creates a log.
    ///
    /// # Errors
    /// [`LogError::Exists`] if there is a file, [`LogError::Io`].
    pub fn create(path: &Path, options: &Options) -> Result<Writer, LogError> {
        let file: Box<dyn Storage> = Box::new(FileStorage::create(path)?);
        Writer::create_in(if options.behind { Box::new(WriteBehind::new(file)) } else { file }, options)
    }

    /// Creates a log in a storage that is empty.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn create_in(storage: Box<dyn Storage>, options: &Options) -> Result<Writer, LogError> {
        let mut writer = Writer::over(storage, options, Encoder::default());
        let header = writer.header.to_bytes();
        writer.chain = Digest::of(&header[..FIXED_LEN]);
        (writer.end, writer.began) = (FILE_HEADER_LEN as u64, FILE_HEADER_LEN as u64);
        writer.write(0, &header)?;
        if options.sync != SyncPolicy::OnClose {
            writer.sync()?;
            let named = writer.storage.sync_name();
            named.map_err(|source| writer.poison("sync", source))?;
        }
        Ok(writer)
    }

    /// Opens a log to append: takes its lock, reads and checks all of it, and cuts off a torn end. Gives the names that
    /// the log uses, which are to be passed, grown or not, to every append. Nothing is written before the first
    /// append but that cut.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another process writes it, and those of [`Reader::open`] and [`Reader::next_batch`].
    pub fn open(path: &Path, options: &Options) -> Result<(Writer, Names, Recovered), LogError> {
        Writer::open_in(Box::new(FileStorage::open_to_write(path)?), options)
    }

    /// Opens a log in a storage to append. See [`Writer::open`].
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_in(
        storage: Box<dyn Storage>,
        options: &Options,
    ) -> Result<(Writer, Names, Recovered), LogError> {
        let mut reader = Reader::from_storage(storage)?.with_digest();
        let (mut names, mut events, mut begun) = (Names::new(), Vec::new(), false);
        let mut indexing = Indexing::default();
        while let Some(batch) = reader.next_batch(&mut names, &mut events)? {
            begun |= !batch.genesis;
            indexing.frame(batch.offset, batch.first, &events);
        }
        let was_closed = reader.is_closed();
        let (encoder, frames) = reader.into_encoder();
        let (last, last_time) = (frames.last(), frames.last_time());
        let recovered = Recovered { torn: frames.torn().cloned(), last, last_time, was_closed };
        let (end, chain, header, len) = (frames.offset(), frames.chain(), frames.header(), frames.len()?);
        let previous = frames.checkpoint();
        let known_until = frames.known_until();
        indexing.resume(frames.index());
        let closed = frames.last_kind() == Some(FrameKind::Close) && frames.torn().is_none();
        let mut writer = Writer::over(frames.into_storage(), options, encoder);
        (writer.end, writer.began, writer.chain, writer.begun) = (end, end, chain, begun);
        // Behind the log there are zeros at the most, once what was torn is cut off.
        writer.room = Some(len);
        (writer.header, writer.indexing, writer.known_until) = (header, indexing, known_until);
        // The numbers of this process's names are not those of the writer before: they are saved anew.
        writer.checkpoints.links.previous = previous;
        writer.checkpoints.end = end;
        if recovered.torn.as_ref().is_some_and(|torn| torn.bytes > 0) {
            writer.give_room_back()?;
            writer.sync()?;
        }
        if !closed {
            writer.reopen()?;
        }
        Ok((writer, names, recovered))
    }

    fn over(storage: Box<dyn Storage>, options: &Options, encoder: Encoder) -> Writer {
        Writer {
            storage,
            encoder,
            buffer: AlignedVec::new(),
            end: 0,
            began: 0,
            room: Some(0),
            chain: Digest::default(),
            header: FileHeader::new(),
            begun: false,
            sync: options.sync,
            synced_at: Instant::now(),
            unsynced: false,
            poisoned: false,
            checkpoints: Checkpoints::default(),
            indexing: Indexing::default(),
            known_until: None,
        }
    }

    /// Commits a batch: all of it or, after an error, none. Gives the number of its last event. `names` is the same
    /// dictionary each time, grown or not; times must not go backwards, and causes must lie before.
    ///
    /// # Errors
    /// [`LogError::TimeBackwards`] and [`LogError::BadEvent`], after which the writer goes on;
    /// [`LogError::Io`], [`LogError::BatchTooLarge`] and [`LogError::Poisoned`], after which it does not.
    pub fn append(&mut self, names: &Names, events: &[Event]) -> Result<Seq, LogError> {
        self.commit(names, events, FrameKind::Events)
    }

    /// Commits events of the state that the log begins with. They get [`Flags::GENESIS`].
    ///
    /// # Errors
    /// [`LogError::LateGenesis`] after other events, and those of [`Writer::append`].
    pub fn append_genesis(&mut self, names: &Names, events: &[Event]) -> Result<Seq, LogError> {
        if self.begun {
            return Err(LogError::LateGenesis { last: self.last() });
        }
        self.commit(names, events, FrameKind::Genesis)
    }

    fn commit(&mut self, names: &Names, events: &[Event], kind: FrameKind) -> Result<Seq, LogError> {
        self.alive()?;
        let ([first, ..], [.., last]) = (events, events) else { return Ok(self.last()) };
        // Before the batch and not after it: should it fail, nothing was committed.
        self.index(false)?;
        let first_seq = self.last().next();
        let marks = if kind == FrameKind::Genesis { Flags::GENESIS } else { Flags::NONE };
        let payload = self.encoder.encode(names, events, marks)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.resize(FRAME_HEADER_LEN, 0);
        // Memory is all that can run out here, and that ends the process.
        self.buffer = payload.archive_into(buffer).map_err(|e| {
            self.poisoned = true;
            LogError::BadEvent { position: 0, what: e.to_string() }
        })?;
        let offset = self.end;
        self.write_frame(kind, events.len() as u32, first_seq, first.at, last.at)?;
        self.indexing.frame(offset, first_seq, events);
        self.begun |= kind == FrameKind::Events;
        self.sync_by_policy()?;
        Ok(self.last())
    }

    /// Whether enough was appended since the last checkpoint that another one pays.
    pub fn checkpoint_due(&self) -> bool {
        let Checkpoints { end, len, .. } = self.checkpoints;
        self.end - end >= CHECKPOINT_AFTER.max(CHECKPOINT_SHARE * len)
    }

    /// Saves the state after all events so far, from which reading can begin: `names` as passed to [`Writer::append`],
    /// the state that the events fold into, and the actors' own state as their owner saves it (empty if there are
    /// none).
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn checkpoint(&mut self, names: &Names, cluster: &Cluster, actors: &[u8]) -> Result<(), LogError> {
        self.alive()?;
        let unsaved = |error: SaveError| LogError::BadEvent { position: 0, what: error.to_string() };
        let begin = self.end;
        let links = self.checkpoints.links;
        let entries = names.entries_since(self.checkpoints.counts);
        let saved_names = checkpoint::names_payload(links.names, &entries).map_err(unsaved)?;
        let links = Links { previous: links.previous, names: begin };
        let by_number = self.encoder.by_number();
        let saved_state = checkpoint::state_payload(links, actors, &by_number, cluster).map_err(unsaved)?;
        self.write_without_events(FrameKind::Names, &saved_names)?;
        let previous = self.end;
        self.write_without_events(FrameKind::Checkpoint, &saved_state)?;
        self.checkpoints = Checkpoints {
            links: Links { previous, names: begin },
            counts: names.counts(),
            end: self.end,
            len: self.end - begin,
        };
        Ok(())
    }

    /// Writes the index if it is due.
    fn index(&mut self, closing: bool) -> Result<(), LogError> {
        // Version 1 has none.
        if self.header.version < 2 || !self.indexing.due(self.end, closing) {
            return Ok(());
        }
        let payload = self.indexing.take(self.end, self.encoder.tables());
        self.write_without_events(FrameKind::Index, &payload)
    }

    fn write_without_events(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), LogError> {
        self.buffer.clear();
        self.buffer.resize(FRAME_HEADER_LEN, 0);
        self.buffer.extend_from_slice(payload);
        let time = self.last_time().unwrap_or_default();
        self.write_frame(kind, 0, self.last().next(), time, time)
    }

    /// Completes the frame whose payload is in the buffer, and writes it.
    fn write_frame(
        &mut self,
        kind: FrameKind,
        events: u32,
        first: Seq,
        first_time: Time,
        last_time: Time,
    ) -> Result<(), LogError> {
        let len = self.buffer.len() - FRAME_HEADER_LEN;
        if len > PAYLOAD_MAX {
            self.poisoned = true;
            return Err(LogError::BatchTooLarge { len, max: PAYLOAD_MAX });
        }
        self.buffer.resize(self.buffer.len().next_multiple_of(ALIGN as usize), 0);
        self.reopen()?;
        let frame =
            FrameHeader { kind, len: len as u32, events, first, first_time, last_time, previous: self.chain };
        let header = frame.to_bytes();
        let digest = frame::digest(&header, &self.buffer[FRAME_HEADER_LEN..]);
        self.buffer[..FRAME_HEADER_LEN].copy_from_slice(&header);
        self.buffer.extend_from_slice(&digest.0.to_le_bytes());
        let buffer = std::mem::take(&mut self.buffer);
        self.take_room(self.end + frame.frame_len());
        let written = self.write(self.end, &buffer);
        self.buffer = buffer;
        written?;
        self.end += frame.frame_len();
        self.chain = digest;
        Ok(())
    }

    /// Takes room ahead of a frame that ends at `end`. Where the file grows with each frame, each sync must make its new length
    /// durable as well, which takes several times as long.
    fn take_room(&mut self, end: u64) {
        const MOST: u64 = 1 << 20;
        if self.sync == SyncPolicy::OnClose || self.room.is_none_or(|room| end <= room) {
            return;
        }
        // In proportion to what was written so far: many a writer appends a batch and closes.
        let ahead = (self.end - self.began).min(MOST).next_multiple_of(ALIGN);
        if ahead > 0 {
            self.room = self.storage.reserve(end + ahead).ok().map(|()| end + ahead);
        }
    }

    /// Cuts the file where the log ends.
    fn give_room_back(&mut self) -> Result<(), LogError> {
        self.storage.truncate(self.end).map_err(|source| self.poison("cut", source))?;
        self.unsynced = true;
        self.room = self.room.map(|_| self.end);
        Ok(())
    }

    /// States in the header that the log is being written, before the first frame after a close.
    fn reopen(&mut self) -> Result<(), LogError> {
        if self.header.state == State::Closed {
            self.state(self.header.opened())?;
            self.sync()?;
        }
        Ok(())
    }

    fn state(&mut self, header: FileHeader) -> Result<(), LogError> {
        self.write(0, &header.to_bytes())?;
        self.header = header;
        Ok(())
    }

    /// Makes everything that was appended durable now.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Poisoned`].
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.alive()?;
        if self.unsynced {
            self.storage.sync().map_err(|source| self.poison("sync", source))?;
            self.unsynced = false;
            self.synced_at = Instant::now();
        }
        Ok(())
    }

    fn sync_by_policy(&mut self) -> Result<(), LogError> {
        match self.sync {
            SyncPolicy::EveryBatch => self.sync(),
            SyncPolicy::Interval(interval) if self.synced_at.elapsed() >= interval => self.sync(),
            SyncPolicy::Interval(_) | SyncPolicy::OnClose => Ok(()),
        }
    }

    /// The digest of all events so far.
    pub fn digest(&self) -> Digest {
        self.encoder.digest()
    }

    /// The number of the last event; [`Seq::NONE`] if there is none.
    pub fn last(&self) -> Seq {
        self.encoder.last()
    }

    /// The time of the last event.
    pub fn last_time(&self) -> Option<Time> {
        self.encoder.last_time()
    }

    /// States until when the log is complete: nothing more happened up to that time. Kept when the log is closed; by itself a
    /// log is known until its last event. A time before what was stated earlier changes nothing.
    pub fn known_until(&mut self, until: Time) {
        if self.known_until < Some(until) {
            self.known_until = Some(until);
        }
    }

    /// Makes the next index a lie.
    #[cfg(test)]
    pub(super) fn forget_what_is_touched(&mut self) {
        self.indexing = Indexing::forgetful(self.indexing.last());
    }

    /// The length of the log in bytes.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Ends the log well: everything is durable, and the file says that it is complete. Gives the run's digest.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Poisoned`]; what was acknowledged is there all the same.
    pub fn close(mut self) -> Result<Digest, LogError> {
        self.alive()?;
        let digest = self.digest();
        if self.header.state == State::Closed {
            return Ok(digest);
        }
        self.index(true)?;
        let closing = Closing {
            digest,
            last: self.last(),
            checkpoint: self.checkpoints.links.previous,
            index: self.indexing.last(),
            known_until: self.known_until.filter(|known| Some(*known) > self.last_time()),
        };
        self.write_without_events(FrameKind::Close, &closing.to_bytes(self.header.version))?;
        if self.room.is_some_and(|room| room > self.end) {
            self.give_room_back()?;
        }
        self.sync()?;
        // Only now: a header that says "closed" must not reach the disk before the end that it speaks of.
        self.state(self.header.closed(self.end))?;
        self.sync()?;
        self.storage.sync_name().map_err(|source| self.poison("sync", source))?;
        Ok(digest)
    }

    fn alive(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned { file: self.storage.name().to_owned() }) } else { Ok(()) }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), LogError> {
        self.unsynced = true;
        write_all(&mut *self.storage, offset, bytes).map_err(|source| {
            // A torn end would be recovered; without it there is nothing to recover. It may fail too.
            let _ = self.storage.truncate(self.end);
            self.poison("write", source)
        })
    }

    /// The kernel may have dropped what it could not write, so asking again could be answered with a lie.
    fn poison(&mut self, what: &'static str, source: std::io::Error) -> LogError {
        self.poisoned = true;
        LogError::Io { what, file: self.storage.name().to_owned(), source }
    }
}
