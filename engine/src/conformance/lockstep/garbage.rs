//! The scenario's garbage collector: takes what deleted DaemonSets leave behind, and then these.

use super::order;
use crate::cluster::{Change, Cluster, deletion_is_immediate};
use crate::event::{Body, Event, Propagation, Track, Why};
use crate::names::{Names, ObjectId, Seq};
use crate::sim::{Actor, Context};
use crate::time::Time;

/// Deletes the dependents of deleted DaemonSets, in the first phase after.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    deleted: Vec<ObjectId>,
}

/// Removes DaemonSets that were waiting for their dependents. It acts after the kubelets.
#[derive(Debug, Default)]
pub(super) struct Finalizer {
    waiting: Vec<ObjectId>,
}

impl Actor for Garbage {
    fn name(&self) -> &'static str {
        "lockstep-garbage-collector"
    }

    fn observe(&mut self, _: Seq, event: &Event, _: &Change, _: &Cluster, _: &Names) {
        if let Body::DeleteRequested { object, propagation } = event.body
            && propagation != Propagation::Orphan
        {
            self.deleted.push(object);
        }
    }

    /// It has no timers: rounds wake it.
    fn due(&self) -> Option<Time> {
        None
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let (cluster, deadline) = (context.cluster, context.now.api_seconds());
        for id in std::mem::take(&mut self.deleted) {
            let Some(object) = cluster.object(id) else { continue };
            let mut pods = object.pods.clone();
            order::sort(&mut pods, cluster, context.names);
            for pod in pods {
                let Some(facts) = cluster.pod(pod).filter(|pod| !pod.terminating()) else { continue };
                let (why, cause) = (Why::OwnerGone, object.applied);
                context.emit(Track::Lifecycle, cause, Body::PodDeleted { pod, why, grace_s: 30, deadline });
                if deletion_is_immediate(&facts) {
                    context.emit(Track::Lifecycle, cause, Body::PodGone { pod });
                }
            }
            for &revision in &object.revisions {
                context.emit(Track::Lifecycle, object.applied, Body::RevisionDeleted { revision });
            }
        }
    }
}

impl Actor for Finalizer {
    fn name(&self) -> &'static str {
        "lockstep-finalizer"
    }

    fn observe(&mut self, _: Seq, event: &Event, _: &Change, _: &Cluster, _: &Names) {
        if let Body::DeleteRequested { object, propagation: Propagation::Foreground } = event.body {
            self.waiting.push(object);
        }
    }

    /// It has no timers: rounds wake it.
    fn due(&self) -> Option<Time> {
        None
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let cluster = context.cluster;
        self.waiting.retain(|&object| {
            let done = cluster.object(object).is_none_or(|o| o.pods.is_empty());
            if done {
                context.emit(Track::Lifecycle, Seq::NONE, Body::ObjectRemoved { object });
            }
            !done
        });
    }
}
