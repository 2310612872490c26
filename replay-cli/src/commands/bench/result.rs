//! What a measurement gives, as it is printed and kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A file of results.
#[derive(Debug, Serialize, Deserialize)]
pub struct Document {
    /// The program's version.
    pub version: String,
    /// How many processors the machine has.
    pub processors: usize,
    /// One entry a preset or trace.
    pub results: Vec<Outcome>,
}

impl Document {
    /// A file with some results.
    pub fn of(results: &[Outcome]) -> Document {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Document { version, processors, results: results.to_vec() }
    }
}

/// One workload's result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The preset's or the trace's name.
    pub preset: String,
    /// How much larger than the preset it was.
    pub scale: f64,
    /// Nodes at the end.
    pub nodes: u64,
    /// DaemonSets at the end.
    pub daemon_sets: u64,
    /// Pods at the end.
    pub pods: u64,
    /// The measured times of the runs, in the order in which they were made.
    pub seconds: Vec<f64>,
    /// The median of them.
    pub median_seconds: f64,
    /// Events from outside in what was measured.
    pub input_events: u64,
    /// All events in what was measured, from outside and made by the actors.
    pub events: u64,
    /// `events` by the median time.
    pub events_per_second: f64,
    /// The median time by `input_events`.
    pub ns_per_input_event: f64,
    /// Pods created.
    pub creates: u64,
    /// Pods whose deletion was asked for.
    pub deletes: u64,
    /// Looks of the DaemonSet controller at a DaemonSet.
    pub syncs: u64,
    /// `syncs` by the median time.
    pub syncs_per_second: f64,
    /// Statuses written.
    pub status_writes: u64,
    /// What memory grew by from the cluster of nodes to the end of the run, by the pods at the end.
    pub bytes_per_pod: f64,
    /// The same by the events of the whole run.
    pub bytes_per_event: f64,
    /// The most memory that the first run took, setting up included.
    pub peak_rss_bytes: u64,
    /// The run's digest.
    pub digest: String,
    /// The same with its trace read from a log and the run written; only if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<Logged>,
    /// Where the time goes; from a run of its own, which the looking on makes slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// How long a run takes whose trace is read from a log on disk, checked, and that is written itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// The median when the run is written to memory.
    pub memory_seconds: f64,
    /// The median when it is written to the disk of the folder for temporary files, and synced at the end.
    pub disk_seconds: f64,
}

/// Where the time goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Events by kind: how many, and nanoseconds each to apply them and let every actor take note.
    pub kinds: BTreeMap<String, Cost>,
    /// By actor: how often it acted, and nanoseconds in all, to take note of events and to act.
    pub actors: BTreeMap<String, ActorCost>,
    /// Half of the controller's acts took at most so many nanoseconds for each sync in them.
    pub sync_p50_ns: u64,
    /// Of a hundred acts, 99 took at most so many nanoseconds for each sync in them.
    pub sync_p99_ns: u64,
    /// How long one look at the clock takes; taken off from the above.
    pub clock_ns: f64,
}

/// What one kind of event costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// How many there were.
    pub count: u64,
    /// Nanoseconds each.
    pub ns_each: f64,
}

/// What one actor costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActorCost {
    /// How often it acted.
    pub acts: u64,
    /// Nanoseconds in all, acting.
    pub act_ns: u64,
    /// Nanoseconds in all, taking note of events.
    pub observe_ns: u64,
}

/// The median of some numbers; 0 of none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (len, middle) if len % 2 == 1 => sorted[middle],
        (_, middle) => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}
