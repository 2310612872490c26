//! The index of a log that is being written.

use super::encode_names::NameTables;
use super::index::{self, Indexer, Numbers, Touches};
use crate::event::Event;
use crate::names::{NodeId, ObjectId, Seq};

/// An index is due after this many bytes of frames: what it does not speak of yet has to be read by everybody who asks.
const INDEX_AFTER: u64 = 1 << 20;
/// At the end of a log it is written for fewer: there will be no other. Less is read as fast as an index is.
const INDEX_AT_CLOSE: u64 = 64 << 10;

/// What a writer knows of frames that no index speaks of yet.
#[derive(Default)]
pub(super) struct Indexing {
    indexer: Indexer,
    pending: Vec<Touches>,
    /// Where the last index begins, or 0.
    last: u64,
}

impl Indexing {
    /// Takes note of a frame that was written or read.
    pub fn frame(&mut self, offset: u64, first: Seq, events: &[Event]) {
        self.pending.extend(self.indexer.frame(offset, first, events));
    }

    /// Goes on where another writer ended, whose last index begins there: what that and those before it speak of is done.
    pub fn resume(&mut self, last: u64) {
        self.pending.retain(|frame| frame.offset > last);
        self.last = last;
    }

    /// One that has seen nothing of the log so far, and thinks that an index is due.
    #[cfg(test)]
    pub fn forgetful(last: u64) -> Indexing {
        let mut indexing = Indexing { last, ..Indexing::default() };
        let late = Event::new(
            crate::time::Time(0),
            crate::event::Track::User,
            crate::event::Body::NodeCordoned { node: NodeId::from_index(0) },
        );
        indexing.frame(0, Seq(1), &[late]);
        indexing
    }

    /// Where the last index begins, or 0.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether an index is due in a log that ends there, perhaps for good.
    pub fn due(&self, end: u64, closing: bool) -> bool {
        let from = self.pending.first().map_or(end, |frame| frame.offset);
        end - from >= if closing { INDEX_AT_CLOSE } else { INDEX_AFTER }
    }

    /// The payload of the index that begins there.
    pub fn take(&mut self, at: u64, names: &NameTables) -> Vec<u8> {
        let numbers = Numbers {
            node: &|index| names.node_number(NodeId::from_index(index as usize)),
            object: &|index| names.object_number(ObjectId::from_index(index as usize)),
        };
        let payload = index::to_bytes(self.last, &self.pending, &numbers);
        self.pending.clear();
        self.last = at;
        payload
    }
}
