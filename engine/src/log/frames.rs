//! Frames one after the other, each checked before anything in it is believed.

use super::close::Closing;
use super::digest::Digest;
use super::error::{Damage, LogError, Torn};
use super::format::{FILE_HEADER_LEN, FRAME_HEADER_LEN, FRAME_MAGIC, FrameKind};
use super::frame::FrameHeader;
use super::header::{FIXED_LEN, FileHeader, State};
use super::storage::{Storage, read_full};
use super::window::Window;
use crate::names::Seq;
use crate::time::Time;

/// What stands at an offset.
pub(super) enum Found {
    /// A whole frame, and its digest.
    Frame(FrameHeader, Digest),
    /// Nothing: the file ends there.
    End,
    /// The file ends within a frame.
    Short,
    /// Bytes that are not a whole frame, or not the one that belongs there.
    Bad(&'static str),
}

/// What comes next in a log.
pub(super) enum Next {
    /// A whole frame; its payload is at hand.
    Frame(FrameHeader),
    /// The log ends here, so far.
    End,
}

/// What a walk over a damaged log meets.
pub(super) enum Walked {
    /// A whole frame and its offset.
    Frame(u64, FrameHeader),
    /// A damaged place; the walk goes on where it says.
    Damage(Box<Damage>),
}

/// A log's frames in order.
pub(super) struct Frames {
    file: String,
    window: Window,
    header: FileHeader,
    /// Where the next frame begins.
    offset: u64,
    /// The digest of the frame before.
    chain: Digest,
    last: Seq,
    last_time: Option<Time>,
    last_kind: Option<FrameKind>,
    /// Where the last checkpoint that was passed begins, or 0.
    checkpoint: u64,
    /// Where the last index that was passed begins, or 0.
    index: u64,
    /// What the last close that was passed says.
    known_until: Option<Time>,
    torn: Option<Torn>,
    /// Whether it was said that more follows where the log was closed.
    overrun_said: bool,
}

/// A frame, its digest and its payload.
type Whole<'a> = (FrameHeader, Digest, &'a [u8]);

impl Frames {
    /// Reads the file header.
    pub fn open(storage: Box<dyn Storage>) -> Result<Frames, LogError> {
        let mut window = Window::new(storage);
        let file = window.storage.name().to_owned();
        let len = window.storage.len().map_err(unread(&file))?;
        let bytes = window.get(0, FILE_HEADER_LEN).map_err(unread(&file))?;
        let header = FileHeader::read(bytes, &file, len)?;
        let chain = Digest::of(&bytes[..FIXED_LEN]);
        Ok(Frames {
            file,
            window,
            header,
            offset: FILE_HEADER_LEN as u64,
            chain,
            last: Seq::NONE,
            last_time: None,
            last_kind: None,
            checkpoint: 0,
            index: 0,
            known_until: None,
            torn: None,
            overrun_said: false,
        })
    }

    /// The frames of a file whose header is damaged; they are found wherever they are.
    pub fn open_damaged(storage: Box<dyn Storage>) -> Frames {
        let header = FileHeader::new();
        let chain = Digest::of(&header.to_bytes()[..FIXED_LEN]);
        Frames {
            file: storage.name().to_owned(),
            window: Window::new(storage),
            header,
            offset: FILE_HEADER_LEN as u64,
            chain,
            last: Seq::NONE,
            last_time: None,
            last_kind: None,
            checkpoint: 0,
            index: 0,
            known_until: None,
            torn: None,
            overrun_said: false,
        }
    }

    pub fn name(&self) -> &str {
        &self.file
    }

    pub fn header(&self) -> FileHeader {
        self.header
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn chain(&self) -> Digest {
        self.chain
    }

    pub fn last(&self) -> Seq {
        self.last
    }

    pub fn last_time(&self) -> Option<Time> {
        self.last_time
    }

    pub fn last_kind(&self) -> Option<FrameKind> {
        self.last_kind
    }

    /// Where the last checkpoint that was passed begins, or 0.
    pub fn checkpoint(&self) -> u64 {
        self.checkpoint
    }

    /// Where the last index that was passed begins, or 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Until when the log is known, as far as it was read.
    pub fn known_until(&self) -> Option<Time> {
        self.known_until.max(self.last_time)
    }

    /// How many bytes are read at least at once: many for reading on, few for looking here and there.
    pub fn read_at_least(&mut self, bytes: usize) {
        self.window.ahead = bytes;
    }

    /// What stands after the log's end and is not part of it.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    pub fn is_being_written(&self) -> bool {
        self.window.storage.has_writer()
    }

