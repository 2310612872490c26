//! The bytes of a log, told so that a reader could be written in another language.
//!
//! All numbers are little-endian; offsets and lengths are in bytes. A log is one file (`*.tape`): a file header of
//! 64 bytes, then frames. Every frame begins at a multiple of 16. Nothing that was committed is ever rewritten,
//! but for state and length in the file header.
//!
//! # File header, 64 bytes
//!
//! | offset | size | what |
//! |---|---|---|
//! | 0 | 8 | `89 6B 74 61 70 65 0D 0A` ([`FILE_MAGIC`]): a byte that no text has, `ktape`, a line end that text tools change |
//! | 8 | 4 | format version: [`FORMAT_VERSION`]. A reader refuses a newer one and reads every older one |
//! | 12 | 4 | how payloads are archived: [`ARCHIVE_WORD`] |
//! | 16 | 4 | version of the event vocabulary that the writer knew: [`SCHEMA_VERSION`]; told to people, never a reason to refuse |
//! | 20 | 4 | state: 1 open (being written, or its writer died), 2 closed |
//! | 24 | 8 | in state 2, the length of the file; in state 1, and in versions 1 and 2, zero |
//! | 32 | 28 | zero |
//! | 60 | 4 | CRC-32 (IEEE) of bytes 0..60 |
//!
//! Every version keeps this layout but for what it says to be zero.
//!
//! A closed log that is not as long as it says was changed by something else than a writer. If it is shorter, its end is
//! missing, also if what is left ends with a close frame: that is then an earlier one. If it is longer, what follows is damage. In
//! versions 1 and 2 a log that was cut behind an earlier close frame cannot be told from a whole one.
//!
//! The state is changed by one write of the 64 bytes. When a log is closed, its frames are on disk before; when it is opened again, the
//! header is on disk before the first frame that is appended. So both headers, before and after, are true while the
//! change is made, and a write of which only a first part was done (no word of 4 bytes in part) is state 1, and known by
//! the checksum of the header before:
//!
//! - state 2, and the checksum is that of the header with state 1 and length zero: it was being closed;
//! - state 1, and the checksum is that of the header with state 2 and the length as it stands there, or the length of the
//!   file, of which the first bytes may be cleared already: it was being opened.
//!
//! Any other wrong checksum is damage. A writer that is alive holds an exclusive lock (`flock`) on the file. State 1 without a lock: the writer died.
//!
//! # Frames
//!
//! A header of 64 bytes, the payload, zeros up to a multiple of 16, and the digest of 16 bytes.
//!
//! | offset | size | what |
//! |---|---|---|
//! | 0 | 4 | `4B 46 52 4D` (`KFRM`, [`FRAME_MAGIC`]) |
//! | 4 | 1 | kind, [`FrameKind`]: 1 genesis, 2 events, 3 checkpoint, 4 names, 5 close, 6 index |
//! | 5 | 3 | zero |
//! | 8 | 4 | length of the payload, without padding; at most [`PAYLOAD_MAX`] |
//! | 12 | 4 | how many events the payload holds |
//! | 16 | 8 | sequence number of the first of them; without events, of the next one to come |
//! | 24 | 8 | time of the first event, signed microseconds since the Unix epoch; without events, that of the last event before, or 0 |
//! | 32 | 8 | time of the last event; without events as above |
//! | 40 | 16 | digest of the frame before; for the first frame the XXH3-128 of bytes 0..20 of the file |
//! | 56 | 4 | CRC-32 (IEEE) of bytes 0..56 |
//! | 60 | 4 | zero |
//! | 64 | | payload and padding |
//! | end | 16 | digest of this frame: XXH3-128 of (bytes 0..56 of this header, then the 16 bytes of the XXH3-128 of payload and padding) |
//!
//! A digest is stored as one 128-bit number. The digests form a chain, so the digest of a frame stands for the whole file
//! up to it, and where two logs part is found by bisection. A frame counts only when its checksum, its digest and its
//! place in the chain are right; a batch is one frame, so it is there as a whole or not at all.
//!
//! # The end of a log that was not closed
//!
//! In state 1 there may be zeros, and nothing else, from the end of the last frame to the end of the file: room that the
//! writer took ahead. They are not part of the log, and a writer that closes it cuts them off.
//!
//! If the file ends within a frame, and nothing in that is itself a whole frame, a write was cut off: the frame is not part
//! of the log. In state 1 the same holds for a frame that is not whole, is followed by no whole one, and of which the last 8
//! bytes are zero, or a disk sector (512 bytes of the file, or what of them lies in the frame; at least 16): so a write is
//! cut off in room that was taken ahead, and so a machine leaves a file that it had made longer and not written yet. If
//! the frame's header has no right checksum, its 64 bytes are taken for the frame. No whole frame looks so in its header, nor at its
//! end, where its digest is. Everything else is damage.
//!
//! # Payload of genesis and events frames
//!
//! One rkyv 0.8 archive whose root, 24 bytes, stands at the end of the payload: three lists `deltas`, `heads` and `words`,
//! each as an `i32` offset *relative to the place of that offset* and a `u32` count of elements. `deltas` has no
//! element, or one where events of this frame use names for the first time.
//!
//! **Delta**, 100 bytes: what is added to the log's dictionary before the events are read.
//!
//! | offset | what |
//! |---|---|
//! | 0 | 7 × `u32`: how many entries each table had before: symbols, nodes, objects, documents, shapes, resource lists, node specs |
//! | 28 | symbols: list of `u32` lengths, list of bytes: UTF-8 texts one after the other |
//! | 44 | documents: likewise |
//! | 60 | nodes: list of `u32`, the symbol of each name |
//! | 68 | objects: list of `u32`, 4 each: symbols of kind, namespace, name; incarnation |
//! | 76 | shapes: list of `u32`, 5 each: document; symbol of the revision hash; 1 if there is a template generation, which is the next two words (low, high) |
//! | 84 | resource lists: list of `u32`: count, then for each amount symbol, low word, high word |
//! | 92 | node specs: list of `u32`: count of labels, count of taints, 1 if unschedulable, resource list or 0, then key and value symbols of labels, then key symbol, value symbol, effect of taints |
//!
//! Entries are numbered from 1 in each table, in order of first use by an event; 0 is "none", and for symbols the
//! empty text. Tables are filled in the order above but for resource lists, which precede node specs. An entry may refer to entries of its own delta.
//!
//! **Head**, 12 bytes, one an event:
//!
//! | offset | size | what |
//! |---|---|---|
//! | 0 | 4 | microseconds since the event before in this frame; for the first, since the frame's first time (0) |
//! | 4 | 4 | cause: its distance back from this event; 0 is none |
//! | 8 | 1 | kind, see below; 0 is a filler |
//! | 9 | 1 | track: 1 cluster, 2 user, 3 DaemonSet controller, 4 ReplicaSet controller, 5 Deployment controller, 6 other workloads' controllers, 7 scheduler, 8 kubelet, 9 lifecycle |
//! | 10 | 1 | flags: 1 inferred, 2 genesis; 16 `origin` follows in one word, 32 in two, 64 `by` follows |
//! | 11 | 1 | how many payload words the event has |
//!
//! A **filler** is not an event: its first two fields are the high 32 bits of the next event's time distance and cause
//! distance; its other fields are zero.
//!
//! **Words**: the events' payload words one after the other: the fields of the kind in order, then `by`, then `origin`
//! (low, high). Zero words at the end of the fields are left out, and what is not there reads as zero. So a kind can
//! gain fields: an old record reads with the new field's zero; a record with more words than a reader knows says something
//! that the reader cannot know, and is refused by number and kind. How a field becomes words:
//!
//! - a dictionary entry, a pod slot, a revision, a count: one word; enumerations likewise, with their number;
//! - a signed 64-bit number: two words, low first, zigzag (`(n << 1) ^ (n >> 63)`);
//! - a timestamp in whole seconds: as such a number, the event's own second less the timestamp;
//! - a taint: key, value, effect; a status: desired, current, ready, updated, available, observed generation (signed),
//!   unavailable, misscheduled, 1 if there is a collision count, the collision count.
//!
//! # Kinds
//!
//! | kind | name | fields |
//! |---|---|---|
//! | 1 | NodeJoined | node, spec, created |
//! | 2 | NodeLeft | node |
//! | 3 | NodeLabelSet | node, key, value |
//! | 4 | NodeLabelRemoved | node, key |
//! | 5 | NodeTaintAdded | node, taint |
//! | 6 | NodeTaintRemoved | node, key, effect |
//! | 7 | NodeCordoned | node |
//! | 8 | NodeUncordoned | node |
//! | 9 | NodeCapacitySet | node, allocatable |
//! | 10 | NodeConditionSet | node, condition, status, reason, since |
//! | 11 | NodeSilent | node |
//! | 12 | NodeReturned | node |
//! | 13 | DrainRequested | node, options |
//! | 14 | DrainEnded | node, message |
//! | 20 | Applied | object, manifest |
//! | 21 | Scaled | object, replicas |
//! | 22 | DeleteRequested | object, propagation |
//! | 23 | ObjectRemoved | object |
//! | 24 | RolloutUndone | object, to_revision |
//! | 30 | PodCreated | pod, owner, node, namespace, shape, ordinal, name, created |
//! | 31 | PodRefused | owner, node, reason |
//! | 32 | PodDeleted | pod, why, grace_s, deadline |
//! | 33 | PodAdopted | pod, owner |
//! | 34 | PodReleased | pod |
//! | 35 | PodLabelSet | pod, key, value |
//! | 36 | PodLabelRemoved | pod, key |
//! | 37 | EvictionRefused | pod, message |
//! | 40 | RevisionCreated | revision, owner, number, namespace, name, hash, template, created |
//! | 41 | RevisionNumbered | revision, number |
//! | 42 | RevisionLabelled | revision, hash |
//! | 43 | RevisionAdopted | revision, owner |
//! | 44 | RevisionReleased | revision |
//! | 45 | RevisionDeleted | revision |
//! | 50 | StatusWritten | object, status |
//! | 51 | Synced | object |
//! | 52 | Reported | object, node, reason, message |
//! | 60 | PodBound | pod, node |
//! | 61 | PodUnschedulable | pod, message |
//! | 62 | PodNominated | pod, node |
//! | 70 | PodPhaseSet | pod, phase, reason |
//! | 71 | PodConditionSet | pod, condition, status, since |
//! | 72 | PodRestarted | pod, restarts |
//! | 73 | PodGone | pod |
//!
//! What the fields are, by their names, where it is not a symbol (`by` is one too):
//!
//! - `node`, `object`, `owner`, `shape`, `spec`, `allocatable`: entries of nodes, objects, objects, shapes, node specs,
//!   resource lists; `manifest`, `template`, and `options` of a drain: documents. 0 is none;
//! - `pod`, `revision`: numbers from 1 that the log itself assigns; `origin`: a sequence number in the log that the event came from;
//! - `created`, `since`, `deadline`: timestamps in whole seconds since the Unix epoch; `to_revision`, and `number` of a
//!   revision: signed; `replicas`, `ordinal`, `grace_s`, `restarts`: counts;
//! - `effect`: 1 NoSchedule, 2 PreferNoSchedule, 3 NoExecute; `propagation`: 1 Background, 2 Foreground, 3 Orphan;
//! - `status` of a node's or a pod's condition: 0 False, 1 True, 2 Unknown; `condition` of a pod: 1 Ready, 2 DisruptionTarget
//!   (of a node it is a symbol); `phase`: 0 Pending, 1 Running, 2 Succeeded, 3 Failed, 4 Unknown;
//! - `why`: 0 unknown, 1 user, 2 failed, 3 succeeded, 4 node missing, 5 node no longer fits, 6 outdated, 7 duplicate,
//!   8 owner gone, 9 scaled down, 10 evicted, 11 taint eviction, 12 node gone, 13 preempted.
//!
//! What an event of a kind means is told in [`crate::event`].
//!
//! # Other frames
//!
//! A **close** frame (48 bytes of payload) says that the writer ended well here: the digest of the run (16 bytes, see
//! `log::digest`), how many events (8), where the last checkpoint frame begins, or 0 (8), where the last index frame
//! begins, or 0 (8), until when the log is known to be complete, signed microseconds since the Unix epoch (8; the
//! least number: not said, and then it is the last event's time). More frames may follow, when a log was opened again
//! to append. In version 1 it ends after the place of the checkpoint (32 bytes), and there are no index frames; a log of
//! version 1 that is opened to append stays one.
//!
//! A **checkpoint** frame holds the state after all events before it, so that reading can begin there: where the checkpoint
//! before begins, or 0 (8); where the names frame begins that completes its names (8); the version of its content,
//! [`CHECKPOINT_VERSION`] (4); zero (4); the length of the actors' state (8) and that; then in bincode 2 (standard
//! configuration) for each table of the log's dictionary the writer's own numbers in order of the log's, and the state of
//! the cluster. A **names** frame holds the writer's own dictionary since its names frame before: where that begins, or 0
//! for none (8); the version (4); zero (4); entries in bincode.
//!
//! An **index** frame says which nodes and objects the events frames since the index frame before it touch, so that a reader
//! who asks about one of them can leave the other frames out: where the index frame before begins, or 0 (8); the version of
//! its content, [`INDEX_VERSION`] (4); how many frames it speaks of (4); and for each of them, in order:
//!
//! | size | what |
//! |---|---|
//! | 8 | where the frame begins |
//! | 8 | sequence number of its first event |
//! | 8, 8 | times of its first and last event |
//! | 4 | how many events it holds |
//! | 4 | how many bytes of sets follow |
//! | | four sets: nodes that are touched, objects that are touched, objects of which the desired state changes, causes |
//!
//! The members of the last are how many frames of events back the causes of its events are; 0 is this frame.
//! A set is the count of its members, then the difference of each one's number (in the log's dictionary) from the one
//! before (the first from 0), in LEB128 (seven bits in a byte, the low ones first; the high bit says that another byte
//! follows). An event touches the nodes and objects that it names, and those that the pod (the revision) that it names is
//! bound to or meant for, and owned by, just before or after it. The desired state is what kinds 20 to 24 change.
//!
//! These three serve speed alone: a reader of another version passes over them, and a log without them is as good.

