//! Checking a log without making events of it: as fast as its checksum is computed.

use super::error::{LogError, Torn};
use super::format::FrameKind;
use super::frames::{Frames, Next};
use super::payload;
use super::storage::Storage;
use crate::names::Seq;
use crate::time::Time;

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Frames.
    pub frames: u64,
    /// The last event.
    pub last: Seq,
    /// Its time.
    pub last_time: Option<Time>,
    /// What stands after the end and is not part of the log.
    pub torn: Option<Torn>,
}

/// Checks every frame: its checksum, its digest, its place in the chain, and that its archive lies within its bytes and holds
/// as many events as the frame says. What the events say is not looked at; [`super::verify()`] does that.
///
/// # Errors
/// Those of [`super::Reader::next_batch`], but for what is wrong with single events.
pub fn scan(storage: Box<dyn Storage>) -> Result<Scanned, LogError> {
    let mut frames = Frames::open(storage)?;
    let mut scanned = Scanned::default();
    loop {
        let offset = frames.offset();
        let Next::Frame(frame) = frames.next()? else { break };
        scanned.frames += 1;
        if matches!(frame.kind, FrameKind::Genesis | FrameKind::Events) {
            let bad = |what| LogError::BadRecord { offset, seq: frame.first, what };
            let batch = payload::access(frames.payload(&frame)?)
                .map_err(|e| bad(format!("its archive is wrong: {e}")))?;
            if (batch.heads.len() as u64) < u64::from(frame.events) {
                return Err(bad("it has fewer events than its frame says".to_owned()));
            }
        }
    }
    (scanned.last, scanned.last_time) = (frames.last(), frames.last_time());
    scanned.torn = frames.torn().cloned();
    Ok(scanned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::MemoryStorage;

    #[test]
    fn a_scan_finds_what_reading_finds() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../traces/lesson.tape");
        let whole = std::fs::read(path).unwrap();
        let scan = |bytes: &[u8]| scan(Box::new(MemoryStorage::from_bytes(bytes.to_vec())));
        let scanned = scan(&whole).unwrap();
        assert_eq!((scanned.last, scanned.torn), (Seq(266), None));
        for at in (64..whole.len()).step_by(101) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(scan(&bytes).is_err(), "byte {at}");
        }
        assert!(scan(&whole[..whole.len() - 1]).unwrap().torn.is_some());
    }
}
