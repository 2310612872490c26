//! The file header: that a file is a log, of which version, and whether its writer ended well.

use std::ops::Range;

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
    /// Where a closed log ends, in bytes; 0 if it is open, or of a version that does not say.
    pub closed_len: u64,
}

/// The bytes that never change once a log is made; the first frame is chained to them.
pub(super) const FIXED_LEN: usize = 20;
/// Where the state is, and where a closed log's length is.
const STATE: Range<usize> = 20..24;
const CLOSED_LEN: Range<usize> = 24..32;
/// Where the checksum is; it covers everything before it.
const CHECKSUM: usize = 60;
/// From this version on a header says how long its log was when it was closed.
const SAYS_LEN_SINCE: u32 = 3;

impl FileHeader {
    /// The header of a log that this version begins.
    pub fn new() -> FileHeader {
        FileHeader { version: FORMAT_VERSION, schema: SCHEMA_VERSION, state: State::Open, closed_len: 0 }
    }

    /// The same log's header while it is being written.
    #[must_use]
    pub fn opened(self) -> FileHeader {
        FileHeader { state: State::Open, closed_len: 0, ..self }
    }

    /// The same log's header when it is closed and this long.
    #[must_use]
    pub fn closed(self, len: u64) -> FileHeader {
        let closed_len = if self.version < SAYS_LEN_SINCE { 0 } else { len };
        FileHeader { state: State::Closed, closed_len, ..self }
    }

    /// Where the log ends for certain: it was closed there, and has not been opened since.
    pub fn end(&self) -> Option<u64> {
        (self.closed_len != 0).then_some(self.closed_len)
    }

    pub fn to_bytes(self) -> [u8; FILE_HEADER_LEN] {
        let mut bytes = [0; FILE_HEADER_LEN];
        bytes[..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..16].copy_from_slice(&ARCHIVE_WORD.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.schema.to_le_bytes());
        bytes[STATE].copy_from_slice(&(self.state as u32).to_le_bytes());
        bytes[CLOSED_LEN].copy_from_slice(&self.closed_len.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..CHECKSUM]);
        bytes[CHECKSUM..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the beginning of a file. Says first what a person would want to know first: that it is something else,
    /// that it is newer, that it is damaged. `len` is the length of the whole file.
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
        let whole = crc32fast::hash(&bytes[..CHECKSUM]) == word(CHECKSUM);
        let version = word(8);
        let changing = !whole && is_change_of_state(bytes, len);
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
        let stated = u64::from(word(24)) | u64::from(word(28)) << 32;
        let says_len = state == State::Closed && version >= SAYS_LEN_SINCE;
        if says_len && stated < FILE_HEADER_LEN as u64 {
            return Err(damaged(file, "it states an end that cannot be"));
        }
        let closed_len = if says_len { stated } else { 0 };
        Ok(FileHeader { version, schema: word(16), state, closed_len })
    }
}

fn is_log_but_for_magic(bytes: &[u8]) -> bool {
    let mut mended = [0; FILE_HEADER_LEN];
    mended.copy_from_slice(bytes);
    mended[..8].copy_from_slice(&FILE_MAGIC);
    crc32fast::hash(&mended[..CHECKSUM]).to_le_bytes() == mended[CHECKSUM..]
}

/// Whether a change of the state was cut off before the checksum: that is then the one of the header before. The states
/// differ in two bits, so that one flipped bit does not look so.
fn is_change_of_state(bytes: &[u8], len: u64) -> bool {
    let was = |state: State, closed_len: [u8; 8]| {
        let mut before = [0; FILE_HEADER_LEN];
        before.copy_from_slice(bytes);
        before[STATE].copy_from_slice(&(state as u32).to_le_bytes());
        before[CLOSED_LEN].copy_from_slice(&closed_len);
        crc32fast::hash(&before[..CHECKSUM]).to_le_bytes() == bytes[CHECKSUM..]
    };
    let mut stated = [0; 8];
    stated.copy_from_slice(&bytes[CLOSED_LEN]);
    match bytes[STATE] {
        // Being closed: the header before was an open one's, whatever of the length is there.
        [2, 0, 0, 0] => was(State::Open, [0; 8]),
        // Being opened: of the length the first bytes may be cleared. Nothing is appended before the header is whole, so that
        // the file is still as long as it says.
        [1, 0, 0, 0] => {
            let cleared = stated.iter().take_while(|&&byte| byte == 0).count();
            was(State::Closed, stated)
                || (stated[cleared..] == len.to_le_bytes()[cleared..]
                    && was(State::Closed, len.to_le_bytes()))
        }
        _ => false,
    }
}

fn damaged(file: &str, what: &str) -> LogError {
    LogError::Header { file: file.to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: u64 = 0x0012_3400_5678;

    /// What stands in the file when the change from one header to another was cut off after some bytes.
    fn cut(from: FileHeader, to: FileHeader, after: usize) -> Vec<u8> {
        [&to.to_bytes()[..after], &from.to_bytes()[after..]].concat()
    }

    #[test]
    fn a_change_of_state_that_is_cut_off_is_one_of_both_states() {
        for version in 1..=FORMAT_VERSION {
            let open = FileHeader { version, ..FileHeader::new() };
            let closed = open.closed(LEN);
            assert_eq!(closed.end(), (version >= 3).then_some(LEN));
            for (from, to) in [(open, closed), (closed, open)] {
                for after in (0..=CHECKSUM).chain([FILE_HEADER_LEN]) {
                    let read = FileHeader::read(&cut(from, to, after), "x", LEN).unwrap();
                    let expected = if after <= STATE.start { from } else { open };
                    assert_eq!(read, if after == FILE_HEADER_LEN { to } else { expected }, "after {after}");
                }
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_no_change_of_state() {
        for header in [FileHeader::new(), FileHeader::new().closed(LEN)] {
            for bit in 0..8 * FILE_HEADER_LEN {
                let mut bytes = header.to_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let read = FileHeader::read(&bytes, "x", LEN);
                assert!(matches!(read, Err(LogError::Header { .. } | LogError::NotALog { .. })), "bit {bit}");
            }
        }
    }

    #[test]
    fn an_end_within_the_header_is_damage() {
        let bytes = FileHeader::new().closed(63).to_bytes();
        assert!(matches!(FileHeader::read(&bytes, "x", LEN), Err(LogError::Header { .. })));
    }
}
