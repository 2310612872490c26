//! An object as it was seen once, reduced to what the state can hold.
//!
//! A recording says the same things of an object over and over. Sightings keep of each version only what may
//! become an event, with shared parts interned, so that a recording of a gigabyte sorts in memory.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use xxhash_rust::xxh3::xxh3_64;

use super::actor::Actor;
use crate::event::{ConditionStatus, Phase, Propagation, WorkloadStatus};
use crate::names::{DocId, Names, NodeSpecId, Sym};
use crate::time::{ApiSeconds, Time};

/// A uid, or what stands in for one in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Uid(pub u32);

/// A list of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LabelsId(pub u32);

/// A text that only the import needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TextId(pub u32);

type Set<T> = IndexSet<T, FxBuildHasher>;

/// What sightings share.
#[derive(Default)]
pub(super) struct Tables {
    uids: Set<Box<str>>,
    labels: Set<Vec<(Sym, Sym)>>,
    labels_by_text: FxHashMap<u64, LabelsId>,
    texts: Set<Box<str>>,
}

fn intern<T: std::hash::Hash + Eq + ?Sized>(set: &mut Set<Box<T>>, value: &T) -> u32
where
    Box<T>: for<'a> From<&'a T>,
{
    match set.get_index_of(value) {
        Some(index) => index as u32,
        None => set.insert_full(value.into()).0 as u32,
    }
}

impl Tables {
    pub fn uid(&mut self, text: &str) -> Uid {
        Uid(intern(&mut self.uids, text))
    }

    pub fn uid_count(&self) -> usize {
        self.uids.len()
    }

    pub fn text(&mut self, text: &str) -> TextId {
        TextId(intern(&mut self.texts, text))
    }

    pub fn text_of(&self, id: TextId) -> &str {
        &self.texts[id.0 as usize]
    }

    /// The labels in a raw JSON object; texts that were met before are not read again.
    pub fn labels(&mut self, raw: Option<&str>, names: &mut Names) -> Result<LabelsId, serde_json::Error> {
        let raw = raw.unwrap_or("{}");
        let hash = xxh3_64(raw.as_bytes());
        if let Some(&id) = self.labels_by_text.get(&hash) {
            return Ok(id);
        }
        let map: std::collections::BTreeMap<String, Option<String>> = serde_json::from_str(raw)?;
        let mut labels: Vec<(Sym, Sym)> = Vec::with_capacity(map.len());
        for (key, value) in &map {
            labels.push((names.sym(key), names.sym(value.as_deref().unwrap_or_default())));
        }
        let id = LabelsId(self.labels.insert_full(labels).0 as u32);
        self.labels_by_text.insert(hash, id);
        Ok(id)
    }

    /// Labels, sorted by key as text.
    pub fn labels_of(&self, id: LabelsId) -> &[(Sym, Sym)] {
        &self.labels[id.0 as usize]
    }
}

/// How an object came to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Added,
    Modified,
    Deleted,
    /// In a list or manifest.
    Listed,
    /// In the response to a write, in the audit log.
    Written,
    /// Deleted, says the audit log.
    WrittenAway,
}

impl Seen {
    pub fn is_deletion(self) -> bool {
        matches!(self, Seen::Deleted | Seen::WrittenAway)
    }
}

/// One object, seen once.
#[derive(Debug)]
pub(super) struct Sighting {
    /// `metadata.resourceVersion`; 0 if there is none or it is no number.
    pub version: u64,
    /// When it arrived, where the source says.
    pub arrived: Option<Time>,
    /// The newest of its own timestamps, where the source does not say when it arrived.
    pub newest: Option<Time>,
    pub source: u16,
    pub line: u64,
    pub seen: Seen,
    pub kind: Sym,
    pub namespace: Sym,
    pub name: Sym,
    pub uid: Uid,
    /// Whether `uid` is made up, for a manifest.
    pub manifest: bool,
    pub created: Option<ApiSeconds>,
    pub view: View,
}

/// What was seen of it.
#[derive(Debug)]
pub(super) enum View {
    Node(Box<NodeView>),
    Pod(Box<PodView>),
    Object(Box<ObjectView>),
    Revision(Box<RevisionView>),
    /// A Kubernetes Event about a DaemonSet.
    Report(Box<ReportView>),
    /// A pod that was refused, says the audit log.
    Refusal(Box<Refusal>),
    /// Nothing: the audit log says that it was deleted.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnerRef {
    pub kind: Sym,
    pub name: Sym,
    pub uid: Uid,
}

#[derive(Clone, Debug)]
pub(super) struct NodeView {
    pub spec: NodeSpecId,
    pub conditions: Vec<ConditionView>,
    /// Hash of the annotations' text, to tell what changed when nothing that counts did.
    pub annotations: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConditionView {
    pub condition: Sym,
    pub status: ConditionStatus,
    pub reason: Sym,
    pub since: ApiSeconds,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PodView {
    pub owner: Option<OwnerRef>,
    /// The node that its required affinity names.
    pub target: Option<Sym>,
    /// `spec.nodeName`.
    pub node: Option<Sym>,
    pub labels: LabelsId,
    /// Canonical JSON of annotations and finalizers.
    pub extras: TextId,
    /// Canonical JSON of the spec without what differs between pods of one template.
    pub spec: TextId,
    pub priority_class: Sym,
    pub priority: Option<i32>,
    pub phase: Phase,
    pub reason: Sym,
    pub ready: Option<(ConditionStatus, ApiSeconds)>,
    /// Status, since when, reason.
    pub disruption: Option<(ConditionStatus, ApiSeconds, Sym)>,
    /// The scheduler's message while it finds no node.
    pub unschedulable: Option<Sym>,
    pub nominated: Option<Sym>,
    pub restarts: u32,
    /// `deletionTimestamp` and grace in seconds.
    pub deletion: Option<(ApiSeconds, u32)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectView {
    pub manifest: DocId,
    /// Hash of the manifest without `metadata.generation`.
    pub sans_generation: u64,
    /// Hash of the manifest without `metadata.generation` and `spec.replicas`.
    pub sans_replicas: u64,
    pub replicas: Option<u32>,
    pub owner: Option<OwnerRef>,
    pub deletion: Option<Propagation>,
    pub status: Option<WorkloadStatus>,
    /// Hash of the status' text.
    pub status_text: u64,
    /// The template's priority class.
    pub priority_class: Sym,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RevisionView {
    pub owner: Option<OwnerRef>,
    pub number: i64,
    pub hash: Sym,
    pub template: DocId,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ReportView {
    pub about: OwnerRef,
    pub node: Option<Sym>,
    pub reason: Sym,
    pub message: Sym,
    pub component: Sym,
}

/// A pod that the API server refused to a controller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub owner: OwnerRef,
    pub node: Option<Sym>,
    pub reason: Sym,
    pub actor: Actor,
    pub user: Sym,
}
