//! Finding the last checkpoint or index of a log without reading all of it.

use super::close::{Closing, close_len};
use super::error::LogError;
use super::format::{FRAME_HEADER_LEN, FRAME_TRAILER_LEN, FrameKind, padded};
use super::frames::Frames;
use super::header::State;

/// What a closed log says at its end.
pub(super) fn closing(frames: &mut Frames) -> Result<Option<Closing>, LogError> {
    let payload_len = padded(close_len(frames.header().version) as u64);
    let frame_len = FRAME_HEADER_LEN as u64 + payload_len + FRAME_TRAILER_LEN as u64;
    let len = frames.len()?;
    let Some(at) = len.checked_sub(frame_len) else { return Ok(None) };
    let header = frames.header();
    // A log that was cut where it had been closed earlier says nothing of the frames that are not there.
    if header.state != State::Closed || header.end().is_some_and(|end| end != len) {
        return Ok(None);
    }
    let close = frames.payload_at(at, FrameKind::Close)?;
    Ok(close.and_then(|(_, _, payload)| Closing::read(payload)))
}

/// Where the last checkpoint or the last index begins, or 0: a log that was closed says it at its end, others are walked
/// through from where the frames are.
pub(super) fn last(frames: &mut Frames, kind: FrameKind) -> Result<u64, LogError> {
    if let Some(closing) = closing(frames)? {
        return Ok(if kind == FrameKind::Index { closing.index } else { closing.checkpoint });
    }
    let len = frames.len()?;
    let (mut at, mut last) = (frames.offset(), 0);
    while let Some((frame, _)) = frames.glance(at, 0)? {
        if frame.kind == kind && at + frame.frame_len() <= len {
            last = at;
        }
        at += frame.frame_len();
    }
    Ok(last)
}
