//! Logs in files: one writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::LogError;
use super::storage::Storage;

/// A log's file.
#[derive(Debug)]
pub struct FileStorage {
    file: File,
    path: PathBuf,
    name: String,
    /// Whether this is the one that writes.
    locked: bool,
}

impl FileStorage {
    /// Creates a file, and locks it for writing.
    ///
    /// # Errors
    /// [`LogError::Exists`], [`LogError::Io`].
    pub fn create(path: &Path) -> Result<FileStorage, LogError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => LogError::Exists { path: path.to_owned() },
            _ => failed("create", path)(source),
        })?;
        FileStorage::locked(file, path)
    }

    /// Opens a file, and locks it for writing.
    ///
    /// # Errors
    /// [`LogError::Locked`] when another writer holds it, [`LogError::Io`].
    pub fn open_to_write(path: &Path) -> Result<FileStorage, LogError> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed("open", path))?;
        FileStorage::locked(file, path)
    }

    /// Opens a file to read, also while it is being written.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn open_to_read(path: &Path) -> Result<FileStorage, LogError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let about = file.metadata().map_err(failed("open", path))?;
        if about.is_dir() {
            return Err(failed("open", path)(io::ErrorKind::IsADirectory.into()));
        }
        Ok(FileStorage::unlocked(file, path))
    }

    fn unlocked(file: File, path: &Path) -> FileStorage {
        FileStorage { file, path: path.to_owned(), name: path.display().to_string(), locked: false }
    }

    fn locked(file: File, path: &Path) -> Result<FileStorage, LogError> {
        // A reader that asks whether a writer is there holds the lock for a moment.
        for _ in 0..20 {
            match file.try_lock() {
                Ok(()) => return Ok(FileStorage { locked: true, ..FileStorage::unlocked(file, path) }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
                Err(TryLockError::Error(source)) => return Err(failed("lock", path)(source)),
            }
        }
        Err(LogError::Locked { file: path.display().to_string() })
    }
}

impl Storage for FileStorage {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn reserve(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len.max(self.len()?))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_name(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        sync_directory(&self.path)
    }

    fn has_writer(&self) -> bool {
        // Asking for a shared lock where the exclusive one is held would give that up.
        if self.locked {
            return false;
        }
        match self.file.try_lock_shared() {
            Ok(()) => {
                // Closing the file would free it too; a failure here only makes a writer wait for that.
                let _ = self.file.unlock();
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }
}

/// Makes a change to a folder's entries durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let file = path.display().to_string();
    move |source| LogError::Io { what, file, source }
}
