//! What came of holding a recording against the engine's own decisions.

use std::collections::BTreeMap;

use crate::names::Seq;
use crate::time::{Micros, Time};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The DaemonSet controller created a pod.
    PodCreated,
    /// The DaemonSet controller deleted a pod.
    PodDeleted,
    /// The DaemonSet controller adopted a pod.
    PodAdopted,
    /// The DaemonSet controller released a pod.
    PodReleased,
    /// The DaemonSet controller gave a pod another revision's label.
    PodRelabelled,
    /// The DaemonSet controller created a ControllerRevision.
    RevisionCreated,
    /// The DaemonSet controller changed a ControllerRevision: its number, its label or its owner.
    RevisionChanged,
    /// The DaemonSet controller deleted a ControllerRevision.
    RevisionDeleted,
    /// The DaemonSet controller wrote a status.
    StatusWritten,
    /// kube-scheduler bound a DaemonSet's pod.
    Bound,
    /// kube-scheduler deleted a pod to make room for another.
    Preempted,
    /// Node lifecycle put a taint on a node, or took one off.
    Tainted,
    /// Taint eviction deleted a pod.
    Evicted,
    /// Pod garbage collection deleted a pod.
    PodCollected,
    /// The garbage collector deleted what an owner left behind.
    OrphanCollected,
}

impl Kind {
    /// The spelling in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::PodCreated => "pod created",
            Kind::PodDeleted => "pod deleted",
            Kind::PodAdopted => "pod adopted",
            Kind::PodReleased => "pod released",
            Kind::PodRelabelled => "pod relabelled",
            Kind::RevisionCreated => "revision created",
            Kind::RevisionChanged => "revision changed",
            Kind::RevisionDeleted => "revision deleted",
            Kind::StatusWritten => "status written",
            Kind::Bound => "daemon pod bound",
            Kind::Preempted => "pod preempted",
            Kind::Tainted => "node tainted",
            Kind::Evicted => "pod evicted",
            Kind::PodCollected => "pod of lost node",
            Kind::OrphanCollected => "dependent of owner",
        }
    }

    /// Who decides.
    pub fn controller(self) -> &'static str {
        match self {
            Kind::Bound | Kind::Preempted => "kube-scheduler",
            Kind::Tainted => "node lifecycle",
            Kind::Evicted => "taint eviction",
            Kind::PodCollected => "pod garbage collector",
            Kind::OrphanCollected => "garbage collector",
            _ => "DaemonSet controller",
        }
    }
}

/// How decisions of one kind compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes that ours would make too.
    pub agreed: u64,
    /// Of these: how many were right in a state shortly before the write, and not in the one just before it.
    pub agreed_late: u64,
    /// Writes that ours would not make, and writes that ours would make and that were not made.
    pub disagreed: u64,
    /// Writes of which nobody knows who made them. They are not compared.
    pub unattributed: u64,
    /// Of these: how many ours might make too.
    pub unattributed_alike: u64,
}

/// A decision that ours would not have made, or one that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The kind.
    pub kind: Kind,
    /// The event; for a decision that is missing the last one of its sync.
    pub seq: Seq,
    /// When.
    pub at: Time,
    /// The workload or node: `DaemonSet default/agent`.
    pub about: String,
    /// What was recorded, or is missing.
    pub recorded: String,
    /// What ours would do in that state, and why.
    pub ours: String,
    /// The state.
    pub state: String,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Events of the recording.
    pub events: u64,
    /// The time of its first and its last event.
    pub span: Option<(Time, Time)>,
    /// How decisions compared.
    pub tallies: BTreeMap<Kind, Tally>,
    /// Syncs by how long before their first write they were decided: the longest of each class, and how many.
    pub lags: BTreeMap<Micros, u64>,
    /// All disagreements, in order.
    pub disagreements: Vec<Disagreement>,
}

impl Report {
    /// Whether ours would have decided the same everywhere.
    pub fn agrees(&self) -> bool {
        self.tallies.values().all(|tally| tally.disagreed == 0)
    }

    /// All kinds together.
    pub fn total(&self) -> Tally {
        self.tallies.values().fold(Tally::default(), |sum, tally| Tally {
            agreed: sum.agreed + tally.agreed,
            agreed_late: sum.agreed_late + tally.agreed_late,
            disagreed: sum.disagreed + tally.disagreed,
            unattributed: sum.unattributed + tally.unattributed,
            unattributed_alike: sum.unattributed_alike + tally.unattributed_alike,
        })
    }
}