    pub fn into_storage(self) -> Box<dyn Storage> {
        self.window.storage
    }

    pub fn len(&self) -> Result<u64, LogError> {
        self.window.storage.len().map_err(unread(&self.file))
    }

    /// Gives the next frame. At the end it can be asked again later: the log may have grown.
    pub fn next(&mut self) -> Result<Next, LogError> {
        self.torn = None;
        let mut found = self.find(self.offset)?;
        if !matches!(found, Found::Frame(..)) {
            // What was read ahead may have been written since.
            self.window.forget();
            self.refresh_header()?;
            found = self.find(self.offset)?;
        }
        if self.overruns(&found)? {
            self.overrun_said = true;
            return Err(self.damage("the log was closed there, and more follows")?);
        }
        match found {
            Found::Frame(frame, digest) => {
                match self.misplaced(&frame) {
                    Some(what) => return Err(self.damage(what)?),
                    None => self.pass(&frame, digest),
                }
                if frame.kind == FrameKind::Close {
                    self.known_until =
                        Closing::read(self.payload(&frame)?).and_then(|close| close.known_until);
                }
                Ok(Next::Frame(frame))
            }
            Found::End => self.ended(),
            Found::Short => match self.resync(self.offset + 1)? {
                None => self.ended(),
                Some(_) => {
                    Err(self.damage("a frame is longer than what follows, and whole frames are in it")?)
                }
            },
            Found::Bad(what) => {
                // A frame that is being written is not whole yet.
                let unfinished = self.header.state == State::Open
                    && (self.window.storage.has_writer() || self.unwritten()?)
                    && self.resync(self.offset + 1)?.is_none();
                if unfinished { self.ended() } else { Err(self.damage(what)?) }
            }
        }
    }

    /// Whether something follows where the header says that the log was closed.
    fn overruns(&mut self, found: &Found) -> Result<bool, LogError> {
        let closed_here = |header: &FileHeader, offset| header.end() == Some(offset);
        if matches!(found, Found::End) || self.overrun_said || !closed_here(&self.header, self.offset) {
            return Ok(false);
        }
        // A writer says that it goes on before it does: read now, the header is not older than what was found.
        self.refresh_header()?;
        Ok(closed_here(&self.header, self.offset))
    }

    /// The payload of the frame that [`Frames::next`] gave last.
    pub fn payload(&mut self, frame: &FrameHeader) -> Result<&[u8], LogError> {
        self.found_payload(self.offset - frame.frame_len(), frame)
    }

    /// Goes on after a frame, wherever it was found.
    fn pass(&mut self, frame: &FrameHeader, digest: Digest) {
        match frame.kind {
            FrameKind::Checkpoint => self.checkpoint = self.offset,
            FrameKind::Index => self.index = self.offset,
            _ => {}
        }
        self.offset += frame.frame_len();
        self.chain = digest;
        self.last_kind = Some(frame.kind);
        if frame.kind.has_events() {
            self.last = Seq(frame.next().0 - 1);
            self.last_time = Some(frame.last_time);
        }
    }

    /// Goes behind a frame that was found to be whole, and holds no events: what follows is checked against it.
    pub fn resume_after(&mut self, offset: u64, frame: &FrameHeader, digest: Digest) {
        self.offset = offset;
        self.last = Seq(frame.first.0 - 1);
        self.last_time = (frame.first.0 > 1).then_some(frame.last_time);
        self.pass(frame, digest);
    }

