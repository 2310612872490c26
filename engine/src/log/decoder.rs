//! The content of a frame becomes events again.

use rkyv::rend::u32_le;

use super::codec::{self, In};
use super::decode_names::{LogNames, Wrong};
use super::digest::{RunHasher, canonical_head};
use super::encoder::{BY, EVENT_FLAGS, FILLER, ORIGIN, ORIGIN_WIDE};
use super::error::LogError;
use super::frame::FrameHeader;
use super::frames::{Found, Frames};
use super::payload::{self, ArchivedHead, ArchivedPayload};
use crate::event::{Event, Flags, Track};
use crate::names::{Names, Seq};
use crate::time::Time;

/// Decodes batches one after the other, from the log's first.
#[derive(Default)]
pub(super) struct Decoder {
    pub names: LogNames,
    /// Folds in the events, when the digest is wanted.
    pub hasher: Option<RunHasher>,
}

/// An event that does not read.
enum Unreadable {
    Kind(u8),
    Wrong(Wrong),
}

impl From<Wrong> for Unreadable {
    fn from(wrong: Wrong) -> Unreadable {
        Unreadable::Wrong(wrong)
    }
}

impl Decoder {
    /// Takes in the names of a batch and adds its events to `out`. `offset` is for errors, after which the decoder
    /// is not fit for use.
    pub fn decode(
        &mut self,
        frame: &FrameHeader,
        offset: u64,
        payload: &[u8],
        names: &mut Names,
        out: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        let bad = |seq: Seq, what: Wrong| LogError::BadRecord { offset, seq, what: what.into() };
        let first = frame.first;
        let batch =
            payload::access(payload).map_err(|e| bad(first, format!("its archive is wrong: {e}").into()))?;
        match batch.deltas.as_slice() {
            [] => {}
            [delta] => {
                self.names.learn(delta, names, &mut self.hasher).map_err(|what| bad(first, what))?;
            }
            _ => return Err(bad(first, "it has several lists of names".into())),
        }
        self.batch(batch, frame, offset, out)
    }

    /// As [`Decoder::decode`], of a batch whose names are known already.
    fn decode_known(
        &mut self,
        frame: &FrameHeader,
        offset: u64,
        payload: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        let batch = payload::access(payload).map_err(|e| {
            let what = format!("its archive is wrong: {e}");
            LogError::BadRecord { offset, seq: frame.first, what }
        })?;
        self.batch(batch, frame, offset, out)
    }

    /// Reads the batch at an offset, whose names are known already and whose first event has a number; `out` is empty. The
    /// digest, if one is wanted, is left as it is.
    pub fn decode_at(
        &mut self,
        frames: &mut Frames,
        offset: u64,
        first: Seq,
        out: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        let bad = |what: &str| LogError::BadRecord { offset, seq: first, what: what.to_owned() };
        let frame = match frames.find(offset)? {
            Found::Frame(frame, _) if frame.kind.has_events() && frame.first == first => frame,
            Found::Frame(..) => return Err(bad("another frame stands where it should be")),
            Found::Bad(what) => return Err(bad(what)),
            Found::End | Found::Short => return Err(bad("the log has been cut")),
        };
        let payload = frames.found_payload(offset, &frame)?;
        let hasher = self.hasher.take();
        let decoded = self.decode_known(&frame, offset, payload, out);
        self.hasher = hasher;
        decoded.inspect_err(|_| out.clear())
    }

    fn batch(
        &mut self,
        batch: &ArchivedPayload,
        frame: &FrameHeader,
        offset: u64,
        out: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        let bad = |seq: Seq, what: Wrong| LogError::BadRecord { offset, seq, what: what.into() };
        // Not what the header says: it is believed only after this.
        out.reserve(batch.heads.len());
        let mut seq = Seq(frame.first.0 - 1);
        self.events(batch, frame, &mut seq, out).map_err(|unreadable| match unreadable {
            Unreadable::Kind(code) => LogError::UnknownKind { seq, code },
            Unreadable::Wrong(what) => bad(seq, what),
        })
    }

