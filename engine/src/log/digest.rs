//! The identity of a run: one number that stands for all its events, however they were cut into batches.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::dictionary::{TABLES, Table};

/// A 128-bit XXH3 digest. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Digest)
    }
}

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(xxh3_128(bytes))
    }
}

/// Folds events and dictionary entries into a run's digest.
///
/// The dictionary's tables have streams of their own beside that of the events, because a frame holds the new
/// names of all its events before the events: in one stream the digest would tell where batches end.
#[derive(Clone)]
pub(super) struct RunHasher {
    events: Xxh3,
    tables: [Xxh3; TABLES],
    /// What is not folded in yet, in words; hashing many events at once is several times faster.
    pending: Vec<u32>,
    /// Room for the same as bytes.
    bytes: Vec<u8>,
}

/// How many words the head of an event has in its canonical form.
pub(super) const HEAD_WORDS: usize = 5;

/// The head of an event in its canonical form: time, cause distance, the four bytes of the stored head's second half.
#[inline]
pub(super) fn canonical_head(at: i64, cause_back: u64, meta: [u8; 4]) -> [u32; HEAD_WORDS] {
    let (at, back) = (at as u64, cause_back);
    [at as u32, (at >> 32) as u32, back as u32, (back >> 32) as u32, u32::from_le_bytes(meta)]
}

/// Fold in at this many words.
const PENDING_MAX: usize = 16 << 10;

impl Default for RunHasher {
    fn default() -> Self {
        RunHasher {
            events: Xxh3::new(),
            tables: std::array::from_fn(|_| Xxh3::new()),
            pending: Vec::with_capacity(PENDING_MAX + 1024),
            bytes: Vec::new(),
        }
    }
}

impl RunHasher {
    /// Adds an event in its canonical form: its head, then its words; all in little-endian order.
    #[inline]
    pub fn event(&mut self, head: [u32; HEAD_WORDS], words: impl Iterator<Item = u32>) {
        self.pending.extend_from_slice(&head);
        self.pending.extend(words);
        self.fold_in();
    }

    /// The same of an event whose head and words lie one after the other.
    #[inline]
    pub fn whole_event(&mut self, words: &[u32]) {
        self.pending.extend_from_slice(words);
        self.fold_in();
    }

    #[inline]
    fn fold_in(&mut self) {
        if self.pending.len() >= PENDING_MAX {
            let mut bytes = std::mem::take(&mut self.bytes);
            write_bytes(&self.pending, &mut bytes);
            self.events.update(&bytes);
            self.bytes = bytes;
            self.pending.clear();
        }
    }

    /// Adds an entry of words to a table.
    pub fn entry(&mut self, table: Table, words: impl Iterator<Item = u32>) {
        for word in words {
            self.tables[table as usize].update(&word.to_le_bytes());
        }
    }

    /// Adds a text to a table.
    pub fn text(&mut self, table: Table, text: &str) {
        self.tables[table as usize].update(&(text.len() as u64).to_le_bytes());
        self.tables[table as usize].update(text.as_bytes());
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> Digest {
        let (mut events, mut pending) = (self.events.clone(), Vec::new());
        write_bytes(&self.pending, &mut pending);
        events.update(&pending);
        let mut all = Vec::with_capacity(16 * (1 + TABLES));
        all.extend_from_slice(&events.digest128().to_le_bytes());
        for table in &self.tables {
            all.extend_from_slice(&table.digest128().to_le_bytes());
        }
        Digest::of(&all)
    }
}

/// Puts words as little-endian bytes in the place of what is in a buffer.
fn write_bytes(words: &[u32], bytes: &mut Vec<u8>) {
    bytes.resize(words.len() * 4, 0);
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}
