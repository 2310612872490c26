//! The event log: nothing acknowledged is lost, nothing damaged is believed.
//!
//! One file is one log; [`mod@format`] tells its bytes. A [`Writer`] appends batches of events, each committed as a whole
//! or not at all; a [`Reader`] hands them out in order, checked. A [`Draft`] is an output that takes its name only when
//! it is whole. [`seek()`] finds the state at a moment, and [`Lookup`] the events that touch a node or an object, without
//! reading all. A run has an identity, [`Digest`], that does not depend on how it was cut into batches or whether it was
//! written at all ([`Identity`]).
//!
//! ```
//! use kubetape_engine::event::{Body, Event, Track};
//! use kubetape_engine::log::{MemoryStorage, Options, Reader, Writer};
//! use kubetape_engine::names::Names;
//! use kubetape_engine::time::Time;
//!
//! let mut names = Names::new();
//! let worker = names.sym("worker-1");
//! let node = names.node(worker);
//! let storage = MemoryStorage::new();
//! let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default())?;
//! writer.append(&names, &[Event::new(Time(0), Track::Cluster, Body::NodeCordoned { node })])?;
//! let digest = writer.close()?;
//!
//! let mut reader = Reader::from_bytes(storage.bytes())?.with_digest();
//! let (mut names, mut events) = (Names::new(), Vec::new());
//! let batch = reader.next_batch(&mut names, &mut events)?.expect("one batch was written");
//! assert_eq!(batch.last.0, 1);
//! assert_eq!(events[0].body.node().map(|node| names.node_name(node)), Some("worker-1"));
//! assert_eq!(reader.digest(), Some(digest));
//! # Ok::<(), kubetape_engine::log::LogError>(())
//! ```

pub mod format;

mod ahead;
mod behind;
mod checkpoint;
mod close;
mod codec;
mod cut;
mod decode_names;
mod decoder;
mod dictionary;
mod digest;
mod draft;
mod encode_names;
mod encoder;
mod error;
mod faulty;
mod file;
mod frame;
mod frames;
mod genesis;
mod header;
mod index;
mod indexing;
mod landmarks;
mod lookup;
mod merge;
mod payload;
mod reader;
mod repair;
mod scan;
mod seek;
mod stat;
mod storage;
mod verify;
mod window;
mod writer;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod lookup_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod seek_tests;
#[cfg(test)]
mod tests;

pub use ahead::ReadAhead;
pub use cut::{Cut, cut};
pub use digest::Digest;
pub use draft::Draft;
pub use encoder::Identity;
pub use error::{Damage, LogError, Torn};
pub use faulty::{Fault, FaultyStorage};
pub use file::FileStorage;
pub use header::State;
pub use lookup::{Lookup, Part, Subject};
pub use merge::{MergeError, Merged, merge};
pub use reader::{Batch, Reader};
pub use repair::{Repaired, repair};
pub use scan::{Scanned, scan};
pub use seek::{Checkpoint, Moment, Position, SeekError, checkpoint, checkpoint_in, seek, seek_in};
pub use stat::{Stat, stat};
pub use storage::{FixedStorage, MemoryStorage, Storage};
pub use verify::{Report, verify};
pub use writer::{Options, Recovered, SyncPolicy, Writer};
