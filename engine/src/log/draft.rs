//! Output that appears under its name only when it is whole.

use std::fs;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use super::digest::Digest;
use super::error::LogError;
use super::file::{failed, sync_directory};
use super::writer::{Options, Writer};

/// An output in the making. It is written beside its place, takes its name when it is finished, and is removed when
/// it is dropped before.
pub struct Draft {
    /// None once it is closed.
    writer: Option<Writer>,
    draft: PathBuf,
    path: PathBuf,
    force: bool,
    done: bool,
}

impl Draft {
    /// Begins an output. With `force` it will replace what is there.
    ///
    /// # Errors
    /// [`LogError::Exists`] without `force`, [`LogError::Io`].
    pub fn create(path: &Path, force: bool, options: &Options) -> Result<Draft, LogError> {
        if !force && path.symlink_metadata().is_ok() {
            return Err(LogError::Exists { path: path.to_owned() });
        }
        let file_name =
            path.file_name().ok_or_else(|| failed("create", path)(io::ErrorKind::InvalidInput.into()))?;
        let mut attempt = 0;
        loop {
            let mut name = std::ffi::OsString::from(".");
            name.push(file_name);
            name.push(format!(".{}-{attempt}.draft", std::process::id()));
            let draft = path.with_file_name(name);
            match Writer::create(&draft, options) {
                Ok(writer) => {
                    let path = path.to_owned();
                    return Ok(Draft { writer: Some(writer), draft, path, force, done: false });
                }
                Err(LogError::Exists { .. }) if attempt < 1000 => attempt += 1,
                Err(e) => {
                    if !matches!(e, LogError::Exists { .. }) {
                        let _ = fs::remove_file(&draft);
                    }
                    return Err(e);
                }
            }
        }
    }

    /// Closes the log and gives it its name, replacing at once what bore it if that was asked for.
    ///
    /// # Errors
    /// [`LogError::Exists`] when the name has been taken since and it was not to be replaced, [`LogError::Io`]; nothing
    /// is left behind then.
    pub fn finish(mut self) -> Result<Digest, LogError> {
        let writer = self.writer.take().expect("the writer is taken only here, and this takes the draft");
        let digest = writer.close()?;
        if self.force {
            fs::rename(&self.draft, &self.path).map_err(failed("create", &self.path))?;
            self.done = true;
        } else {
            // Unlike a rename, a link never replaces anything.
            match fs::hard_link(&self.draft, &self.path) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(LogError::Exists { path: self.path.clone() });
                }
                // Not every file system has links.
                Err(_) => {
                    fs::rename(&self.draft, &self.path).map_err(failed("create", &self.path))?;
                    self.done = true;
                }
            }
        }
        sync_directory(&self.path).map_err(failed("sync the folder of", &self.path))?;
        Ok(digest)
    }
}

impl Deref for Draft {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        self.writer.as_ref().expect("the writer is there until the draft is finished")
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("the writer is there until the draft is finished")
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.done {
            // It has done its service as a link, or it is of no use; if it cannot be removed, nobody can be told.
            let _ = fs::remove_file(&self.draft);
        }
    }
}
