//! Checking all of a log, and saying all that is wrong with it.

use std::fmt;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::close::Closing;
use super::decode_names::LogNames;
use super::decoder::Decoder;
use super::digest::{Digest, RunHasher};
use super::error::{Damage, LogError, Torn};
use super::file::FileStorage;
use super::format::FrameKind;
use super::frames::{Frames, Walked};
use super::header::State;
use super::index::{self, Indexer, Numbers, Touches};
use super::storage::Storage;
use crate::names::{Names, Seq};
use crate::time::Time;

/// What a check of a whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Whole frames.
    pub frames: u64,
    /// Whole frames that hold events.
    pub batches: u64,
    /// Events in whole frames.
    pub events: u64,
    /// The last event.
    pub last: Seq,
    /// The time of the first event.
    pub first_time: Option<Time>,
    /// The time of the last event.
    pub last_time: Option<Time>,
    /// Whether its writer closed it.
    pub closed: bool,
    /// Whether a writer is at work on it.
    pub being_written: bool,
    /// The run's digest, if everything could be read.
    pub digest: Option<Digest>,
    /// What is wrong with the file header.
    pub header: Option<String>,
    /// Damaged places, in order.
    pub damages: Vec<Damage>,
    /// Whole frames that do not read, in order; their writer was wrong, or newer.
    pub unreadable: Vec<String>,
    /// An event that a newer kubetape knows, where reading ended; the frames are whole all the same.
    pub newer: Option<String>,
    /// A torn end. It belongs to a writer that died and is no damage, unless the log had been closed.
    pub torn: Option<Torn>,
}

