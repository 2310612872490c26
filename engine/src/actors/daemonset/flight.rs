//! A sync's writes, one after the other, as fast as the client's rate limit lets them through.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Key;
use super::outcome::{Creation, Deletion, Report, SyncOutcome};
use super::revision::RevisionOperation;
use crate::event::WorkloadStatus;
use crate::names::{NodeId, ObjectId, PodId, Seq, Sym};
use crate::time::{Micros, Time};

/// One call of the API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Write {
    Revision(RevisionOperation),
    Release(PodId),
    Adopt(PodId),
    Relabel(PodId),
    Report(Report),
    Create(Creation),
    Refused(NodeId, String),
    Delete(Deletion),
    /// The status as it was at the start of the sync, if it is to be written; counted anew if the writes before it
    /// had to wait. The last write of every sync that gets so far.
    Status(Option<WorkloadStatus>),
}

/// A sync whose decisions are made, and being written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Flight {
    pub key: Key,
    pub object: ObjectId,
    pub woken_by: Seq,
    /// The label of created pods.
    pub hash: Sym,
    /// The generation that the sync saw; `None` if the status is not to say that it was observed.
    pub observed: Option<i64>,
    pub writes: VecDeque<Write>,
    /// Whether a write had to wait.
    pub delayed: bool,
    /// Whether the first write is out.
    pub started: bool,
    pub failed: bool,
    pub requeue_after: Option<Micros>,
    /// Before this moment nothing is written; `None` for no such moment.
    pub not_before: Option<Time>,
}

impl Flight {
    /// The writes of a sync, in the order in which upstream makes them.
    pub fn new(
        key: Key,
        woken_by: Seq,
        out: &SyncOutcome,
        object: ObjectId,
        observed: Option<i64>,
    ) -> Flight {
        let mut writes = VecDeque::new();
        writes.extend(out.revisions.iter().map(|operation| Write::Revision(*operation)));
        writes.extend(out.releases.iter().map(|pod| Write::Release(*pod)));
        writes.extend(out.adopts.iter().map(|pod| Write::Adopt(*pod)));
        writes.extend(out.relabels.iter().map(|pod| Write::Relabel(*pod)));
        writes.extend(out.reports.iter().map(|report| Write::Report(*report)));
        writes.extend(out.creates.iter().map(|creation| Write::Create(*creation)));
        writes.extend(out.refusals.iter().map(|(node, reason)| Write::Refused(*node, reason.clone())));
        writes.extend(out.deletes.iter().map(|deletion| Write::Delete(*deletion)));
        writes.extend(out.pruned.iter().map(|operation| Write::Revision(*operation)));
        if out.claims > 0 || out.status.is_some() {
            writes.push_back(Write::Status(out.status));
        }
        Flight {
            key,
            object,
            woken_by,
            hash: out.hash,
            observed,
            writes,
            delayed: false,
            started: false,
            failed: out.error.is_some(),
            requeue_after: out.requeue_after,
            not_before: None,
        }
    }
}

impl Write {
    /// Whether it takes a token of the client's rate limit. Events are sent beside the syncs.
    pub fn is_limited(&self) -> bool {
        !matches!(self, Write::Report(_) | Write::Status(None))
    }
}
