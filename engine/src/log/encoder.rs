//! Events become the content of a frame, and are folded into the run's digest.

use super::codec::{self, Out, Words};
use super::digest::{Digest, RunHasher, canonical_head};
use super::encode_names::{EncodeNames, NameTables};
use super::error::LogError;
use super::payload::{Delta, Payload};
use crate::event::{Event, Flags};
use crate::names::{Names, Seq};
use crate::time::Time;

/// The bits of a head's flags that are the event's own.
pub(super) const EVENT_FLAGS: u8 = 0x0f;
/// `origin` follows in one word.
pub(super) const ORIGIN: u8 = 0x10;
/// `origin` follows in two words.
pub(super) const ORIGIN_WIDE: u8 = 0x20;
/// `by` follows.
pub(super) const BY: u8 = 0x40;
/// The kind of a head that is no event.
pub(super) const FILLER: u8 = 0;

/// Encodes batches one after the other.
#[derive(Clone, Default)]
pub(super) struct Encoder {
    tables: NameTables,
    delta: Delta,
    payload: Payload,
    hasher: RunHasher,
    last: Seq,
    last_time: Option<Time>,
}

impl Encoder {
    /// An encoder that goes on where a reader ended.
    pub fn after(tables: NameTables, hasher: RunHasher, last: Seq, last_time: Option<Time>) -> Encoder {
        Encoder { tables, hasher, last, last_time, ..Encoder::default() }
    }

    /// The number of the last event.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// The time of the last event.
    pub fn last_time(&self) -> Option<Time> {
        self.last_time
    }

    /// The digest of all events so far.
    pub fn digest(&self) -> Digest {
        self.hasher.digest()
    }

    /// The numbers of the log's dictionary.
    pub fn tables(&self) -> &NameTables {
        &self.tables
    }

    /// For each table of the dictionary this process's numbers in order of the log's.
    pub fn by_number(&self) -> [Vec<u32>; super::dictionary::TABLES] {
        self.tables.by_number()
    }

    /// Encodes a batch; every event gets `marks` in addition to its own. After an error nothing has changed.
    pub fn encode(&mut self, names: &Names, events: &[Event], marks: Flags) -> Result<&Payload, LogError> {
        self.payload.clear();
        self.delta.clear();
        self.delta.base = self.tables.counts();
        self.fold::<true>(names, events, marks)?;
        if !self.delta.is_empty() {
            self.payload.deltas.push(std::mem::take(&mut self.delta));
        }
        Ok(&self.payload)
    }

    /// The same for a batch that is not to be kept.
    pub fn digest_only(&mut self, names: &Names, events: &[Event], marks: Flags) -> Result<(), LogError> {
        self.delta.clear();
        self.fold::<false>(names, events, marks)
    }

    fn fold<const KEEP: bool>(
        &mut self,
        names: &Names,
        events: &[Event],
        marks: Flags,
    ) -> Result<(), LogError> {
        self.check(events)?;
        let mut before = events.first().map_or(0, |event| event.at.0);
        let mut seq = self.last;
        let names =
            EncodeNames { names, tables: &mut self.tables, delta: &mut self.delta, hasher: &mut self.hasher };
        let mut out = Out { words: Words::new(), names, at: Time::default() };
        for event in events {
            seq = seq.next();
            let dt = event.at.0.wrapping_sub(before) as u64;
            let back = if event.cause == Seq::NONE { 0 } else { seq.0 - event.cause.0 };
            before = event.at.0;
            let (kind, extra) = put_event(event, &mut out);
            let words = out.words.as_slice();
            let meta = [kind, event.track as u8, event.flags.with(marks).0 | extra, words.len() as u8];
            if KEEP {
                self.payload.push(dt, back, meta, words);
            }
            let head = canonical_head(event.at.0, back, meta);
            out.names.hasher.whole_event(out.words.headed(head));
        }
        if let Some(last) = events.last() {
            self.last = seq;
            self.last_time = Some(last.at);
        }
        Ok(())
    }

    /// Whether all events can be stored.
    fn check(&self, events: &[Event]) -> Result<(), LogError> {
        let mut before = self.last_time;
        let mut seq = self.last;
        for (position, event) in events.iter().enumerate() {
            seq = seq.next();
            if let Some(before) = before.filter(|&before| event.at < before) {
                return Err(LogError::TimeBackwards { position, at: event.at, before });
            }
            before = Some(event.at);
            if event.cause >= seq {
                let what = format!("its cause {} is not before it ({seq})", event.cause);
                return Err(LogError::BadEvent { position, what });
            }
            if event.flags.0 & !EVENT_FLAGS != 0 {
                let what = format!("its marks {:#04x} are unknown", event.flags.0);
                return Err(LogError::BadEvent { position, what });
            }
        }
        Ok(())
    }
}

/// Writes an event's words; gives its kind and the flags that tell which optional words follow.
fn put_event(event: &Event, out: &mut Out) -> (u8, u8) {
    out.at = event.at;
    out.words.clear();
    let kind = codec::encode(&event.body, out);
    out.words.trim();
    let mut extra = 0;
    if !event.by.is_empty() {
        let by = out.names.sym(event.by);
        out.words.push(by);
        extra |= BY;
    }
    match event.origin.0 {
        0 => {}
        origin if origin <= u64::from(u32::MAX) => {
            out.words.push(origin as u32);
            extra |= ORIGIN;
        }
        origin => {
            out.words.push(origin as u32);
            out.words.push((origin >> 32) as u32);
            extra |= ORIGIN_WIDE;
        }
    }
    (kind, extra)
}

/// The digest of a run that is not written: the same number that a [`super::Writer`] of the same events gives.
#[derive(Clone, Default)]
pub struct Identity {
    encoder: Encoder,
}

impl Identity {
    /// The identity of no events.
    pub fn new() -> Identity {
        Identity::default()
    }

    /// Adds events. `names` is the same dictionary each time, grown or not.
    ///
    /// # Errors
    /// As [`super::Writer::append`]; nothing was added.
    pub fn add(&mut self, names: &Names, events: &[Event]) -> Result<Seq, LogError> {
        self.encoder.digest_only(names, events, Flags::NONE)?;
        Ok(self.encoder.last())
    }

    /// Adds events of a genesis.
    ///
    /// # Errors
    /// As [`super::Writer::append_genesis`]; nothing was added.
    pub fn add_genesis(&mut self, names: &Names, events: &[Event]) -> Result<Seq, LogError> {
        self.encoder.digest_only(names, events, Flags::GENESIS)?;
        Ok(self.encoder.last())
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> Digest {
        self.encoder.digest()
    }
}
