//! Logs changed by their structure, with every checksum made right again.
//!
//! Nothing here is the engine's: the bytes are read and sealed by what `log::format` says of them, so that what it says is
//! tried too.

use kubetape_engine::log::format::{
    ALIGN, FILE_HEADER_LEN, FRAME_HEADER_LEN, FRAME_MAGIC, FRAME_TRAILER_LEN,
};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::random::{Random, damage};

/// A log's frames, each with header, payload, padding and digest.
pub struct Frames {
    header: [u8; FILE_HEADER_LEN],
    frames: Vec<Vec<u8>>,
}

impl Frames {
    /// Parts a log that is whole.
    pub fn of(bytes: &[u8]) -> Frames {
        let mut header = [0; FILE_HEADER_LEN];
        header.copy_from_slice(&bytes[..FILE_HEADER_LEN]);
        let (mut frames, mut rest) = (Vec::new(), &bytes[FILE_HEADER_LEN..]);
        while rest.len() >= FRAME_HEADER_LEN && rest[..4] == FRAME_MAGIC {
            let payload = u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
            let len = FRAME_HEADER_LEN + payload.next_multiple_of(ALIGN as usize) + FRAME_TRAILER_LEN;
            let (frame, after) = rest.split_at(len);
            frames.push(frame.to_vec());
            rest = after;
        }
        Frames { header, frames }
    }

    /// Leaves frames out, doubles, swaps, borrows them from another log, and damages headers' fields and payloads.
    pub fn change(&mut self, other: &Frames, random: &mut Random) {
        for _ in 0..=random.below(3) {
            let at = random.below(self.frames.len());
            if self.frames.is_empty() {
                return;
            }
            match random.below(9) {
                0 => {
                    self.frames.remove(at);
                }
                1 => self.frames.insert(at, self.frames[at].clone()),
                2 => {
                    let with = random.below(self.frames.len());
                    self.frames.swap(at, with);
                }
                3 if !other.frames.is_empty() => self.frames.insert(at, random.pick(&other.frames).clone()),
                4 => damage(&mut self.frames[at][4..40], random),
                _ => {
                    let end = self.frames[at].len() - FRAME_TRAILER_LEN;
                    damage(&mut self.frames[at][FRAME_HEADER_LEN..end], random);
                }
            }
        }
        if random.one_in(8) {
            damage(&mut self.header[8..32], random);
        }
    }

    /// Renumbers the events where that was asked for, and makes all checksums and the chain right.
    pub fn sealed(&self, renumber: bool) -> Vec<u8> {
        let mut bytes = self.header.to_vec();
        // A closed log says how long it is; not always, so that the two that do not agree are tried as well.
        if bytes[24..32] != [0; 8] && renumber {
            let len = FILE_HEADER_LEN + self.frames.iter().map(Vec::len).sum::<usize>();
            bytes[24..32].copy_from_slice(&(len as u64).to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        let mut chain = xxh3_128(&bytes[..20]);
        let mut next = 1_u64;
        for frame in &self.frames {
            let mut frame = frame.clone();
            if renumber {
                frame[16..24].copy_from_slice(&next.to_le_bytes());
            }
            next += u64::from(u32::from_le_bytes([frame[12], frame[13], frame[14], frame[15]]));
            frame[40..56].copy_from_slice(&chain.to_le_bytes());
            let crc = crc32fast::hash(&frame[..56]);
            frame[56..60].copy_from_slice(&crc.to_le_bytes());
            let end = frame.len() - FRAME_TRAILER_LEN;
            let mut digest = Xxh3::new();
            digest.update(&frame[..56]);
            digest.update(&xxh3_128(&frame[FRAME_HEADER_LEN..end]).to_le_bytes());
            chain = digest.digest128();
            frame[end..].copy_from_slice(&chain.to_le_bytes());
            bytes.extend_from_slice(&frame);
        }
        bytes
    }
}
