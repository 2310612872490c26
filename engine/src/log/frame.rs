//! Frames: what makes a batch one thing that is there as a whole or not at all.

use xxhash_rust::xxh3::xxh3_128;

use super::digest::Digest;
use super::format::{FRAME_HEADER_LEN, FRAME_MAGIC, FRAME_TRAILER_LEN, FrameKind, PAYLOAD_MAX, padded};
use crate::names::Seq;
use crate::time::Time;

/// A frame's header. See [`super::format`] for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub kind: FrameKind,
    /// The length of the payload without padding.
    pub len: u32,
    /// How many events the frame holds.
    pub events: u32,
    /// The first of them, or the next to come.
    pub first: Seq,
    pub first_time: Time,
    pub last_time: Time,
    /// The digest of the frame before.
    pub previous: Digest,
}

/// The bytes of a header that its checksum covers, and the digest with the payload.
const CHECKED: usize = 56;

impl FrameHeader {
    /// The length of the whole frame.
    pub fn frame_len(&self) -> u64 {
        FRAME_HEADER_LEN as u64 + padded(u64::from(self.len)) + FRAME_TRAILER_LEN as u64
    }

    /// The number of the event after this frame's.
    pub fn next(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.events))
    }

    pub fn to_bytes(self) -> [u8; FRAME_HEADER_LEN] {
        let mut bytes = [0; FRAME_HEADER_LEN];
        bytes[..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4] = self.kind as u8;
        bytes[8..12].copy_from_slice(&self.len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.events.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_time.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last_time.0.to_le_bytes());
        bytes[40..CHECKED].copy_from_slice(&self.previous.0.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..CHECKED]);
        bytes[56..60].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; what is wrong if it is not one.
    pub fn read(bytes: &[u8; FRAME_HEADER_LEN]) -> Result<FrameHeader, &'static str> {
        if bytes[..4] != FRAME_MAGIC {
            return Err("no frame begins there");
        }
        let u32_at = |at: usize| u32::from_le_bytes(array(bytes, at));
        let u64_at = |at: usize| u64::from_le_bytes(array(bytes, at));
        if crc32fast::hash(&bytes[..CHECKED]) != u32_at(56) {
            return Err("the checksum of a frame's header does not match");
        }
        let header = FrameHeader {
            kind: FrameKind::from_number(bytes[4]).ok_or("a frame is of an unknown kind")?,
            len: u32_at(8),
            events: u32_at(12),
            first: Seq(u64_at(16)),
            first_time: Time(u64_at(24) as i64),
            last_time: Time(u64_at(32) as i64),
            previous: Digest(u128::from_le_bytes(array(bytes, 40))),
        };
        let sound = bytes[5..8] == [0; 3]
            && bytes[60..] == [0; 4]
            && header.len as usize <= PAYLOAD_MAX
            && header.first.0 > 0
            && header.first.0 < 1 << 62
            && header.kind.has_events() == (header.events > 0);
        if sound { Ok(header) } else { Err("a frame's header says what cannot be") }
    }

    /// The frame's digest, when its bytes (of [`FrameHeader::frame_len`]) are as they were written.
    pub fn check(&self, frame: &[u8]) -> Option<Digest> {
        let (content, trailer) = frame.split_last_chunk::<FRAME_TRAILER_LEN>()?;
        let (header, padded_payload) = content.split_first_chunk::<FRAME_HEADER_LEN>()?;
        let (_, padding) = padded_payload.split_at_checked(self.len as usize)?;
        let digest = digest(header, padded_payload);
        let whole = padding.iter().all(|&byte| byte == 0) && digest.0.to_le_bytes() == *trailer;
        whole.then_some(digest)
    }
}

fn array<const N: usize>(bytes: &[u8; FRAME_HEADER_LEN], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

/// The digest of a frame. Two steps, so that a payload is hashed where it lies.
pub(super) fn digest(header: &[u8; FRAME_HEADER_LEN], padded_payload: &[u8]) -> Digest {
    let mut chained = [0; CHECKED + 16];
    chained[..CHECKED].copy_from_slice(&header[..CHECKED]);
    chained[CHECKED..].copy_from_slice(&xxh3_128(padded_payload).to_le_bytes());
    Digest::of(&chained)
}
