//! Logs by the names that people give them: a path, or `-` for standard input and output.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, Write};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use kubetape_engine::log::format::FILE_MAGIC;
use kubetape_engine::log::{Digest, Draft, FileStorage, LogError, Options, Reader, Storage, Writer};

use crate::error::CliError;
use crate::output::Out;

/// Standard input, kept in a file without a name: logs are read at any place, and more than once.
static SPOOL: OnceLock<File> = OnceLock::new();
static READING: Mutex<()> = Mutex::new(());

/// Where a log is to be read: the path itself, or for `-` a file that holds all of standard input.
///
/// # Errors
/// Standard input cannot be read, or kept.
pub fn path(named: &Path) -> Result<Cow<'_, Path>, LogError> {
    if named != Path::new("-") {
        return Ok(Cow::Borrowed(named));
    }
    // Two readers may ask at once, and the input can be read only once.
    let _one = READING.lock().unwrap_or_else(PoisonError::into_inner);
    let spool = match SPOOL.get() {
        Some(spool) => spool,
        None => {
            let failed = |source| LogError::Io { what: "read", file: "standard input".into(), source };
            let spool = spooled().map_err(failed)?;
            SPOOL.get_or_init(|| spool)
        }
    };
    Ok(Cow::Owned(PathBuf::from(spool_name(spool))))
}

/// Whether standard input begins as a log does. Nothing of it is taken away.
///
/// # Errors
/// It cannot be read.
pub fn stdin_is_log() -> Result<bool, LogError> {
    let failed = |source| LogError::Io { what: "read", file: "standard input".into(), source };
    let mut input = io::stdin().lock();
    let beginning = input.fill_buf().map_err(failed)?;
    let shown = beginning.len().min(FILE_MAGIC.len());
    Ok(shown > 0 && beginning[..shown] == FILE_MAGIC[..shown])
}

fn spool_name(spool: &File) -> String {
    format!("/dev/fd/{}", spool.as_raw_fd())
}

/// Standard input as a file: itself if it is one, else a copy.
fn spooled() -> io::Result<File> {
    let mut input = io::stdin().lock();
    let mut file = unnamed("stdin")?;
    io::copy(&mut input, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// A file that is gone when nobody has it open any more.
fn unnamed(what: &str) -> io::Result<File> {
    let path = temporary(what);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn temporary(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kubetape-{}-{what}.tape", std::process::id()))
}

/// Opens a log to read, from its beginning.
///
/// # Errors
/// Those of [`Reader::open`].
pub fn reader(named: &Path) -> Result<Reader, LogError> {
    Reader::open(&path(named)?)
}

/// Opens a log's bytes.
///
/// # Errors
/// [`LogError::Io`].
pub fn storage(named: &Path) -> Result<Box<dyn Storage>, LogError> {
    Ok(Box::new(FileStorage::open_to_read(&path(named)?)?))
}

/// A text in which the file that stands for standard input is called so.
pub fn shown(text: String) -> String {
    match SPOOL.get() {
        Some(spool) => text.replace(&spool_name(spool), "standard input"),
        None => text,
    }
}

/// A log that a command makes: a file, or standard output.
pub struct Output {
    draft: Draft,
    /// Where it is made that is to go to standard output.
    aside: Option<Aside>,
}

/// A file that is removed when it is not needed any more.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // If it cannot be removed, nobody can be told.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Output {
    /// Begins an output; with `force` it replaces what is there. Where it goes to standard output, everything else that is
    /// printed goes to standard error from now on.
    ///
    /// # Errors
    /// Those of [`Draft::create`].
    pub fn create(named: &Path, force: bool, out: &mut Out) -> Result<Output, CliError> {
        if named != Path::new("-") {
            return Ok(Output { draft: Draft::create(named, force, &Options::output())?, aside: None });
        }
        out.print_to_stderr();
        let aside = temporary("stdout");
        let draft = Draft::create(&aside, false, &Options::output())?;
        Ok(Output { draft, aside: Some(Aside(aside)) })
    }

    /// Closes the log and puts it where it belongs.
    ///
    /// # Errors
    /// Those of [`Draft::finish`], and standard output's.
    pub fn finish(self) -> Result<Digest, CliError> {
        let digest = self.draft.finish()?;
        if let Some(Aside(path)) = &self.aside {
            let mut file = File::open(path).map_err(|e| CliError::file("read", path, &e))?;
            let mut stdout = io::stdout().lock();
            let mut chunk = vec![0; 1 << 16];
            loop {
                let n = file.read(&mut chunk).map_err(|e| CliError::file("read", path, &e))?;
                if n == 0 {
                    break;
                }
                stdout.write_all(&chunk[..n]).map_err(|e| CliError::output(&e))?;
            }
            stdout.flush().map_err(|e| CliError::output(&e))?;
        }
        Ok(digest)
    }
}

impl Deref for Output {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        &self.draft
    }
}

impl DerefMut for Output {
    fn deref_mut(&mut self) -> &mut Writer {
        &mut self.draft
    }
}
