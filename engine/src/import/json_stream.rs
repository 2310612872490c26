//! Cuts a stream of bytes into JSON values: one a line, or concatenated and pretty-printed.

use super::error::{ImportError, Place};
use super::source::Blocks;

/// A source's bytes with a cursor; values are handed out as slices.
pub(super) struct JsonStream {
    blocks: Blocks,
    buffer: Vec<u8>,
    /// Where the unread part of `buffer` begins.
    start: usize,
    /// The line on which the unread part begins, from 1.
    line: u64,
    ended: bool,
}

/// One value: where it begins in the source, and its bytes in the stream's buffer.
pub(super) struct Value {
    pub line: u64,
    from: usize,
    to: usize,
}

impl JsonStream {
    pub fn new(blocks: Blocks, first: Vec<u8>) -> Self {
        JsonStream { blocks, buffer: first, start: 0, line: 1, ended: false }
    }

    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Lines passed so far.
    pub fn lines(&self) -> u64 {
        self.line
    }

    /// The bytes of a value that was just handed out.
    pub fn bytes(&self, value: &Value) -> &[u8] {
        &self.buffer[value.from..value.to]
    }

    pub fn place(&self, line: u64) -> Place {
        Place { source: self.blocks.name.clone(), line }
    }

    /// Reads one more block behind what is there; false at the end.
    fn more(&mut self) -> Result<bool, ImportError> {
        if self.ended {
            return Ok(false);
        }
        let Some(block) = self.blocks.next()? else {
            self.ended = true;
            return Ok(false);
        };
        if self.start == self.buffer.len() {
            self.buffer = block;
        } else {
            self.buffer.drain(..self.start);
            self.buffer.extend_from_slice(&block);
        }
        self.start = 0;
        Ok(true)
    }

    /// The next value. A line that looks like a whole object is taken for one without looking inside, which is
    /// much faster; a reader that finds it cut off asks for [`JsonStream::widen`].
    pub fn next(&mut self) -> Result<Option<Value>, ImportError> {
        if !self.skip_whitespace()? {
            return Ok(None);
        }
        let line = self.line;
        let mut scanned = self.start;
        let newline = loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[scanned..]) {
                break Some(scanned + at);
            }
            // `more` moves the unread part to the front.
            scanned = self.buffer.len() - self.start;
            if !self.more()? {
                break None;
            }
        };
        let end = newline.unwrap_or(self.buffer.len());
        let text = self.buffer[self.start..end].trim_ascii_end();
        if text.first() == Some(&b'{') && text.last() == Some(&b'}') && text.len() > 1 {
            let value = Value { line, from: self.start, to: self.start + text.len() };
            self.start = end;
            return Ok(Some(value));
        }
        self.scan(line).map(Some)
    }

    /// Takes a value that turned out not to end with its line, or of which there are several on one line.
    pub fn widen(&mut self, value: &Value) -> Result<Value, ImportError> {
        self.start = value.from;
        self.line = value.line;
        self.scan(value.line)
    }

    fn skip_whitespace(&mut self) -> Result<bool, ImportError> {
        loop {
            while let Some(byte) = self.buffer.get(self.start) {
                match byte {
                    b'\n' => self.line += 1,
                    b' ' | b'\t' | b'\r' => {}
                    // A byte order mark, or the record separator of JSON text sequences.
                    0xEF | 0xBB | 0xBF | 0x1E => {}
                    _ => return Ok(true),
                }
                self.start += 1;
            }
            if !self.more()? {
                return Ok(false);
            }
        }
    }

    /// Finds the end of a value by its brackets.
    fn scan(&mut self, line: u64) -> Result<Value, ImportError> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        let mut length = 0;
        loop {
            while let Some(byte) = self.buffer.get(self.start + length) {
                length += 1;
                if in_string {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => in_string = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    b'\n' => self.line += 1,
                    _ => {}
                }
                // Outside of brackets only whitespace can be, so anything else ends here and fails to parse.
                if depth == 0 {
                    let (from, to) = (self.start, self.start + length);
                    self.start = to;
                    return Ok(Value { line, from, to });
                }
            }
            if !self.more()? {
                return Err(ImportError::CutOff { place: self.place(line) });
            }
        }
    }
}
