//! What a run has to remember, beside the state of the cluster, to go on from the middle.

use serde::{Deserialize, Serialize};

use super::playback::Remembered;
use crate::cluster::Cluster;
use crate::log::Checkpoint;
use crate::names::{Names, Seq};
use crate::saved::{SaveError, pack, unpack};
use crate::time::Time;

/// A run at a moment between two others, from which it can go on; see [`super::resume`].
#[derive(Clone, Debug)]
pub struct Midway {
    /// The dictionary.
    pub names: Names,
    /// The state.
    pub cluster: Cluster,
    /// The last event.
    pub seq: Seq,
    /// What the run and its actors remember: what [`super::Sink::checkpoint`] is given.
    pub memory: Vec<u8>,
}

impl From<Checkpoint> for Midway {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { names, cluster, actors: memory, seq, .. } = checkpoint;
        Midway { names, cluster, seq, memory }
    }
}

/// What a run remembers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The actors' state, by name, in their order.
    pub actors: Vec<(String, Vec<u8>)>,
    pub playback: Remembered,
    /// How many events of the trace were read.
    pub read: u64,
    /// How many what-ifs were done.
    pub injected: u64,
    pub last_activity: Option<Time>,
    pub first: Option<Time>,
    pub trace_end: Option<Time>,
    pub by_track: [u64; 16],
}

impl Memory {
    pub fn to_bytes(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Memory, SaveError> {
        unpack(bytes)
    }
}
