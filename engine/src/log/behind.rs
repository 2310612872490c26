//! Writing behind: a thread of its own hands bytes to the operating system while the writer goes on.
//!
//! What a [`Storage`] promises holds all the same. A write is only promised once it was synced, and a sync waits
//! for every write before it. A write that fails later than it was taken makes the next call fail, and every call
//! after that.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::storage::{Storage, write_all};

/// How many writes may wait.
const WAITING: usize = 16;

/// A storage whose writes are done by another thread.
pub(super) struct WriteBehind {
    name: String,
    inner: Arc<Mutex<Box<dyn Storage>>>,
    jobs: Option<Sender<Job>>,
    spent: Receiver<Vec<u8>>,
    failed: Arc<Mutex<Option<Failure>>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a write failed. An error itself cannot be told twice.
#[derive(Clone, Copy)]
struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
}

enum Job {
    Write {
        offset: u64,
        bytes: Vec<u8>,
    },
    /// Everything before it is done when this is answered.
    Barrier(Sender<()>),
}

impl WriteBehind {
    pub fn new(inner: Box<dyn Storage>) -> WriteBehind {
        let name = inner.name().to_owned();
        let (inner, failed) = (Arc::new(Mutex::new(inner)), Arc::new(Mutex::new(None)));
        let (jobs, todo) = bounded(WAITING);
        let (recycle, spent) = bounded(WAITING);
        let thread = {
            let (inner, failed) = (Arc::clone(&inner), Arc::clone(&failed));
            thread::spawn(move || work(&todo, &recycle, &inner, &failed))
        };
        WriteBehind { name, inner, jobs: Some(jobs), spent, failed, thread: Some(thread) }
    }

    /// What an earlier write failed with, if one did.
    fn alive(&self) -> io::Result<()> {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), |failure| {
            // The system's own words say more than the kind does.
            Err(failure.code.map_or_else(|| failure.kind.into(), io::Error::from_raw_os_error))
        })
    }

    fn send(&self, job: Job) -> io::Result<()> {
        let gone = || io::Error::other("the thread that writes has ended");
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())
    }

    /// Waits until every write that was taken is done.
    fn settle(&self) -> io::Result<()> {
        let (done, wait) = bounded(1);
        self.send(Job::Barrier(done))?;
        // A thread that ended has left its failure behind.
        let _ = wait.recv();
        self.alive()
    }

    fn with<T>(&self, deed: impl FnOnce(&mut dyn Storage) -> io::Result<T>) -> io::Result<T> {
        self.settle()?;
        deed(&mut **self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for WriteBehind {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|storage| storage.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|storage| storage.read_at(offset, buffer))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.alive()?;
        let mut copy = self.spent.try_recv().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        self.send(Job::Write { offset, bytes: copy })?;
        Ok(bytes.len())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(|storage| storage.truncate(len))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|storage| storage.sync())
    }

    fn sync_name(&mut self) -> io::Result<()> {
        self.with(|storage| storage.sync_name())
    }

    fn has_writer(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).has_writer()
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was a failed write to everybody else.
            let _ = thread.join();
        }
    }
}

fn work(
    todo: &Receiver<Job>,
    recycle: &Sender<Vec<u8>>,
    inner: &Mutex<Box<dyn Storage>>,
    failed: &Mutex<Option<Failure>>,
) {
    for job in todo {
        match job {
            Job::Write { offset, bytes } => {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                // After a failure nothing more is written: what follows would stand behind a gap.
                if failed.is_none() {
                    let mut storage = inner.lock().unwrap_or_else(PoisonError::into_inner);
                    *failed = write_all(&mut **storage, offset, &bytes)
                        .err()
                        .map(|error| Failure { kind: error.kind(), code: error.raw_os_error() });
                }
                drop(failed);
                // Nobody needs it back if the writer is gone.
                let _ = recycle.try_send(bytes);
            }
            Job::Barrier(done) => {
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::storage::MemoryStorage;
    use super::*;

    #[test]
    fn what_was_written_is_there_once_it_is_synced() {
        let memory = MemoryStorage::new();
        let mut behind = WriteBehind::new(Box::new(memory.clone()));
        for n in 0..100_u8 {
            behind.write_at(u64::from(n), &[n]).unwrap();
        }
        behind.sync().unwrap();
        assert_eq!(memory.bytes(), (0..100).collect::<Vec<u8>>());
        assert_eq!(behind.len().unwrap(), 100);
    }

    /// A storage that is full after some bytes.
    struct Full(MemoryStorage, u64);

    impl Storage for Full {
        fn name(&self) -> &str {
            "full"
        }
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read_at(offset, buffer)
        }
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
            if offset >= self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write_at(offset, bytes)
        }
        fn truncate(&mut self, len: u64) -> io::Result<()> {
            self.0.truncate(len)
        }
        fn sync(&mut self) -> io::Result<()> {
            self.0.sync()
        }
        fn sync_name(&mut self) -> io::Result<()> {
            self.0.sync_name()
        }
        fn has_writer(&self) -> bool {
            self.0.has_writer()
        }
    }

    #[test]
    fn a_write_that_fails_behind_fails_the_sync_and_all_that_follows() {
        let memory = MemoryStorage::new();
        let mut behind = WriteBehind::new(Box::new(Full(memory.clone(), 3)));
        for n in 0..3_u8 {
            behind.write_at(u64::from(n), &[n]).unwrap();
        }
        // Taken, and lost.
        let _ = behind.write_at(3, &[3]);
        assert_eq!(behind.sync().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(behind.write_at(4, &[4]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(memory.bytes(), [0, 1, 2]);
    }
}