impl Report {
    /// Whether everything that was committed is there and reads. A torn last write is sound: it was never committed.
    pub fn is_sound(&self) -> bool {
        self.header.is_none()
            && self.damages.is_empty()
            && self.unreadable.is_empty()
            && self.torn.as_ref().is_none_or(|torn| !torn.was_closed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { file, bytes, frames, events, .. } = self;
        writeln!(f, "{file}: {bytes} bytes, {frames} whole frames, {events} events")?;
        if let (Some(first), Some(last)) = (self.first_time, self.last_time) {
            writeln!(f, "from {first} to {last}")?;
        }
        let state = match (self.closed, self.being_written) {
            (_, true) => "being written now",
            (true, false) => "closed by its writer",
            (false, false) => "not closed: its writer died",
        };
        writeln!(f, "{state}")?;
        if let Some(header) = &self.header {
            writeln!(f, "damaged: {header}")?;
        }
        for damage in &self.damages {
            writeln!(f, "damaged: {damage}")?;
        }
        for what in &self.unreadable {
            writeln!(f, "unreadable: {what}")?;
        }
        if let Some(what) = &self.newer {
            writeln!(f, "newer than this kubetape: {what}")?;
        }
        if let Some(torn) = &self.torn {
            writeln!(f, "torn: {torn}")?;
        }
        match self.digest {
            Some(digest) => writeln!(f, "digest {digest}"),
            None => Ok(()),
        }
    }
}

/// Checks all of a log: every frame, its place in the chain, every event in it.
///
/// # Errors
/// [`LogError::Io`], [`LogError::Empty`], [`LogError::NotALog`], [`LogError::NewerFormat`]. Damage is no error here: it
/// is in the report.
pub fn verify(path: &Path) -> Result<Report, LogError> {
    verify_storage(&|| Ok(Box::new(FileStorage::open_to_read(path)?)))
}

/// A way to open the same log again.
pub(super) type Open<'a> = &'a dyn Fn() -> Result<Box<dyn Storage>, LogError>;

/// The frames of a log, damaged or not, and what is wrong with its header.
pub(super) fn open_anyhow(open: Open) -> Result<(Frames, Option<String>), LogError> {
    match Frames::open(open()?) {
        Ok(frames) => Ok((frames, None)),
        Err(LogError::Header { what, .. }) => {
            Ok((Frames::open_damaged(open()?), Some(format!("the file header: {what}"))))
        }
        Err(not_a_log @ LogError::NotALog { .. }) => {
            let mut frames = Frames::open_damaged(open()?);
            match frames.resync(0)? {
                Some(_) => Ok((frames, Some("the file header is not a log's, but frames follow".to_owned()))),
                None => Err(not_a_log),
            }
        }
        Err(e) => Err(e),
    }
}

/// As [`verify`], of a log anywhere.
pub(super) fn verify_storage(open: Open) -> Result<Report, LogError> {
    let (mut frames, header) = open_anyhow(open)?;
    let storage = open()?;
    let mut report = Report {
        file: frames.name().to_owned(),
        bytes: frames.len()?,
        closed: header.is_none() && frames.header().state == State::Closed,
        being_written: storage.has_writer(),
        header,
        ..Report::default()
    };
    let mut decoder = Decoder { hasher: Some(RunHasher::default()), ..Decoder::default() };
    let (mut names, mut events) = (Names::new(), Vec::new());
    // Beyond damage the names that it took are missing, and so events cannot be read; their frames are still checked.
    let mut readable = true;
    let (mut indexer, mut touches, mut last_index) = (Indexer::default(), Vec::new(), 0);
    while let Some(walked) = frames.next_or_damage()? {
        let (offset, frame) = match walked {
            Walked::Frame(offset, frame) => (offset, frame),
            Walked::Damage(damage) => {
                readable = false;
                report.damages.push(*damage);
                continue;
            }
        };
        report.frames += 1;
        let payload = frames.payload(&frame)?;
        if frame.kind.has_events() {
            report.batches += 1;
            report.events += u64::from(frame.events);
            report.last = Seq(frame.next().0 - 1);
            report.first_time.get_or_insert(frame.first_time);
            report.last_time = Some(frame.last_time);
            events.clear();
            if readable && let Err(e) = decoder.decode(&frame, offset, payload, &mut names, &mut events) {
                match e {
                    LogError::UnknownKind { .. } => report.newer = Some(e.to_string()),
                    _ => report.unreadable.push(e.to_string()),
                }
                readable = false;
            }
        }
        if readable && frame.kind.has_events() {
            touches.extend(indexer.frame(offset, frame.first, &events));
        }
        if readable && frame.kind == FrameKind::Index {
            let expected = expected_index(last_index, &touches, &decoder.names);
            if index::read(payload).is_some() && expected != payload {
                report
                    .unreadable
                    .push(format!("the index at byte {offset} says something else than the events"));
            }
            last_index = offset;
            touches.clear();
        }
        if frame.kind == FrameKind::Close
            && readable
            && closing_digest(payload) != decoder.hasher.as_ref().map(RunHasher::digest)
        {
            report
                .unreadable
                .push(format!("the close at byte {offset} states another digest than the events have"));
        }
    }
    report.torn = frames.torn().cloned();
    report.digest = decoder.hasher.filter(|_| readable && report.header.is_none()).map(|h| h.digest());
    Ok(report)
}

/// The payload that an index has if it is right.
fn expected_index(previous: u64, touches: &[Touches], names: &LogNames) -> Vec<u8> {
    let numbers = |indexes: &mut dyn Iterator<Item = usize>| -> FxHashMap<u32, u32> {
        indexes.zip(1..).map(|(index, number)| (index as u32, number)).collect()
    };
    let nodes = numbers(&mut names.nodes.iter().map(|id| id.index()));
    let objects = numbers(&mut names.objects.iter().map(|id| id.index()));
    let numbers = Numbers {
        node: &|index| nodes.get(&index).copied().unwrap_or(0),
        object: &|index| objects.get(&index).copied().unwrap_or(0),
    };
    index::to_bytes(previous, touches, &numbers)
}

/// The run's digest that a close frame states.
fn closing_digest(payload: &[u8]) -> Option<Digest> {
    Closing::read(payload).map(|closing| closing.digest)
}