/// The first eight bytes of every log.
pub const FILE_MAGIC: [u8; 8] = *b"\x89ktape\r\n";
/// The version that is written, and the newest that is read.
pub const FORMAT_VERSION: u32 = 3;
/// The rkyv features that define the bytes: bit 0 little-endian, bit 1 aligned, bit 2 offsets of 32 bits; from bit 8 the
/// minor version of rkyv.
pub const ARCHIVE_WORD: u32 = 0b111 | (8 << 8);
/// Counts the kinds of events: raised whenever one is added or gains a field.
pub const SCHEMA_VERSION: u32 = 1;
/// The length of the file header.
pub const FILE_HEADER_LEN: usize = 64;
/// The first four bytes of every frame.
pub const FRAME_MAGIC: [u8; 4] = *b"KFRM";
/// The length of a frame's header.
pub const FRAME_HEADER_LEN: usize = 64;
/// The length of what follows a frame's payload: its digest.
pub const FRAME_TRAILER_LEN: usize = 16;
/// Frames, and so payloads, begin at multiples of this.
pub const ALIGN: u64 = 16;
/// The longest payload of a frame: 1 GiB, well within what 32-bit relative offsets reach.
pub const PAYLOAD_MAX: usize = 1 << 30;
/// The version of what checkpoint and names frames hold: raised whenever the layout of the state changes. Others are passed over.
pub const CHECKPOINT_VERSION: u32 = 3;
/// The version of what index frames hold. Others are passed over.
pub const INDEX_VERSION: u32 = 2;
/// The length of a close frame's payload.
pub const CLOSE_LEN: usize = 48;
/// The length of a close frame's payload in version 1.
pub const CLOSE_LEN_1: usize = 32;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// The state that the log begins with, as events.
    Genesis = 1,
    /// A batch of events.
    Events = 2,
    /// A state from which reading can begin.
    Checkpoint = 3,
    /// Names that checkpoints use.
    Names = 4,
    /// The writer ended well.
    Close = 5,
    /// Which nodes and workloads the frames before it touch.
    Index = 6,
}

impl FrameKind {
    /// The kind with a number, as a frame header stores it.
    pub fn from_number(number: u8) -> Option<FrameKind> {
        use FrameKind::{Checkpoint, Close, Events, Genesis, Index, Names};
        [Genesis, Events, Checkpoint, Names, Close, Index].into_iter().find(|&kind| kind as u8 == number)
    }

    /// Whether the payload is a batch of events.
    pub fn has_events(self) -> bool {
        matches!(self, FrameKind::Genesis | FrameKind::Events)
    }
}

/// A length rounded up to where the next frame may begin.
pub fn padded(len: u64) -> u64 {
    len.next_multiple_of(ALIGN)
}