    fn events(
        &mut self,
        batch: &ArchivedPayload,
        frame: &FrameHeader,
        seq: &mut Seq,
        out: &mut Vec<Event>,
    ) -> Result<(), Unreadable> {
        let mut words: &[u32_le] = &batch.words;
        let mut at = frame.first_time;
        let (mut dt_high, mut back_high) = (0, 0);
        for head in batch.heads.iter() {
            if head.kind == FILLER {
                dt_high = u64::from(head.dt_us.to_native()) << 32;
                back_high = u64::from(head.cause_back.to_native()) << 32;
                continue;
            }
            *seq = seq.next();
            let dt = dt_high | u64::from(head.dt_us.to_native());
            let back = back_high | u64::from(head.cause_back.to_native());
            (dt_high, back_high) = (0, 0);
            at = Time(at.0.wrapping_add(dt as i64));
            let (mine, rest) = words
                .split_at_checked(usize::from(head.words))
                .ok_or_else(|| Wrong::from("its words are cut off"))?;
            words = rest;
            out.push(self.event(head, at, *seq, back, mine)?);
            if let Some(hasher) = &mut self.hasher {
                let meta = [head.kind, head.track, head.flags, head.words];
                hasher.event(canonical_head(at.0, back, meta), mine.iter().map(|word| word.to_native()));
            }
        }
        if !words.is_empty() {
            return Err(Wrong::from("words follow its last event").into());
        }
        if at != frame.last_time || seq.0 + 1 != frame.first.0 + u64::from(frame.events) {
            return Err(Wrong::from("the frame's header says something else").into());
        }
        Ok(())
    }

    fn event(
        &self,
        head: &ArchivedHead,
        at: Time,
        seq: Seq,
        back: u64,
        words: &[u32_le],
    ) -> Result<Event, Unreadable> {
        let (fields, by, origin) = split(words, head.flags)?;
        let cause = match back {
            0 => Seq::NONE,
            _ if back >= seq.0 => {
                return Err(Wrong::from(format!("its cause is {back} events before it")).into());
            }
            _ => Seq(seq.0 - back),
        };
        let mut input = In { words: fields, names: &self.names, at };
        let body = codec::decode(head.kind, &mut input).ok_or(Unreadable::Kind(head.kind))??;
        if !input.words.is_empty() {
            let (more, kind) = (input.words.len(), body.kind());
            return Err(
                Wrong::from(format!("{kind} has {more} words that this kubetape does not know")).into()
            );
        }
        let track = Track::from_number(head.track)
            .ok_or_else(|| Wrong::from(format!("track {} is unknown", head.track)))?;
        Ok(Event {
            at,
            cause,
            origin,
            by: self.names.sym(by)?,
            track,
            flags: Flags(head.flags & EVENT_FLAGS),
            body,
        })
    }
}

/// Parts an event's words into its fields, `by` and `origin`.
fn split(words: &[u32_le], flags: u8) -> Result<(&[u32_le], u32, Seq), Wrong> {
    let cut_off = || Wrong::from("its optional words are cut off");
    let (words, origin) = match flags & (ORIGIN | ORIGIN_WIDE) {
        0 => (words, Seq::NONE),
        ORIGIN => {
            let [rest @ .., origin] = words else { return Err(cut_off()) };
            (rest, Seq(u64::from(origin.to_native())))
        }
        _ => {
            let [rest @ .., low, high] = words else { return Err(cut_off()) };
            (rest, Seq(u64::from(low.to_native()) | (u64::from(high.to_native()) << 32)))
        }
    };
    match (flags & BY, words) {
        (0, fields) => Ok((fields, 0, origin)),
        (_, [fields @ .., by]) => Ok((fields, by.to_native(), origin)),
        _ => Err(cut_off()),
    }
}
