//! Opens a source: tells gzip from plain bytes, decompresses on a thread of its own, hands out blocks.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, bounded};
use flate2::read::MultiGzDecoder;

use super::error::ImportError;

/// One thing to import: a file, or standard input.
pub struct Source {
    /// The name that errors and the report use.
    pub name: String,
    /// Its bytes, compressed with gzip or not.
    pub bytes: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

const BLOCK_BYTES: usize = 1 << 20;
/// Blocks that may be waiting: enough to keep both threads busy, few enough to bound memory.
const BLOCKS_AHEAD: usize = 8;

/// Counts what passes through it.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The decompressed bytes of a source, block by block.
pub(super) struct Blocks {
    pub name: String,
    pub gzip: bool,
    receiver: Receiver<io::Result<Vec<u8>>>,
    bytes: Arc<AtomicU64>,
    ended: bool,
}

impl Blocks {
    /// Starts reading.
    pub fn open(source: Source) -> Result<Blocks, ImportError> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut reader = Counted { inner: source.bytes, bytes: Arc::clone(&bytes) };
        let name = source.name;
        let mut magic = [0; 2];
        let got = read_up_to(&mut reader, &mut magic).map_err(|error| ImportError::Read {
            name: name.clone(),
            offset: 0,
            error,
        })?;
        if got == 0 {
            return Err(ImportError::Empty { name });
        }
        let gzip = magic[..got] == [0x1f, 0x8b];
        let whole = io::Cursor::new(magic[..got].to_vec()).chain(reader);
        let (sender, receiver) = bounded(BLOCKS_AHEAD);
        std::thread::spawn(move || {
            let mut reader: Box<dyn Read> =
                if gzip { Box::new(MultiGzDecoder::new(io::BufReader::new(whole))) } else { Box::new(whole) };
            loop {
                let mut block = vec![0; BLOCK_BYTES];
                let result = read_up_to(&mut reader, &mut block).map(|read| {
                    block.truncate(read);
                    block
                });
                let last = result.as_ref().map_or(true, |block| block.len() < BLOCK_BYTES);
                // The receiver is gone when the import has failed; there is nobody left to read for.
                if sender.send(result).is_err() || last {
                    return;
                }
            }
        });
        Ok(Blocks { name, gzip, receiver, bytes, ended: false })
    }

    /// Bytes read from the source so far, as stored.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The next block; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, ImportError> {
        if self.ended {
            return Ok(None);
        }
        match self.receiver.recv() {
            Ok(Ok(block)) => {
                self.ended = block.len() < BLOCK_BYTES;
                Ok(if block.is_empty() { None } else { Some(block) })
            }
            Ok(Err(error)) => Err(self.failed(error)),
            Err(_) => Ok(None),
        }
    }

    fn failed(&self, error: io::Error) -> ImportError {
        let (name, offset) = (self.name.clone(), self.bytes_read());
        match error.kind() {
            io::ErrorKind::UnexpectedEof if self.gzip => ImportError::TruncatedGzip { name, offset },
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if self.gzip => {
                ImportError::BadGzip { name, offset, reason: error.to_string() }
            }
            _ => ImportError::Read { name, offset, error },
        }
    }
}

/// Fills the buffer as far as the reader goes.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
