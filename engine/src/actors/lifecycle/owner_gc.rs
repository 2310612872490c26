//! The garbage collector: what becomes of an object's dependents when it is deleted.
//!
//! After `attemptToDeleteItem` and `processDeletingDependentsItem`. In the background an object goes at once and what it
//! owned after it; in the foreground it waits for all that block its deletion, which go in the foreground themselves if
//! they own something; orphaned dependents stay. What has another owner that stays loses its reference alone.
//!
//! Pods and revisions have one owner here, their controller, and block its deletion, as controllers make them. An owner
//! that was never seen, of a kind that a simulation has no use for, is taken to be there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Settings;
use crate::actors::limit::Bucket;
use crate::cluster::{Change, Cluster, Object, OwnerReference, deletion_is_immediate};
use crate::event::{Body, Event, Kind, Kinds, Propagation, Track, Why};
use crate::names::{Names, ObjectId, PodId, RevisionId, Seq, Sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::Time;

/// The garbage collector. It sees to dependents as fast as its client may call: reading one and deleting it are two calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct OwnerGc {
    #[serde(skip)]
    settings: Settings,
    /// Objects that go or are gone and whose dependents need a look, with the event that asks for it.
    owners: BTreeMap<ObjectId, Seq>,
    /// Objects that wait for their dependents.
    waiting: BTreeSet<ObjectId>,
    /// What may have lost its owners, in turn, with the event that asks for a look.
    queue: VecDeque<(Item, Seq)>,
    /// What is in the queue.
    queued: BTreeSet<Item>,
    /// What is being seen to, and when its second call is made.
    current: Option<(Time, Item, Seq)>,
    client: Bucket,
    now: Time,
}

/// Something that has owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Item {
    /// A pod, with the event that made it: a slot may have been given to another since.
    Pod(PodId, Seq),
    Revision(RevisionId),
    Object(ObjectId),
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

/// Whether an object is gone or waits for its dependents to go, so that what it controls is to go.
fn lets_go(cluster: &Cluster, owner: ObjectId) -> bool {
    let object = cluster.object(owner).filter(|object| object.applied != Seq::NONE);
    object.is_some_and(|object| !object.present || object.deleting == Some(Propagation::Foreground))
}

/// Pods and revisions that an object controls, in order of creation.
fn controlled(cluster: &Cluster, object: &Object) -> Vec<Item> {
    let pods = object.pods.iter().filter_map(|id| cluster.pod(*id).map(|pod| (pod.made, *id)));
    let mut pods: Vec<_> = pods.collect();
    pods.sort_unstable();
    let there = |id: &RevisionId| cluster.revision(*id).is_some_and(|revision| revision.present);
    let mut revisions: Vec<_> = object.revisions.iter().copied().filter(there).collect();
    revisions.sort_unstable();
    let pods = pods.into_iter().map(|(made, id)| Item::Pod(id, made));
    pods.chain(revisions.into_iter().map(Item::Revision)).collect()
}

impl OwnerGc {
    /// A collector with nothing to do.
    pub fn new(settings: Settings) -> Self {
        OwnerGc { settings, ..Self::default() }
    }

    fn enqueue(&mut self, item: Item, cause: Seq) {
        if self.queued.insert(item) {
            self.queue.push_back((item, cause));
        }
    }

    /// Sees to it that the dependents of an object are seen to.
    fn collect(&mut self, context: &mut Context<'_>, id: ObjectId, cause: Seq) {
        let cluster = context.cluster;
        let Some(object) = cluster.object(id) else { return };
        self.waiting.remove(&id);
        match (object.present, object.deleting) {
            (false, _) => {
                let dependents = dependents(context, id).into_iter().map(|other| Item::Object(other.id));
                for item in controlled(cluster, object).into_iter().chain(dependents) {
                    self.enqueue(item, cause);
                }
            }
            (true, Some(Propagation::Foreground)) => {
                let key = object.key;
                let means = |owner: &OwnerReference| (owner.kind, owner.name) == (key.kind, key.name);
                let blocks = |other: &&Object| other.owners.iter().any(|owner| means(owner) && owner.blocks);
                let blocking = dependents(context, id).into_iter().filter(blocks);
                let blocking = blocking.map(|other| Item::Object(other.id));
                let left: Vec<_> = controlled(cluster, object).into_iter().chain(blocking).collect();
                if left.is_empty() {
                    context.emit(Track::Lifecycle, cause, Body::ObjectRemoved { object: id });
                } else {
                    self.waiting.insert(id);
                }
                left.into_iter().for_each(|item| self.enqueue(item, cause));
            }
            (true, Some(Propagation::Orphan)) => {
                Self::release(context, object, cause);
                context.emit(Track::Lifecycle, cause, Body::ObjectRemoved { object: id });
            }
            (true, _) => {}
        }
    }

