//! Where a log's bytes are: a small interface, so that every fault of a disk can be played out in a test.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that can be read, written and made durable. Offsets are in bytes from the beginning.
pub trait Storage: Send {
    /// The name to show in errors.
    fn name(&self) -> &str;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are no bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads into `buffer`; gives how many bytes, which are fewer only at the end or by the system's whim, and 0 only at the end.
    ///
    /// # Errors
    /// What the operating system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// All bytes where they lie, if they are in memory and stay as they are; none if they have to be read.
    fn in_place(&self) -> Option<&[u8]> {
        None
    }

    /// Writes bytes; gives how many were taken, perhaps not all.
    ///
    /// # Errors
    /// What the operating system says.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts everything from an offset on.
    ///
    /// # Errors
    /// What the operating system says.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes the bytes at least so many, with zeros behind what was written, so that what is written there later can be made
    /// durable without a new length. It serves speed alone: a storage may do nothing.
    ///
    /// # Errors
    /// What the operating system says; the bytes are as before then.
    fn reserve(&mut self, len: u64) -> io::Result<()> {
        let _ = len;
        Ok(())
    }

    /// Makes everything that was written durable.
    ///
    /// # Errors
    /// What the operating system says; what is durable is then unknown, and asking again would not tell.
    fn sync(&mut self) -> io::Result<()>;

    /// Makes durable that the file is there, under its name.
    ///
    /// # Errors
    /// As [`Storage::sync`].
    fn sync_name(&mut self) -> io::Result<()>;

    /// Whether another writer holds this storage now, in this process or another.
    fn has_writer(&self) -> bool;
}

/// Writes all bytes, however many calls it takes.
pub(super) fn write_all(storage: &mut dyn Storage, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match storage.write_at(offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the end is reached; gives how many bytes.
pub(super) fn read_full(storage: &dyn Storage, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match storage.read_at(offset + done as u64, &mut buffer[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// Bytes in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl MemoryStorage {
    /// No bytes.
    pub fn new() -> MemoryStorage {
        MemoryStorage::default()
    }

    /// Some bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> MemoryStorage {
        MemoryStorage { bytes: Arc::new(Mutex::new(bytes)) }
    }

    /// A copy of the bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.with(|bytes| bytes.clone())
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        // Nothing panics while it holds the lock, so that the bytes are whole in any case.
        f(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for MemoryStorage {
    fn name(&self) -> &str {
        "log in memory"
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|bytes| bytes.len()) as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|bytes| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let n = buffer.len().min(bytes.len() - start);
            buffer[..n].copy_from_slice(&bytes[start..start + n]);
            Ok(n)
        })
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<usize> {
        self.with(|bytes| {
            let start = usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull)?;
            if bytes.len() < start + data.len() {
                bytes.resize(start + data.len(), 0);
            }
            bytes[start..start + data.len()].copy_from_slice(data);
            Ok(data.len())
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(|bytes| bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX)));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync_name(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn has_writer(&self) -> bool {
        false
    }
}

/// Bytes in memory that stay as they are. They are read where they lie, without a copy.
#[derive(Clone, Debug, Default)]
pub struct FixedStorage {
    bytes: Vec<u8>,
}

impl FixedStorage {
    /// Some bytes.
    pub fn new(bytes: Vec<u8>) -> FixedStorage {
        FixedStorage { bytes }
    }
}

impl Storage for FixedStorage {
    fn name(&self) -> &str {
        "log in memory"
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len())..];
        let n = buffer.len().min(rest.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn in_place(&self) -> Option<&[u8]> {
        Some(&self.bytes)
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync_name(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn has_writer(&self) -> bool {
        false
    }
}
