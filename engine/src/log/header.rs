//! The file header: that a file is a log, of which version, and whether its writer ended well.

use super::error::LogError;
use super::format::{ARCHIVE_WORD, FILE_HEADER_LEN, FILE_MAGIC, FORMAT_VERSION, SCHEMA_VERSION};

/// Whether a log's writer ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Being written; or, if nobody holds the lock, its writer died.
    Open = 1,
    /// Closed by its writer.
    Closed = 2,
}

/// A file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub version: u32,
    pub schema: u32,
    pub state: State,
}

/// The bytes that never change once a log is made; the first frame is chained to them.
pub(super) const FIXED_LEN: usize = 20;

impl FileHeader {
    /// The header that this version writes.
    pub fn new(state: State) -> FileHeader {
        FileHeader { version: FORMAT_VERSION, schema: SCHEMA_VERSION, state }
    }

    pub fn to_bytes(self) -> [u8; FILE_HEADER_LEN] {
        let mut bytes = [0; FILE_HEADER_LEN];
        bytes[..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..16].copy_from_slice(&ARCHIVE_WORD.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.schema.to_le_bytes());
        bytes[20..24].copy_from_slice(&(self.state as u32).to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the beginning of a file. Says first what a person would want to know first: that it is something else,
    /// that it is newer, that it is damaged.
    pub fn read(bytes: &[u8], file: &str, len: u64) -> Result<FileHeader, LogError> {
        // A file can be made longer before anything is written into it, and then the machine stops.
        if bytes.iter().all(|&byte| byte == 0) {
            return Err(LogError::Empty { file: file.to_owned(), len });
        }
        let shown = bytes.len().min(8);
        if bytes[..shown] != FILE_MAGIC[..shown] {
            // Damage to the magic of a log is told from another file by the checksum, which covers the magic.
            if bytes.len() == FILE_HEADER_LEN && is_log_but_for_magic(bytes) {
                return Err(damaged(file, "its first bytes are changed"));
            }
            let found = bytes[..bytes.len().min(16)].escape_ascii().to_string();
            return Err(LogError::NotALog { file: file.to_owned(), found });
        }
        if bytes.len() < FILE_HEADER_LEN {
            return Err(LogError::Empty { file: file.to_owned(), len });
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let whole = crc32fast::hash(&bytes[..60]) == word(60);
        let version = word(8);
        let changing = !whole && is_change_of_state(bytes);
        if !whole && !changing {
            return Err(damaged(file, "its checksum does not match"));
        }
        if version > FORMAT_VERSION {
            let file = file.to_owned();
            return Err(LogError::NewerFormat { file, found: version, known: FORMAT_VERSION });
        }
        if version == 0 || word(12) != ARCHIVE_WORD {
            return Err(damaged(file, "it states a version or archive that never was"));
        }
        let state = match word(20) {
            _ if changing => State::Open,
            1 => State::Open,
            2 => State::Closed,
            _ => return Err(damaged(file, "it states a state that there is not")),
        };
        Ok(FileHeader { version, schema: word(16), state })
    }
}

fn is_log_but_for_magic(bytes: &[u8]) -> bool {
    let mut mended = [0; FILE_HEADER_LEN];
    mended.copy_from_slice(bytes);
    mended[..8].copy_from_slice(&FILE_MAGIC);
    crc32fast::hash(&mended[..60]).to_le_bytes() == mended[60..]
}

/// Whether a change of the state was cut off before the checksum: that is then the other state's. The states differ in two
/// bits, so that one flipped bit does not look so.
fn is_change_of_state(bytes: &[u8]) -> bool {
    let mut before = [0; FILE_HEADER_LEN];
    before.copy_from_slice(bytes);
    before[20] ^= State::Open as u8 ^ State::Closed as u8;
    matches!(bytes[20..24], [1 | 2, 0, 0, 0]) && crc32fast::hash(&before[..60]).to_le_bytes() == bytes[60..]
}

fn damaged(file: &str, what: &str) -> LogError {
    LogError::Header { file: file.to_owned(), what: what.to_owned() }
}
