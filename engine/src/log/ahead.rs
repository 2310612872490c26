//! Reading ahead: one thread reads frames and checks them while another makes use of what was read.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use rkyv::util::AlignedVec;

use super::decoder::Decoder;
use super::error::{LogError, Torn};
use super::frame::FrameHeader;
use super::frames::{Frames, Next};
use crate::event::Event;
use crate::names::Names;
use crate::time::Time;

/// How many frames are read ahead at the most.
const AHEAD: usize = 8;

/// Reads a log from its beginning to its end, a few frames ahead of whoever asks.
pub struct ReadAhead {
    frames: Option<Receiver<Result<Read, LogError>>>,
    spent: Sender<AlignedVec>,
    thread: Option<JoinHandle<Frames>>,
    decoder: Decoder,
    torn: Option<Torn>,
    known_until: Option<Time>,
}

/// A frame that was read and checked.
struct Read {
    frame: FrameHeader,
    offset: u64,
    payload: AlignedVec,
}

impl ReadAhead {
    pub(super) fn new(frames: Frames, decoder: Decoder) -> ReadAhead {
        let (to, from) = bounded(AHEAD);
        let (spent, recycled) = bounded(AHEAD + 1);
        let thread = thread::spawn(move || read(frames, &to, &recycled));
        ReadAhead { frames: Some(from), spent, thread: Some(thread), decoder, torn: None, known_until: None }
    }

    /// Reads the next batch, as [`super::Reader::next_batch`] does. Says whether there was one.
    ///
    /// # Errors
    /// As [`super::Reader::next_batch`]; after an error there is nothing more.
    pub fn next_batch(&mut self, names: &mut Names, out: &mut Vec<Event>) -> Result<bool, LogError> {
        out.clear();
        let Some(Ok(read)) = self.frames.as_ref().map(Receiver::recv) else {
            self.finish();
            return Ok(false);
        };
        let decoded = read.and_then(|read| {
            let decoded = self.decoder.decode(&read.frame, read.offset, &read.payload, names, out);
            // A reader that has ended needs no more room.
            let _ = self.spent.try_send(read.payload);
            decoded
        });
        if let Err(error) = decoded {
            out.clear();
            self.finish();
            return Err(error);
        }
        Ok(true)
    }

    /// What stands after the end and is not part of the log. None before the end was reached.
    pub fn recovered(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Until when the log is known to be complete, as [`super::Reader::known_until`] says. None before the end was reached.
    pub fn known_until(&self) -> Option<Time> {
        self.known_until
    }

    fn finish(&mut self) {
        // The thread ends when nobody is there to take what it reads.
        self.frames = None;
        if let Some(Ok(frames)) = self.thread.take().map(JoinHandle::join) {
            self.torn = frames.torn().cloned();
            self.known_until = frames.known_until();
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.finish();
    }
}

fn read(mut frames: Frames, to: &Sender<Result<Read, LogError>>, recycled: &Receiver<AlignedVec>) -> Frames {
    loop {
        let offset = frames.offset();
        let read = match frames.next() {
            Ok(Next::End) => return frames,
            Ok(Next::Frame(frame)) if !frame.kind.has_events() => continue,
            Ok(Next::Frame(frame)) => frames.payload(&frame).map(|bytes| {
                let mut payload = recycled.try_recv().unwrap_or_default();
                payload.clear();
                payload.extend_from_slice(bytes);
                Read { frame, offset, payload }
            }),
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if to.send(read).is_err() || failed {
            return frames;
        }
    }
}
