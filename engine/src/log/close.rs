//! What a close frame says.

use super::digest::Digest;
use super::format::{CLOSE_LEN, CLOSE_LEN_1};
use crate::names::Seq;
use crate::time::Time;

/// What a writer says when it ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    /// The digest of the run.
    pub digest: Digest,
    /// The last event.
    pub last: Seq,
    /// Where the last checkpoint begins, or 0.
    pub checkpoint: u64,
    /// Where the last index begins, or 0; version 1 has none.
    pub index: u64,
    /// Until when it was watched; version 1 does not say.
    pub known_until: Option<Time>,
}

/// How long a close's payload is in a log of some version.
pub(super) fn close_len(version: u32) -> usize {
    if version == 1 { CLOSE_LEN_1 } else { CLOSE_LEN }
}

/// Stands for "not said".
const UNSAID: i64 = i64::MIN;

impl Closing {
    /// The payload for a log of some version.
    pub fn to_bytes(self, version: u32) -> Vec<u8> {
        let mut bytes = self.digest.0.to_le_bytes().to_vec();
        for word in [self.last.0, self.checkpoint, self.index] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.known_until.map_or(UNSAID, |time| time.0).to_le_bytes());
        bytes.truncate(close_len(version));
        bytes
    }

    /// Reads a payload; none if it is not a close's.
    pub fn read(payload: &[u8]) -> Option<Closing> {
        if payload.len() != CLOSE_LEN && payload.len() != CLOSE_LEN_1 {
            return None;
        }
        let word = |at: usize| payload.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        Some(Closing {
            digest: Digest(u128::from_le_bytes(*payload.first_chunk()?)),
            last: Seq(word(16)?),
            checkpoint: word(24)?,
            index: word(32).unwrap_or(0),
            known_until: word(40).map(|time| time as i64).filter(|time| *time != UNSAID).map(Time),
        })
    }
}
