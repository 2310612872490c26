//! The garbage collector: what becomes of an object's dependents when it is deleted.
//!
//! After `attemptToDeleteItem` and `processDeletingDependentsItem`. In the background an object goes at once and what it
//! owned after it; in the foreground it waits for all that block its deletion, which go in the foreground themselves if
//! they own something; orphaned dependents stay. What has another owner that stays loses its reference alone.
//!
//! Pods and revisions have one owner here, their controller, and block its deletion, as controllers make them. An owner
//! that was never seen, of a kind that a simulation has no use for, is taken to be there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::{Change, Cluster, Object, OwnerReference, deletion_is_immediate};
use crate::event::{Body, Event, Kind, Kinds, Propagation, Track, Why};
use crate::names::{Names, ObjectId, Seq, Sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::Time;

/// The garbage collector. It acts at once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct OwnerGc {
    /// Objects that go or are gone and whose dependents need a look, with the event that asks for it.
    owners: BTreeMap<ObjectId, Seq>,
    /// Objects that may have lost their owners.
    items: BTreeMap<ObjectId, Seq>,
    /// Objects that wait for their dependents.
    waiting: BTreeSet<ObjectId>,
    /// Objects that were looked at in one act: its answers are applied after it.
    #[serde(skip)]
    seen: BTreeSet<ObjectId>,
    now: Time,
}

/// What an owner reference is worth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bond {
    /// The owner is there to stay.
    Solid,
    /// The owner is gone.
    Dangling,
    /// The owner waits for its dependents to go.
    Waiting,
}

fn bond(cluster: &Cluster, object: &Object, reference: &OwnerReference) -> Bond {
    match cluster.owner(object, reference) {
        Some(owner) if !owner.present => Bond::Dangling,
        Some(owner) if owner.deleting == Some(Propagation::Foreground) => Bond::Waiting,
        _ => Bond::Solid,
    }
}

/// Whether something would be left behind if an object went.
fn owns_something(cluster: &Cluster, object: &Object) -> bool {
    let pods = object.pods.iter().any(|pod| cluster.pod(*pod).is_some_and(|pod| !pod.gone));
    let revisions = object.revisions.iter().filter_map(|id| cluster.revision(*id));
    pods || revisions.into_iter().any(|revision| revision.present)
        || cluster.dependents(object.id).next().is_some()
}

impl OwnerGc {
    /// A collector with nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sees to the dependents of an object.
    fn collect(&mut self, context: &mut Context<'_>, id: ObjectId, cause: Seq) {
        let cluster = context.cluster;
        let Some(object) = cluster.object(id) else { return };
        self.waiting.remove(&id);
        match (object.present, object.deleting) {
            (false, _) => {
                Self::delete_controlled(context, object, cause);
                for dependent in dependents(context, id) {
                    self.look_at(context, dependent, cause);
                }
            }
            (true, Some(Propagation::Foreground)) => {
                let mut left = Self::delete_controlled(context, object, cause);
                let means =
                    |owner: &&OwnerReference| (owner.kind, owner.name) == (object.key.kind, object.key.name);
                let blocks = |dependent: &&Object| dependent.owners.iter().any(|o| means(&o) && o.blocks);
                for dependent in dependents(context, id).into_iter().filter(blocks) {
                    left |= self.look_at(context, dependent, cause);
                }
                if left {
                    self.waiting.insert(id);
                } else {
                    context.emit(Track::Lifecycle, cause, Body::ObjectRemoved { object: id });
                }
            }
            (true, Some(Propagation::Orphan)) => {
                Self::release(context, object, cause);
                context.emit(Track::Lifecycle, cause, Body::ObjectRemoved { object: id });
            }
            (true, _) => {}
        }
    }

    /// Deletes the pods and revisions that an object controls; says whether there will be pods left.
    fn delete_controlled(context: &mut Context<'_>, object: &Object, cause: Seq) -> bool {
        let cluster = context.cluster;
        let mut pods = object.pods.clone();
        pods.sort_by_key(|pod| cluster.pod(*pod).map(|pod| pod.made));
        let mut left = false;
        for id in pods {
            left |= cluster.pod(id).is_some_and(|pod| !deletion_is_immediate(pod));
            context.delete_pod(Track::Lifecycle, cause, id, Why::OwnerGone, None);
        }
        let mut revisions = object.revisions.clone();
        revisions.sort();
        for revision in revisions {
            context.emit(Track::Lifecycle, cause, Body::RevisionDeleted { revision });
        }
        left
    }

    /// Decides about an object by its owners; says whether it will still be there and hold up an owner that waits.
    fn look_at(&mut self, context: &mut Context<'_>, object: &Object, cause: Seq) -> bool {
        let (cluster, id) = (context.cluster, object.id);
        let first = self.seen.insert(id);
        let with = |wanted: Bond| {
            let owners = object.owners.iter().filter(move |owner| bond(cluster, object, owner) == wanted);
            owners.map(|owner| (owner.kind, owner.name)).collect::<Vec<_>>()
        };
        let (solid, waiting) = (with(Bond::Solid), with(Bond::Waiting));
        if !solid.is_empty() {
            if first {
                Self::drop_references(context, object, &[with(Bond::Dangling), waiting].concat(), cause);
            }
            return false;
        }
        if object.owners.is_empty() || object.deleting.is_some() {
            return object.deleting.is_some();
        }
        let propagation = match !waiting.is_empty() && owns_something(cluster, object) {
            true => Propagation::Foreground,
            false => Propagation::Background,
        };
        if first {
            context.emit(Track::Lifecycle, cause, Body::DeleteRequested { object: id, propagation });
        }
        propagation == Propagation::Foreground
    }

