//! A part of a storage in memory, aligned so that frames are read in place.

use std::io;

use rkyv::util::AlignedVec;

use super::format::ALIGN;
use super::storage::{Storage, read_full};

/// Reads ahead by this many bytes: so few that what was read is still in the processor's cache when it is checked.
pub(super) const READ_AHEAD: usize = 256 << 10;

/// Reads so many bytes where only a header or a small frame is expected.
pub(super) const GLANCE: usize = 4 << 10;

/// A window over a storage.
pub(super) struct Window {
    pub storage: Box<dyn Storage>,
    /// Reads at least so many bytes at once.
    pub ahead: usize,
    /// Whether the storage's bytes lie in memory, aligned, and are read there.
    in_place: bool,
    /// Room, of which the first `len` bytes were read.
    bytes: AlignedVec,
    len: usize,
    start: u64,
}

impl Window {
    pub fn new(storage: Box<dyn Storage>) -> Window {
        let in_place =
            storage.in_place().is_some_and(|all| all.as_ptr().addr().is_multiple_of(ALIGN as usize));
        Window { storage, ahead: READ_AHEAD, in_place, bytes: AlignedVec::new(), len: 0, start: 0 }
    }

    /// Bytes from an offset on, aligned to 16 in memory; fewer than `len` only where the storage ends.
    pub fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        if self.in_place && offset.is_multiple_of(ALIGN) {
            return Ok(self.slice_in_place(offset, len));
        }
        let aligned = offset >= self.start && (offset - self.start).is_multiple_of(ALIGN);
        if !aligned || !self.holds(offset, len) {
            self.fill(offset, len)?;
        }
        Ok(self.slice(offset, len))
    }

    /// As [`Window::get`], aligned or not.
    pub fn peek(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        if self.in_place {
            return Ok(self.slice_in_place(offset, len));
        }
        if !self.holds(offset, len) {
            self.fill(offset, len)?;
        }
        Ok(self.slice(offset, len))
    }

    fn slice_in_place(&self, offset: u64, len: usize) -> &[u8] {
        let all = self.storage.in_place().unwrap_or_default();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        &all[from..all.len().min(from.saturating_add(len))]
    }

    /// Reads everything anew from now on.
    pub fn forget(&mut self) {
        self.len = 0;
    }

    fn holds(&self, offset: u64, len: usize) -> bool {
        offset >= self.start && offset + len as u64 <= self.start + self.len as u64
    }

    fn slice(&self, offset: u64, len: usize) -> &[u8] {
        let from = (offset - self.start) as usize;
        let to = (from + len).min(self.len);
        &self.bytes[from.min(to)..to]
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        // What is left of the file bounds the room that is taken, whatever length a damaged frame states.
        let left = usize::try_from(self.storage.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = len.max(self.ahead).min(left);
        (self.start, self.len) = (offset, 0);
        if self.bytes.len() < want {
            self.bytes.resize(want, 0);
        }
        self.len = read_full(&*self.storage, offset, &mut self.bytes[..want])?;
        Ok(())
    }
}
