//! A sync's writes, one after the other, as fast as the client's rate limit lets them through.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Key;
use super::outcome::{Creation, Deletion, Report, SyncOutcome};
use super::revision::RevisionOperation;
use crate::cluster::Object;
use crate::event::WorkloadStatus;
use crate::names::{DocId, NodeId, ObjectId, PodId, Seq, ShapeId, Sym};
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
    /// What created pods are made from, as the sync saw it.
    pub pod_doc: DocId,
    pub template_generation: i64,
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
    /// The shape of the pods that it creates, once it has created one.
    #[serde(skip)]
    pub shape: Option<ShapeId>,
}

impl Flight {
    /// A sync that has nothing to write yet.
    pub fn new(key: Key, woken_by: Seq, out: &SyncOutcome, object: &Object) -> Flight {
        let spec = object.daemon_set();
        Flight {
            key,
            object: object.id,
            woken_by,
            hash: out.hash,
            pod_doc: spec.map_or(DocId::from_index(0), |spec| spec.pod_doc),
            template_generation: spec.map_or(0, |spec| spec.template_generation),
            observed: out.observes.then_some(object.generation),
            writes: VecDeque::new(),
            delayed: false,
            started: false,
            failed: out.error.is_some(),
            requeue_after: out.requeue_after,
            not_before: None,
            shape: None,
        }
    }
}

/// The writes of a sync, in the order in which upstream makes them.
pub(super) fn writes(out: &SyncOutcome) -> impl Iterator<Item = Write> + '_ {
    let creates = out.creates.iter().map(|creation| Write::Create(*creation));
    let refusals = out.refusals.iter().map(|(node, reason)| Write::Refused(*node, reason.clone()));
    let deletes = out.deletes.iter().map(|deletion| Write::Delete(*deletion));
    let status = (out.claims > 0 || out.status.is_some()).then_some(Write::Status(out.status));
    (out.revisions.iter().map(|operation| Write::Revision(*operation)))
        .chain(out.releases.iter().map(|pod| Write::Release(*pod)))
        .chain(out.adopts.iter().map(|pod| Write::Adopt(*pod)))
        .chain(out.relabels.iter().map(|pod| Write::Relabel(*pod)))
        .chain(out.reports.iter().map(|report| Write::Report(*report)))
        .chain(creates)
        .chain(refusals)
        .chain(deletes)
        .chain(out.pruned.iter().map(|operation| Write::Revision(*operation)))
        .chain(status)
}

impl Write {
    /// Whether it takes a token of the client's rate limit. Events are sent beside the syncs.
    pub fn is_limited(&self) -> bool {
        !matches!(self, Write::Report(_) | Write::Status(None))
    }
}
