//! Salvaging what is whole of a damaged log.

use std::fmt;
use std::path::Path;

use super::decoder::Decoder;
use super::error::{Damage, LogError, Torn};
use super::file::FileStorage;
use super::format::FrameKind;
use super::frames::{Frames, Walked};
use super::payload;
use super::verify::{Open, open_anyhow};
use super::writer::Writer;
use crate::event::Event;
use crate::names::{Names, Seq};

/// What a repair saved and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Events in the new log. They are numbered anew where some are missing before them; their old numbers are their origins.
    pub events: u64,
    /// Events that are surely missing, by the sequence numbers of what is left.
    pub missing: u64,
    /// Names of which the texts are missing; events that use them say `lost-…` instead.
    pub lost_names: u64,
    /// What was wrong with the file header.
    pub header: Option<String>,
    /// The damaged places.
    pub damages: Vec<Damage>,
    /// Whole frames that do not read and were left out.
    pub unreadable: Vec<String>,
    /// Whole frames that repeat earlier ones and were left out.
    pub repeated: u64,
    /// A torn end, left out.
    pub torn: Option<Torn>,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "saved {} events; {} are missing", self.events, self.missing)?;
        for damage in &self.damages {
            writeln!(f, "missing: {damage}")?;
        }
        for what in self.header.iter().chain(&self.unreadable) {
            writeln!(f, "left out: {what}")?;
        }
        if let Some(torn) = &self.torn {
            writeln!(f, "left out: {torn}")?;
        }
        if self.repeated > 0 {
            writeln!(f, "left out: {} frames that repeat earlier ones", self.repeated)?;
        }
        if self.lost_names > 0 {
            writeln!(f, "{} names were lost with what is missing; they read lost-… now", self.lost_names)?;
        }
        Ok(())
    }
}

/// Writes all whole frames of a damaged log to a new one, which is left to be closed, and says what is missing. A cause that is
/// missing becomes none.
///
/// # Errors
/// [`LogError::Io`], and those of [`super::verify`].
pub fn repair(bad: &Path, good: &mut Writer) -> Result<Repaired, LogError> {
    Salvage::begin(&|| Ok(Box::new(FileStorage::open_to_read(bad)?)))?.run(good)
}

/// A walk that saves frames.
pub(super) struct Salvage {
    frames: Frames,
    /// For each damaged place, how many names each table has where the next new names follow; by these it is known
    /// which numbers the lost names had.
    bases: std::vec::IntoIter<Option<[u32; 7]>>,
    decoder: Decoder,
    names: Names,
    /// Pieces of the sequence that were saved: (first old number, first new number), ascending.
    pieces: Vec<(u64, u64)>,
    repaired: Repaired,
}

impl Salvage {
    /// Looks through the log once for what the lost names' numbers were.
    pub fn begin(open: Open) -> Result<Salvage, LogError> {
        let (mut frames, header) = open_anyhow(open)?;
        let mut bases = Vec::new();
        while let Some(walked) = frames.next_or_damage()? {
            match walked {
                Walked::Damage(_) => bases.push(None),
                Walked::Frame(_, frame) if frame.kind.has_events() => {
                    let batch = payload::access(frames.payload(&frame)?);
                    let delta = batch.ok().and_then(|batch| batch.deltas.first());
                    let base = delta.map(|delta| delta.base.map(|count| count.to_native()));
                    bases.iter_mut().rev().take_while(|b| b.is_none()).for_each(|b| *b = base);
                }
                Walked::Frame(..) => {}
            }
        }
        let (frames, _) = open_anyhow(open)?;
        Ok(Salvage {
            frames,
            bases: bases.into_iter(),
            decoder: Decoder::default(),
            names: Names::new(),
            pieces: Vec::new(),
            repaired: Repaired { header, ..Repaired::default() },
        })
    }

    /// Writes what is whole.
    pub fn run(mut self, writer: &mut Writer) -> Result<Repaired, LogError> {
        let mut events = Vec::new();
        let mut seen = Seq::NONE;
        let mut time = None;
        // Frames without events say, too, how many there were before them.
        let mut next = Seq::NONE;
        while let Some(walked) = self.frames.next_or_damage()? {
            let (offset, frame) = match walked {
                Walked::Frame(offset, frame) => (offset, frame),
                Walked::Damage(damage) => {
                    self.repaired.damages.push(*damage);
                    let base = self.bases.next().flatten();
                    self.repaired.lost_names += self.decoder.names.stand_in(base, &mut self.names);
                    continue;
                }
            };
            next = next.max(frame.first);
            if !frame.kind.has_events() {
                continue;
            }
            if frame.first <= seen {
                self.repaired.repeated += 1;
                continue;
            }
            events.clear();
            let payload = self.frames.payload(&frame)?;
            let decoded = self.decoder.decode(&frame, offset, payload, &mut self.names, &mut events);
            let out_of_time = time.is_some_and(|time| frame.first_time < time);
            if let Err(e) = decoded {
                self.repaired.unreadable.push(e.to_string());
                continue;
            } else if out_of_time {
                self.repaired
                    .unreadable
                    .push(format!("the frame at byte {offset} lies before the one before it"));
                continue;
            }
            self.repaired.missing += frame.first.0 - seen.0 - 1;
            (seen, time) = (Seq(frame.next().0 - 1), Some(frame.last_time));
            self.renumber(&mut events, frame.first, writer.last().next());
            match frame.kind {
                FrameKind::Genesis => writer.append_genesis(&self.names, &events)?,
                _ => writer.append(&self.names, &events)?,
            };
        }
        self.repaired.missing += next.0.saturating_sub(seen.next().0);
        self.repaired.events = writer.last().0;
        self.repaired.torn = self.frames.torn().cloned();
        Ok(self.repaired)
    }

    /// Gives events that were numbered from `old` the numbers from `new`.
    fn renumber(&mut self, events: &mut [Event], old: Seq, new: Seq) {
        let shift = old.0 - new.0;
        if self.pieces.last().is_none_or(|&(o, n)| o - n != shift) {
            self.pieces.push((old.0, new.0));
        }
        for (i, event) in events.iter_mut().enumerate() {
            if shift > 0 && event.origin == Seq::NONE {
                event.origin = Seq(old.0 + i as u64);
            }
            event.cause = self.moved(event.cause);
        }
    }

    /// The new number of an old one; none if it was not saved.
    fn moved(&self, old: Seq) -> Seq {
        let after = self.pieces.partition_point(|&(o, _)| o <= old.0);
        let Some(&(o, n)) = after.checked_sub(1).and_then(|i| self.pieces.get(i)) else { return Seq::NONE };
        let moved = n + (old.0 - o);
        match self.pieces.get(after) {
            Some(&(_, next)) if moved >= next => Seq::NONE,
            _ => Seq(moved),
        }
    }
}
