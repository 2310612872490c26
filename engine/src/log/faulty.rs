//! A disk on which everything that can go wrong does so where a test asks for it.
//!
//! It keeps what the process sees (`live`) apart from what would be left after the machine stopped (`durable` and any
//! part of what was written since). Disks write sectors whole; which of them reached the disk before the last sync, and
//! how much longer the file had become, is anybody's guess.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::storage::{MemoryStorage, Storage};

/// The size in bytes of what a disk writes as a whole.
const SECTOR: usize = 512;

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A write takes a part of the bytes and says so; it is no error.
    ShortWrite,
    /// The disk is full: a write takes a part of the bytes, and every write from then on fails. Cutting works.
    Full,
    /// An input/output error, once.
    Error,
    /// A sync fails, once, and what it was to make durable is lost although it can still be read.
    FailedSync,
    /// The operation is interrupted by a signal, once, and can be repeated.
    Interrupted,
    /// The machine stops before the operation.
    StopBefore,
    /// The machine stops after the operation.
    StopAfter,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::ShortWrite,
        Fault::Full,
        Fault::Error,
        Fault::FailedSync,
        Fault::Interrupted,
        Fault::StopBefore,
        Fault::StopAfter,
    ];
}

/// A disk in memory with one fault. Clones share it.
#[derive(Clone, Debug)]
pub struct FaultyStorage {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Change>,
    operations: u64,
    fault_at: u64,
    fault: Fault,
    full: bool,
    stopped: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
    Reserve(usize),
}

impl FaultyStorage {
    /// A disk with some bytes, on which a fault happens at an operation: writes, cuts and syncs are counted from 0.
    pub fn new(bytes: Vec<u8>, fault: Fault, fault_at: u64) -> FaultyStorage {
        let disk = Disk {
            durable: bytes.clone(),
            live: bytes,
            pending: Vec::new(),
            operations: 0,
            fault_at,
            fault,
            full: false,
            stopped: false,
        };
        FaultyStorage { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Whether the operation was reached at which the fault is.
    pub fn reached(&self) -> bool {
        let disk = self.disk();
        disk.operations > disk.fault_at
    }

    /// What another process reads if this one ends now.
    pub fn after_process(&self) -> MemoryStorage {
        MemoryStorage::from_bytes(self.disk().live.clone())
    }

    /// What is left if the machine stops now. `luck` chooses which of the sectors that were written since the last sync
    /// reached the disk, and how long the file is: 0 none of them, 1 all, others a part.
    pub fn after_machine(&self, luck: u64) -> MemoryStorage {
        let disk = self.disk();
        let mut bytes = disk.durable.clone();
        let mut dice = Dice(luck);
        for change in &disk.pending {
            match change {
                Change::Truncate(len) if dice.keeps() => bytes.truncate(*len),
                Change::Reserve(len) if dice.keeps() => bytes.resize(bytes.len().max(*len), 0),
                Change::Truncate(_) | Change::Reserve(_) => {}
                Change::Write(offset, data) => write_sectors(&mut bytes, *offset, data, &mut dice),
            }
        }
        MemoryStorage::from_bytes(bytes)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes some of the sectors that a write touches; a file that grew may be longer than what was written into it.
fn write_sectors(bytes: &mut Vec<u8>, offset: usize, data: &[u8], dice: &mut Dice) {
    let mut at = offset;
    while at < offset + data.len() {
        let end = (at - at % SECTOR + SECTOR).min(offset + data.len());
        if dice.keeps() {
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[at..end].copy_from_slice(&data[at - offset..end - offset]);
        } else if dice.keeps() && dice.0 > 1 && bytes.len() < end {
            bytes.resize(end, 0);
        }
        at = end;
    }
}

/// Chooses; the same number chooses the same.
struct Dice(u64);

impl Dice {
    fn keeps(&mut self) -> bool {
        if self.0 <= 1 {
            return self.0 == 1;
        }
        // Knuth's linear congruential generator for 64 bits; the upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407).max(2);
        self.0 >> 63 == 1
    }
}

impl Disk {
    /// Counts an operation, and says what goes wrong at it.
    fn operation(&mut self) -> io::Result<Fault> {
        if self.stopped {
            return Err(io::Error::other("the machine has stopped"));
        }
        let fault = if self.operations == self.fault_at { self.fault } else { Fault::None };
        self.operations += 1;
        match fault {
            Fault::StopBefore => {
                self.stopped = true;
                Err(io::Error::other("the machine stops"))
            }
            Fault::StopAfter => {
                self.stopped = true;
                Ok(fault)
            }
            Fault::Error => Err(io::Error::other("input/output error")),
            Fault::Interrupted => Err(io::ErrorKind::Interrupted.into()),
            fault => Ok(fault),
        }
    }

    fn apply(&mut self, change: Change) {
        match &change {
            Change::Truncate(len) => self.live.truncate(*len),
            Change::Reserve(len) => self.live.resize(self.live.len().max(*len), 0),
            Change::Write(offset, data) => {
                if self.live.len() < offset + data.len() {
                    self.live.resize(offset + data.len(), 0);
                }
                self.live[*offset..offset + data.len()].copy_from_slice(data);
            }
        }
        self.pending.push(change);
    }

    fn resize(&mut self, change: Change) -> io::Result<()> {
        let fault = self.operation()?;
        self.apply(change);
        if fault == Fault::StopAfter { Err(io::Error::other("the machine stops")) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.operation()? {
            Fault::FailedSync => {
                // As Linux does: the pages are clean from now on, and were never written.
                self.pending.clear();
                Err(io::Error::other("sync failed"))
            }
            fault => {
                self.durable = self.live.clone();
                self.pending.clear();
                if fault == Fault::StopAfter { Err(io::Error::other("the machine stops")) } else { Ok(()) }
            }
        }
    }
}

impl Storage for FaultyStorage {
    fn name(&self) -> &str {
        "faulty disk"
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk().live.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let disk = self.disk();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(disk.live.len());
        let n = buffer.len().min(disk.live.len() - start);
        buffer[..n].copy_from_slice(&disk.live[start..start + n]);
        Ok(n)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.disk();
        let fault = disk.operation()?;
        if disk.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = match fault {
            Fault::ShortWrite | Fault::Full => bytes.len().div_ceil(2),
            _ => bytes.len(),
        };
        disk.full = fault == Fault::Full;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull)?;
        disk.apply(Change::Write(offset, bytes[..taken].to_vec()));
        if fault == Fault::StopAfter { Err(io::Error::other("the machine stops")) } else { Ok(taken) }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk().resize(Change::Truncate(usize::try_from(len).unwrap_or(usize::MAX)))
    }

    fn reserve(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::StorageFull)?;
        self.disk().resize(Change::Reserve(len))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk().sync()
    }

    fn sync_name(&mut self) -> io::Result<()> {
        self.disk().sync()
    }

    fn has_writer(&self) -> bool {
        false
    }
}
