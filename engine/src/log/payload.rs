//! The archive in a frame of events: new names, heads, words.

use rkyv::rancor;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Serialize};

/// A batch as it is stored. See [`super::format`] for its bytes.
#[derive(Archive, Serialize, Clone, Default)]
pub(super) struct Payload {
    pub deltas: Vec<Delta>,
    pub heads: Vec<Head>,
    pub words: Vec<u32>,
}

/// Names that are used for the first time.
#[derive(Archive, Serialize, Clone, Default)]
pub(super) struct Delta {
    /// How many entries each table had before; by this a reader that lost a frame knows which numbers it misses.
    pub base: [u32; 7],
    pub symbols: Texts,
    pub documents: Texts,
    pub nodes: Vec<u32>,
    pub objects: Vec<u32>,
    pub shapes: Vec<u32>,
    pub resources: Vec<u32>,
    pub node_specs: Vec<u32>,
}

/// Texts one after the other.
#[derive(Archive, Serialize, Clone, Default)]
pub(super) struct Texts {
    pub lens: Vec<u32>,
    pub bytes: Vec<u8>,
}

/// The fixed part of an event.
#[derive(Archive, Serialize, Clone, Copy, Default)]
pub(super) struct Head {
    pub dt_us: u32,
    pub cause_back: u32,
    pub kind: u8,
    pub track: u8,
    pub flags: u8,
    pub words: u8,
}

impl Payload {
    /// Archives the batch behind what is in a buffer, whose length is a multiple of 16.
    pub fn archive_into(&self, buffer: AlignedVec) -> Result<AlignedVec, rancor::Error> {
        rkyv::api::high::to_bytes_in(self, buffer)
    }

    /// Adds an event: how much later it is than the one before, how far back its cause lies, the second half of its
    /// head, its words.
    #[inline]
    pub fn push(&mut self, dt_us: u64, cause_back: u64, meta: [u8; 4], words: &[u32]) {
        if (dt_us | cause_back) >> 32 != 0 {
            let (dt_us, cause_back) = ((dt_us >> 32) as u32, (cause_back >> 32) as u32);
            self.heads.push(Head { dt_us, cause_back, ..Head::default() });
        }
        let [kind, track, flags, count] = meta;
        let (dt_us, cause_back) = (dt_us as u32, cause_back as u32);
        self.heads.push(Head { dt_us, cause_back, kind, track, flags, words: count });
        self.words.extend_from_slice(words);
    }

    /// Forgets the batch and keeps the room.
    pub fn clear(&mut self) {
        self.deltas.clear();
        self.heads.clear();
        self.words.clear();
    }
}

/// The batch in a payload, in place, when it is one. Integrity is the frame digest's matter; this checks only that
/// everything lies within the bytes.
pub(super) fn access(payload: &[u8]) -> Result<&ArchivedPayload, rancor::Error> {
    rkyv::access::<ArchivedPayload, rancor::Error>(payload)
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        // A text is far below 4 GiB: the frame would be refused before.
        self.lens.push(text.len() as u32);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub fn clear(&mut self) {
        self.lens.clear();
        self.bytes.clear();
    }
}

impl Delta {
    pub fn is_empty(&self) -> bool {
        self.symbols.lens.is_empty()
            && self.documents.lens.is_empty()
            && self.nodes.is_empty()
            && self.objects.is_empty()
            && self.shapes.is_empty()
            && self.resources.is_empty()
            && self.node_specs.is_empty()
    }

    pub fn clear(&mut self) {
        self.symbols.clear();
        self.documents.clear();
        self.nodes.clear();
        self.objects.clear();
        self.shapes.clear();
        self.resources.clear();
        self.node_specs.clear();
    }
}
