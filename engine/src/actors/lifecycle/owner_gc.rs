//! The garbage collector: what becomes of an object's dependents when it is deleted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, deletion_is_immediate};
use crate::event::{Body, Event, Kind, Kinds, Propagation, Track, Why};
use crate::names::{Names, ObjectId, PodId, RevisionId, Seq};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{ApiSeconds, Micros, Time};

/// The garbage collector. It acts at once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct OwnerGc {
    /// Objects whose dependents need a look, with the event that asks for it.
    dirty: BTreeMap<ObjectId, Seq>,
    now: Time,
}

impl OwnerGc {
    /// A collector with nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    fn collect(context: &mut Context<'_>, id: ObjectId, cause: Seq) {
        let cluster = context.cluster;
        let Some(object) = cluster.object(id) else { return };
        let mut pods = object.pods.clone();
        pods.sort_by_key(|pod| cluster.pod(*pod).map(|pod| pod.made));
        let mut revisions = object.revisions.clone();
        revisions.sort();
        let mut owned: Vec<ObjectId> = cluster.dependents(id).collect();
        owned.sort();
        match (object.present, object.deleting) {
            (false, _) => {
                let _ = Self::delete_all(context, cause, &pods, &revisions, &owned);
            }
            (true, Some(Propagation::Foreground)) => {
                let remaining = Self::delete_all(context, cause, &pods, &revisions, &owned);
                if remaining == 0 {
                    context.emit(Track::Lifecycle, cause, Body::ObjectRemoved { object: id });
                }
            }
            (true, Some(Propagation::Orphan)) => {
                for pod in pods {
                    context.emit(Track::Lifecycle, cause, Body::PodReleased { pod });
                }
                for revision in revisions {
                    context.emit(Track::Lifecycle, cause, Body::RevisionReleased { revision });
                }
                context.emit(Track::Lifecycle, cause, Body::ObjectRemoved { object: id });
            }
            (true, _) => {}
        }
    }

    /// Deletes dependents; says how many pods are still there after.
    fn delete_all(
        context: &mut Context<'_>,
        cause: Seq,
        pods: &[PodId],
        revisions: &[RevisionId],
        owned: &[ObjectId],
    ) -> usize {
        let mut remaining = 0;
        for &id in pods {
            let Some(pod) = context.cluster.pod(id).copied() else { continue };
            let immediate = deletion_is_immediate(&pod);
            remaining += usize::from(!immediate);
            if !pod.terminating() {
                let grace_s = context.cluster.shape(pod.shape).map_or(30, |shape| shape.grace_s);
                let grace_s = if immediate { 0 } else { grace_s };
                let deadline = deadline(context.now, grace_s);
                let why = Why::OwnerGone;
                context.emit(Track::Lifecycle, cause, Body::PodDeleted { pod: id, why, grace_s, deadline });
            }
            if immediate {
                context.emit(Track::Lifecycle, cause, Body::PodGone { pod: id });
            }
        }
        for &revision in revisions {
            context.emit(Track::Lifecycle, cause, Body::RevisionDeleted { revision });
        }
        for &object in owned {
            let propagation = Propagation::Background;
            context.emit(Track::Lifecycle, cause, Body::DeleteRequested { object, propagation });
        }
        remaining
    }
}

/// `metadata.deletionTimestamp` of a deletion that is accepted now.
fn deadline(now: Time, grace_s: u32) -> ApiSeconds {
    (now + Micros::seconds(i64::from(grace_s))).api_seconds()
}

impl Actor for OwnerGc {
    fn name(&self) -> &'static str {
        "garbage-collector"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::DeleteRequested,
            Kind::ObjectRemoved,
            Kind::PodCreated,
            Kind::PodAdopted,
            Kind::PodGone,
        ]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        match event.body {
            Body::DeleteRequested { object, .. } | Body::ObjectRemoved { object } => {
                self.dirty.insert(object, seq);
            }
            // A pod of an owner that is gone already, or the last pod that an owner waits for.
            Body::PodCreated { owner: Some(owner), .. } | Body::PodAdopted { owner, .. } => {
                let gone = cluster.object(owner).is_some_and(|o| !o.present && o.applied != Seq::NONE);
                if gone {
                    self.dirty.insert(owner, seq);
                }
            }
            Body::PodGone { .. } => {
                let waiting = |owner: &ObjectId| cluster.object(*owner).is_some_and(|o| o.deleting.is_some());
                if let Some(owner) = change.owner.filter(|owner| waiting(owner)) {
                    self.dirty.insert(owner, seq);
                }
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        (!self.dirty.is_empty()).then_some(self.now)
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (object, cause) in std::mem::take(&mut self.dirty) {
            Self::collect(context, object, cause);
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        *self = unpack(saved)?;
        Ok(())
    }
}
