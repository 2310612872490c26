//! What can go wrong with a log, and what the caller can do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::names::Seq;
use crate::time::Time;

/// An error of writing or reading a log. Each says what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system refused. After a failed write or sync the writer refuses everything ([`LogError::Poisoned`]).
    #[error("cannot {what} {file}: {source}")]
    Io {
        /// The operation, as a verb.
        what: &'static str,
        /// The file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The output is there already: choose another name, or force.
    #[error("{} exists already (--force overwrites it)", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Another process writes this log: wait for it to end.
    #[error("{file} is being written by another process")]
    Locked {
        /// The file.
        file: String,
    },
    /// The file has no bytes, ends within its first 64, or those are zero: its writer died before anything was committed.
    #[error("{file} holds nothing: its header was never written ({len} bytes)")]
    Empty {
        /// The file.
        file: String,
        /// Its length in bytes.
        len: u64,
    },
    /// The file is something else.
    #[error("{file} is not a kubetape log: it begins with {found}")]
    NotALog {
        /// The file.
        file: String,
        /// Its first bytes, shown for people.
        found: String,
    },
    /// The file was written by a newer kubetape: use that.
    #[error("{file} has log format {found}, and this kubetape reads up to {known}: use a newer one")]
    NewerFormat {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version that is read.
        known: u32,
    },
    /// The file header is damaged; `kubetape log repair` can salvage the frames.
    #[error("{file}: the file header is damaged: {what}")]
    Header {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// A frame is damaged, and it is not a torn end; `kubetape log repair` can salvage the rest.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// A whole frame holds an event of a kind that this reader does not know: use a newer kubetape.
    #[error("event {seq} has kind {code}, which this kubetape does not know: use a newer one")]
    UnknownKind {
        /// The event.
        seq: Seq,
        /// Its code.
        code: u8,
    },
    /// A whole frame (its digest is right) does not read as the format says: its writer was wrong.
    #[error("frame at byte {offset}, event {seq}: {what}")]
    BadRecord {
        /// Where the frame begins.
        offset: u64,
        /// The event, or the frame's first.
        seq: Seq,
        /// What is wrong.
        what: String,
    },
    /// An event that is to be appended lies before the one that precedes it. Nothing was appended.
    #[error("event {position} of the batch is at {at}, before the event that precedes it ({before})")]
    TimeBackwards {
        /// The position in the batch, from 0.
        position: usize,
        /// Its time.
        at: Time,
        /// The time of the event before it.
        before: Time,
    },
    /// An event that is to be appended has a cause that is not before it, or marks that the format has no room for. Nothing was appended.
    #[error("event {position} of the batch cannot be stored: {what}")]
    BadEvent {
        /// The position in the batch, from 0.
        position: usize,
        /// What is wrong.
        what: String,
    },
    /// A batch does not fit a frame. Nothing was appended, and the writer takes no more; make smaller batches.
    #[error("a batch of {len} bytes is larger than a frame can be ({max})")]
    BatchTooLarge {
        /// Its length in bytes.
        len: usize,
        /// The greatest length.
        max: usize,
    },
    /// A genesis comes after other events. Nothing was appended.
    #[error("a genesis must come before all other events, and the log has {last} already")]
    LateGenesis {
        /// The last event.
        last: Seq,
    },
    /// A write or a sync failed before, and what reached the disk is not known: open the log again, which recovers it.
    #[error("{file}: an earlier write failed, and the log takes no more; open it again to recover it")]
    Poisoned {
        /// The file.
        file: String,
    },
}

/// A damaged place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where the damaged frame begins, in bytes.
    pub offset: u64,
    /// Where the next whole frame begins; none to the end of the file.
    pub resumes: Option<u64>,
    /// The last event before it; [`Seq::NONE`] if there is none.
    pub after: Seq,
    /// The time of that event.
    pub after_time: Option<Time>,
    /// The first event after it, where a whole frame follows.
    pub before: Option<Seq>,
    /// The time of that event.
    pub before_time: Option<Time>,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { file, offset, what, .. } = self;
        write!(f, "{file} is damaged at byte {offset}: {what}; ")?;
        match (self.before, self.resumes) {
            (Some(before), _) if before == self.after.next() => {
                write!(f, "no event is lost, the next is {before}")
            }
            (Some(before), _) => {
                write!(f, "events {} to #{} cannot be read", self.after.next(), before.0.saturating_sub(1))
            }
            (None, _) => write!(f, "what follows on event {} cannot be read", self.after),
        }?;
        match (self.after_time, self.before_time) {
            (Some(after), Some(before)) => write!(f, " (between {after} and {before})"),
            (Some(after), None) => write!(f, " (after {after})"),
            (None, Some(before)) => write!(f, " (before {before})"),
            (None, None) => Ok(()),
        }
    }
}

/// A torn end: what a writer was writing when it died, or what was cut off since. It is not part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where the log ends, in bytes.
    pub offset: u64,
    /// How many bytes stand after that and are not part of the log.
    pub bytes: u64,
    /// The last event of the log.
    pub last: Seq,
    /// Its time.
    pub last_time: Option<Time>,
    /// The log had been closed: this was not a writer that died, something cut the file later, and committed events may be missing.
    pub was_closed: bool,
    /// How many bytes are missing, where the log was closed and its header says how long it was then.
    pub missing: Option<u64>,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Torn { offset, bytes, last, .. } = self;
        match (self.was_closed, self.missing) {
            (true, Some(missing)) => {
                write!(
                    f,
                    "the log was closed and has been cut since: its last {missing} bytes are missing; "
                )?;
            }
            (true, None) => write!(f, "the log was closed and has been cut since: its end is missing; ")?,
            (false, _) => write!(f, "the last write was cut off: ")?,
        }
        if *bytes > 0 {
            write!(f, "{bytes} bytes from byte {offset} on are not a whole batch and were left out; ")?;
        }
        write!(f, "the log ends at {last}")?;
        match self.last_time {
            Some(time) => write!(f, " ({time})"),
            None => Ok(()),
        }
    }
}
