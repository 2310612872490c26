//! Which pod a scenario's reference means, and what is known of pods and revisions before a phase.

use std::collections::BTreeMap;

use crate::actors::daemonset::RevisionOperation;
use crate::cluster::Cluster;
use crate::event::{Body, Event};
use crate::names::{Names, PodId, RevisionId, Sym};

/// The references of pods. It is told of events after they have happened, so that while a phase is being
/// recorded it still knows what was before.
#[derive(Debug, Default)]
pub(super) struct Book {
    by_ref: BTreeMap<String, PodId>,
    pods: BTreeMap<PodId, Entry>,
    revisions: BTreeMap<RevisionId, (Sym, Sym, i64)>,
}

#[derive(Clone, Debug)]
struct Entry {
    reference: String,
    namespace: Sym,
    hash: Sym,
}

impl Book {
    /// The pod of a reference.
    pub fn pod(&self, reference: &str) -> Option<PodId> {
        self.by_ref.get(reference).copied()
    }

    /// A pod's reference.
    pub fn reference(&self, pod: PodId) -> String {
        self.pods.get(&pod).map(|entry| entry.reference.clone()).unwrap_or_default()
    }

    /// The number of the revision whose label a pod has, after some revisions were renumbered; 0 if there is
    /// none.
    pub fn revision_of(&self, pod: PodId, renumbered: &[RevisionOperation]) -> i64 {
        let Some(pod) = self.pods.get(&pod) else { return 0 };
        let labelled = self.revisions.iter().filter(|(_, r)| (r.0, r.1) == (pod.namespace, pod.hash));
        let number = |(id, revision): (&RevisionId, &(Sym, Sym, i64))| {
            let new = renumbered.iter().find_map(|operation| match operation {
                RevisionOperation::Number(renumbered, number) if renumbered == id => Some(*number),
                _ => None,
            });
            new.unwrap_or(revision.2)
        };
        labelled.map(number).max().unwrap_or(0)
    }

    /// A revision's number.
    pub fn revision_number(&self, revision: RevisionId) -> i64 {
        self.revisions.get(&revision).map_or(0, |r| r.2)
    }

    /// Gives a pod the reference that the scenario has for it.
    pub fn name(&mut self, pod: PodId, reference: &str, cluster: &Cluster) {
        self.forget(pod);
        let Some(facts) = cluster.pod(pod) else { return };
        self.by_ref.insert(reference.to_owned(), pod);
        let (namespace, hash) = (facts.namespace, cluster.pod_revision_hash(pod));
        self.pods.insert(pod, Entry { reference: reference.to_owned(), namespace, hash });
    }

    fn forget(&mut self, pod: PodId) {
        if let Some(entry) = self.pods.remove(&pod) {
            self.by_ref.remove(&entry.reference);
        }
    }

    /// Takes note of an event that has happened.
    pub fn note(&mut self, event: &Event, names: &Names, cluster: &Cluster) {
        match event.body {
            Body::PodCreated {
                pod, owner: Some(owner), node: Some(node), ordinal, namespace, shape, ..
            } => {
                let reference = format!("{}@{}#{ordinal}", names.object_name(owner), names.node_name(node));
                self.forget(pod);
                self.by_ref.insert(reference.clone(), pod);
                let hash = names.pod_shape(shape).revision_hash;
                self.pods.insert(pod, Entry { reference, namespace, hash });
            }
            Body::PodLabelSet { pod, .. } | Body::PodLabelRemoved { pod, .. } => {
                if let Some(entry) = self.pods.get_mut(&pod) {
                    entry.hash = cluster.pod_revision_hash(pod);
                }
            }
            Body::PodGone { pod } => self.forget(pod),
            Body::RevisionCreated { revision, number, namespace, hash, .. } => {
                self.revisions.insert(revision, (namespace, hash, number));
            }
            Body::RevisionNumbered { revision, number } => {
                if let Some(entry) = self.revisions.get_mut(&revision) {
                    entry.2 = number;
                }
            }
            Body::RevisionLabelled { revision, hash } => {
                if let Some(entry) = self.revisions.get_mut(&revision) {
                    entry.1 = hash;
                }
            }
            Body::RevisionDeleted { revision } => {
                self.revisions.remove(&revision);
            }
            _ => {}
        }
    }
}