    /// The payload of a whole frame at an offset, if one of that kind is there.
    pub fn payload_at(&mut self, offset: u64, kind: FrameKind) -> Result<Option<Whole<'_>>, LogError> {
        match self.find(offset)? {
            Found::Frame(frame, digest) if frame.kind == kind => {
                Ok(Some((frame, digest, self.found_payload(offset, &frame)?)))
            }
            _ => Ok(None),
        }
    }

    /// The payload of the frame that [`Frames::find`] found last, at an offset.
    pub fn found_payload(&mut self, offset: u64, frame: &FrameHeader) -> Result<&[u8], LogError> {
        let at = offset + FRAME_HEADER_LEN as u64;
        self.window.get(at, frame.len as usize).map_err(unread(&self.file))
    }

    /// The header of a frame and the beginning of its payload, on no more evidence than the header's checksum.
    pub fn glance(&mut self, offset: u64, len: usize) -> Result<Option<(FrameHeader, &[u8])>, LogError> {
        let bytes = self.window.peek(offset, FRAME_HEADER_LEN + len).map_err(unread(&self.file))?;
        let Some((header, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        Ok(FrameHeader::read(header).ok().map(|frame| (frame, rest)))
    }

    /// Goes to a frame beyond damage; what follows is checked against it.
    fn jump(&mut self, offset: u64, frame: &FrameHeader) {
        self.offset = offset;
        self.chain = frame.previous;
        self.last = Seq(frame.first.0 - 1);
        self.last_time = None;
    }

    /// What stands at an offset, its place in the chain aside.
    pub fn find(&mut self, offset: u64) -> Result<Found, LogError> {
        let bytes = self.window.get(offset, FRAME_HEADER_LEN).map_err(unread(&self.file))?;
        if bytes.is_empty() {
            return Ok(Found::End);
        }
        let Ok(header) = <&[u8; FRAME_HEADER_LEN]>::try_from(bytes) else { return Ok(Found::Short) };
        let header = *header;
        let frame = match FrameHeader::read(&header) {
            Ok(frame) => frame,
            Err(what) => return Ok(Found::Bad(what)),
        };
        let whole = self.window.get(offset, frame.frame_len() as usize).map_err(unread(&self.file))?;
        if (whole.len() as u64) < frame.frame_len() {
            return Ok(Found::Short);
        }
        Ok(match frame.check(whole) {
            Some(digest) => Found::Frame(frame, digest),
            None => Found::Bad("the digest of a frame does not match"),
        })
    }

    /// Why a whole frame is not the one that belongs here.
    fn misplaced(&self, frame: &FrameHeader) -> Option<&'static str> {
        if frame.previous != self.chain {
            Some("a whole frame is not the one that follows on the frame before it")
        } else if frame.first != self.last.next() {
            Some("a whole frame has other sequence numbers than the next")
        } else if frame.kind.has_events()
            && (frame.last_time < frame.first_time || self.last_time.is_some_and(|t| frame.first_time < t))
        {
            Some("a whole frame lies before the time of the frame before it")
        } else {
            None
        }
    }

    /// As [`Frames::next`], but goes on behind damage. None at the end.
    pub fn next_or_damage(&mut self) -> Result<Option<Walked>, LogError> {
        let offset = self.offset;
        match self.next() {
            Ok(Next::Frame(frame)) => Ok(Some(Walked::Frame(offset, frame))),
            Ok(Next::End) => Ok(None),
            Err(LogError::Damaged(damage)) => {
                match damage.resumes.map(|offset| self.find(offset)).transpose()? {
                    Some(Found::Frame(frame, _)) => self.jump(damage.resumes.unwrap_or(offset), &frame),
                    _ => self.offset = self.len()?,
                }
                Ok(Some(Walked::Damage(damage)))
            }
            Err(e) => Err(e),
        }
    }

    /// The first whole frame at or after an offset, wherever damage has moved it.
    pub fn resync(&mut self, from: u64) -> Result<Option<(u64, FrameHeader)>, LogError> {
        const CHUNK: usize = 64 << 10;
        let len = self.len()?;
        let mut at = from;
        while at + FRAME_HEADER_LEN as u64 <= len {
            let chunk = self.window.peek(at, CHUNK).map_err(unread(&self.file))?;
            if chunk.len() < FRAME_HEADER_LEN {
                break;
            }
            let found = chunk.windows(FRAME_MAGIC.len()).position(|bytes| bytes == FRAME_MAGIC);
            let Some(position) = found else {
                at += (chunk.len() - (FRAME_MAGIC.len() - 1)) as u64;
                continue;
            };
            at += position as u64;
            if let Found::Frame(frame, _) = self.find(at)? {
                return Ok(Some((at, frame)));
            }
            at += 1;
        }
        Ok(None)
    }

    /// The error for damage at the present offset.
    pub fn damage(&mut self, what: &'static str) -> Result<LogError, LogError> {
        let resumed = match self.find(self.offset)? {
            Found::Frame(frame, _) => Some((self.offset, frame)),
            _ => self.resync(self.offset + 1)?,
        };
        let timed = resumed.filter(|(_, frame)| frame.kind.has_events());
        Ok(LogError::Damaged(Box::new(Damage {
            file: self.file.clone(),
            offset: self.offset,
            resumes: resumed.map(|(offset, _)| offset),
            after: self.last,
            after_time: self.last_time,
            before: resumed.map(|(_, frame)| frame.first),
            before_time: timed.map(|(_, frame)| frame.first_time),
            what,
        })))
    }

    /// The end of what is whole: says whether something was lost there.
    fn ended(&mut self) -> Result<Next, LogError> {
        // What was read of the file may be written again before it is asked next.
        self.window.forget();
        self.refresh_header()?;
        let len = self.len()?;
        // What was said of its end before is not said again.
        let was_closed = self.header.state == State::Closed && !self.overrun_said;
        let ends_here = !was_closed
            || (self.last_kind == Some(FrameKind::Close)
                && self.header.end().is_none_or(|end| end == self.offset));
        let complete = len == self.offset && ends_here;
        // While a writer is at it, an unfinished end is only unfinished; and it may have been finished by now.
        if !complete
            && !self.window.storage.has_writer()
            && !matches!(self.find(self.offset)?, Found::Frame(..))
            && (was_closed || !self.room_to_end()?)
        {
            let (offset, last, last_time) = (self.offset, self.last, self.last_time);
            let bytes = len.saturating_sub(offset);
            let missing = self.header.end().map(|end| end.saturating_sub(len));
            self.torn = Some(Torn { offset, bytes, last, last_time, was_closed, missing });
        }
        Ok(Next::End)
    }

    /// Reads the header's state anew.
    fn refresh_header(&mut self) -> Result<(), LogError> {
        let mut bytes = [0; FILE_HEADER_LEN];
        let len = self.len()?;
        let storage = &*self.window.storage;
        let read = read_full(storage, 0, &mut bytes).map_err(unread(&self.file))?;
        // A header that is damaged was so before, or is being written.
        if let Ok(header) = FileHeader::read(&bytes[..read], &self.file, len) {
            (self.header.state, self.header.closed_len) = (header.state, header.closed_len);
        }
        Ok(())
    }

    /// Whether a frame that is not whole was not written out: its end is zero, or, where a machine stopped, a disk sector of it,
    /// as none of a whole frame is. Of a frame without a right header only the header is known to be a part.
    fn unwritten(&mut self) -> Result<bool, LogError> {
        const SECTOR: u64 = 512;
        const SHORTEST: usize = 16;
        // Half of a digest; of a header, its checksum and what follows.
        const TAIL: u64 = 8;
        let offset = self.offset;
        let extent = match self.glance(offset, 0)? {
            Some((frame, _)) => frame.frame_len(),
            None => FRAME_HEADER_LEN as u64,
        };
        let end = (offset + extent).min(self.len()?);
        let tail = self.window.get(end - TAIL, TAIL as usize).map_err(unread(&self.file))?;
        if tail.iter().all(|&byte| byte == 0) {
            return Ok(true);
        }
        let mut at = offset;
        while at < end {
            let next = (at - at % SECTOR + SECTOR).min(end);
            let sector = self.window.get(at, (next - at) as usize).map_err(unread(&self.file))?;
            if sector.len() >= SHORTEST && sector.iter().all(|&byte| byte == 0) {
                return Ok(true);
            }
            at = next;
        }
        Ok(false)
    }

    /// Whether there is nothing but zeros from the present offset on: room that a writer took ahead.
    fn room_to_end(&mut self) -> Result<bool, LogError> {
        const CHUNK: usize = 64 << 10;
        let mut at = self.offset;
        loop {
            let chunk = self.window.peek(at, CHUNK).map_err(unread(&self.file))?;
            if chunk.is_empty() {
                return Ok(true);
            }
            if chunk.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            at += chunk.len() as u64;
        }
    }
}

fn unread(file: &str) -> impl FnOnce(std::io::Error) -> LogError + use<'_> {
    move |source| LogError::Io { what: "read", file: file.to_owned(), source }
}