    /// Whether something in the queue is still to be called about.
    fn needs_a_call(cluster: &Cluster, item: Item) -> bool {
        match item {
            Item::Pod(id, made) => cluster.pod(id).is_some_and(|pod| {
                let same = !pod.gone && pod.made == made && pod.owner.is_some_and(|o| lets_go(cluster, o));
                same && (!pod.terminating() || deletion_is_immediate(&pod))
            }),
            Item::Revision(id) => cluster.revision(id).is_some_and(|revision| {
                revision.present && revision.owner.is_some_and(|owner| lets_go(cluster, owner))
            }),
            Item::Object(id) => cluster.object(id).is_some_and(|object| {
                let solid = |owner: &OwnerReference| bond(cluster, object, owner) == Bond::Solid;
                object.present && object.deleting.is_none() && !object.owners.iter().all(solid)
            }),
        }
    }

    /// Sees to what is in the queue, as far as the client may call.
    fn work(&mut self, context: &mut Context<'_>) {
        loop {
            let (item, cause) = match self.current.take() {
                Some((at, item, cause)) if at > context.now => {
                    self.current = Some((at, item, cause));
                    return;
                }
                Some((_, item, cause)) => (item, cause),
                None => {
                    let Some((item, cause)) = self.queue.pop_front() else { return };
                    self.queued.remove(&item);
                    if !Self::needs_a_call(context.cluster, item) {
                        continue;
                    }
                    if let Some(limit) = self.settings.garbage_collector {
                        self.client.reserve(limit, context.now);
                        let at = context.now + self.client.reserve(limit, context.now);
                        if at > context.now {
                            self.current = Some((at, item, cause));
                            continue;
                        }
                    }
                    (item, cause)
                }
            };
            if !Self::needs_a_call(context.cluster, item) {
                continue;
            }
            match item {
                Item::Pod(id, _) => context.delete_pod(Track::Lifecycle, cause, id, Why::OwnerGone, None),
                Item::Revision(revision) => {
                    context.emit(Track::Lifecycle, cause, Body::RevisionDeleted { revision });
                }
                Item::Object(id) => Self::look_at(context, id, cause),
            }
        }
    }

    /// Decides about an object by its owners.
    fn look_at(context: &mut Context<'_>, id: ObjectId, cause: Seq) {
        let cluster = context.cluster;
        let Some(object) = cluster.object(id) else { return };
        let with = |wanted: Bond| {
            let owners = object.owners.iter().filter(move |owner| bond(cluster, object, owner) == wanted);
            owners.map(|owner| (owner.kind, owner.name)).collect::<Vec<_>>()
        };
        let (solid, waiting) = (with(Bond::Solid), with(Bond::Waiting));
        if !solid.is_empty() {
            Self::drop_references(context, object, &[with(Bond::Dangling), waiting].concat(), cause);
            return;
        }
        let owns = !controlled(cluster, object).is_empty() || cluster.dependents(id).next().is_some();
        let propagation = match owns && !waiting.is_empty() {
            true => Propagation::Foreground,
            false => Propagation::Background,
        };
        context.emit(Track::Lifecycle, cause, Body::DeleteRequested { object: id, propagation });
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
            Kind::RevisionDeleted,
            Kind::RevisionReleased,
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
                    self.enqueue(Item::Object(object), seq);
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
            Body::PodGone { .. }
            | Body::PodReleased { .. }
            | Body::RevisionDeleted { .. }
            | Body::RevisionReleased { .. } => {
                if let Some(owner) = change.owner.filter(|owner| self.waiting.contains(owner)) {
                    self.owners.insert(owner, seq);
                }
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        match self.current {
            _ if !self.owners.is_empty() => Some(self.now),
            Some((at, ..)) => Some(at),
            None => (!self.queue.is_empty()).then_some(self.now),
        }
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (object, cause) in by_cause(&mut self.owners, context.names) {
            self.collect(context, object, cause);
        }
        self.work(context);
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let settings = std::mem::take(&mut self.settings);
        *self = OwnerGc { settings, ..unpack(saved)? };
        Ok(())
    }
}

#[cfg(test)]
#[path = "owner_gc_tests.rs"]
mod tests;
