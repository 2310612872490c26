//! A part of a storage in memory, aligned so that frames are read in place.

use std::io;

use rkyv::util::AlignedVec;

use super::format::ALIGN;
use super::storage::{Storage, read_full};

/// Reads ahead by this many bytes.
const READ_AHEAD: usize = 1 << 20;

/// A window over a storage. Its beginning is a multiple of 16 both in the storage and in memory.
pub(super) struct Window {
    pub storage: Box<dyn Storage>,
    bytes: AlignedVec,
    start: u64,
    /// Bytes read at once.
    read_ahead: usize,
}

impl Window {
    pub fn new(storage: Box<dyn Storage>) -> Window {
        Window { storage, bytes: AlignedVec::new(), start: 0, read_ahead: READ_AHEAD }
    }

    /// Bytes from an offset on; fewer than `len` only where the storage ends.
    pub fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + len as u64 > end {
            self.fill(offset, len)?;
        }
        let from = (offset - self.start) as usize;
        let to = (from + len).min(self.bytes.len());
        Ok(&self.bytes[from.min(to)..to])
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let start = offset - offset % ALIGN;
        // What is left of the file bounds the room that is taken, whatever length a damaged frame states.
        let left = usize::try_from(self.storage.len()?.saturating_sub(start)).unwrap_or(usize::MAX);
        let want = (len + (offset - start) as usize).max(self.read_ahead).min(left);
        self.start = start;
        self.bytes.clear();
        self.bytes.resize(want, 0);
        let read = read_full(&*self.storage, start, &mut self.bytes);
        self.bytes.resize(*read.as_ref().unwrap_or(&0), 0);
        read.map(|_| ())
    }
}