    /// Lets go of everything that an object owns.
    fn release(context: &mut Context<'_>, object: &Object, cause: Seq) {
        let cluster = context.cluster;
        let mut pods = object.pods.clone();
        pods.sort_by_key(|pod| cluster.pod(*pod).map(|pod| pod.made));
        for pod in pods {
            context.emit(Track::Lifecycle, cause, Body::PodReleased { pod });
        }
        let mut revisions = object.revisions.clone();
        revisions.sort();
        for revision in revisions {
            context.emit(Track::Lifecycle, cause, Body::RevisionReleased { revision });
        }
        for dependent in dependents(context, object.id) {
            Self::drop_references(context, dependent, &[(object.key.kind, object.key.name)], cause);
        }
    }

    /// Takes owner references off an object.
    fn drop_references(context: &mut Context<'_>, object: &Object, gone: &[(Sym, Sym)], cause: Seq) {
        if gone.is_empty() {
            return;
        }
        let names = &mut *context.names;
        let mut value: Value = serde_json::from_str(names.doc_text(object.manifest)).unwrap_or_default();
        let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
            let says = |owner: &Value, field: &str, sym: Sym| {
                owner.get(field).and_then(Value::as_str).is_some_and(|text| text == names.text(sym))
            };
            let is_gone =
                |owner: &Value| gone.iter().any(|(k, n)| says(owner, "kind", *k) && says(owner, "name", *n));
            owners.retain(|owner| !is_gone(owner));
            if owners.is_empty() {
                metadata.remove("ownerReferences");
            }
        }
        let manifest = names.doc(&value.to_string());
        context.emit(Track::Lifecycle, cause, Body::Applied { object: object.id, manifest });
    }
}

/// The objects that name an object among their owners, by kind and name.
fn dependents<'a>(context: &Context<'a>, owner: ObjectId) -> Vec<&'a Object> {
    let mut all: Vec<_> = context.cluster.dependents(owner).collect();
    // Those of one kind are in order; kinds are in that of their numbers.
    all.sort_by(|a, b| context.names.text(a.key.kind).cmp(context.names.text(b.key.kind)));
    all
}

/// Who is to be looked at, in the order of the events that ask for it, then by name.
fn by_cause(asked: &mut BTreeMap<ObjectId, Seq>, names: &Names) -> Vec<(ObjectId, Seq)> {
    let mut all = super::by_cause(asked);
    let text = |object| (names.text(names.object_key(object).kind), names.object_name(object));
    all.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| text(a.0).cmp(&text(b.0))));
    all
}

impl Actor for OwnerGc {
    fn name(&self) -> &'static str {
        "garbage-collector"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::Applied,
            Kind::DeleteRequested,
            Kind::ObjectRemoved,
            Kind::PodCreated,
            Kind::PodAdopted,
            Kind::PodReleased,
            Kind::PodGone,
        ]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        match event.body {
            Body::DeleteRequested { object, .. } | Body::ObjectRemoved { object } => {
                self.owners.insert(object, seq);
                let gone = cluster.object(object).is_some_and(|object| !object.present);
                let waiting = self.waiting.iter().filter(|_| gone);
                self.owners.extend(waiting.map(|owner| (*owner, seq)));
            }
            Body::Applied { object, .. } if change.effective => {
                let found = cluster.object(object).filter(|object| !object.owners.is_empty());
                let gone = |object: &Object| {
                    object.owners.iter().any(|owner| bond(cluster, object, owner) == Bond::Dangling)
                };
                if found.is_some_and(gone) {
                    self.items.insert(object, seq);
                }
                // It may have been what they waited for.
                self.owners.extend(self.waiting.iter().map(|owner| (*owner, seq)));
            }
            // A pod of an owner that is gone already, or the last pod that an owner waits for.
            Body::PodCreated { owner: Some(owner), .. } | Body::PodAdopted { owner, .. } => {
                let gone = cluster.object(owner).is_some_and(|o| !o.present && o.applied != Seq::NONE);
                if gone {
                    self.owners.insert(owner, seq);
                }
            }
            Body::PodGone { .. } | Body::PodReleased { .. } => {
                if let Some(owner) = change.owner.filter(|owner| self.waiting.contains(owner)) {
                    self.owners.insert(owner, seq);
                }
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        (!self.owners.is_empty() || !self.items.is_empty()).then_some(self.now)
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (object, cause) in by_cause(&mut self.owners, context.names) {
            self.collect(context, object, cause);
        }
        for (object, cause) in by_cause(&mut self.items, context.names) {
            if let Some(object) = context.cluster.object(object).filter(|object| object.present) {
                self.look_at(context, object, cause);
            }
        }
        self.seen.clear();
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        *self = unpack(saved)?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "owner_gc_tests.rs"]
mod tests;
