//! What an actor is: something that watches events and, when its time comes, answers with events.

use crate::cluster::{Change, Cluster, deletion_is_immediate};
use crate::event::{Body, ConditionStatus, Event, Kinds, PodCondition, Track, Why};
use crate::names::{Names, PodId, Seq};
use crate::saved::SaveError;
use crate::time::{Micros, Time};

/// A controller, the scheduler, the kubelets: whoever reacts.
///
/// **Invariants.** An actor changes nothing but itself: its answers become the cluster's through the loop. It
/// knows no other actor. What it answers follows from the events it observed, the cluster, the time and its
/// settings, and from nothing else.
pub trait Actor {
    /// The name in summaries: `daemonset-controller`.
    fn name(&self) -> &'static str;

    /// Which kinds of events [`Actor::observe`] does anything about. The first event of a run is shown to everybody.
    fn interests(&self) -> Kinds {
        Kinds::ALL
    }

    /// Whether observing an event of a kind that concerns the actor would do nothing. It is asked for every such event, so
    /// it is for what can be told at a glance; when in doubt, `false`.
    fn passes_over(&self, _event: &Event) -> bool {
        false
    }

    /// Takes note of an event that has just been applied. Decides nothing.
    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, names: &Names);

    /// The earliest moment at which [`Actor::act`] has something to do; `None` while it waits for events. It changes only
    /// when the actor observes or acts.
    fn due(&self) -> Option<Time>;

    /// Observes an event, and says when there is something to do after it: both in one, since it is called for every
    /// event and every actor whom it concerns. [`Time::MAX`] stands for never, `None` for an event that was passed over:
    /// nothing is due that was not before.
    fn learn(
        &mut self,
        seq: Seq,
        event: &Event,
        change: &Change,
        cluster: &Cluster,
        names: &Names,
    ) -> Option<Time> {
        if self.passes_over(event) {
            return None;
        }
        self.observe(seq, event, change, cluster, names);
        Some(self.due().unwrap_or(Time::MAX))
    }

    /// Does what is due now, and leaves its answers in the context. Answers are applied, in order, after the
    /// call: within a call the cluster is as it was at its beginning.
    fn act(&mut self, context: &mut Context<'_>);

    /// How many workloads a controller has looked at (reconciled) so far; 0 for actors that do no such thing.
    fn syncs(&self) -> u64 {
        0
    }

    /// What it remembers of the events it observed, as bytes. What follows from the cluster need not be among it.
    ///
    /// # Errors
    /// [`SaveError::Unsupported`], unless an actor says otherwise.
    fn save(&self) -> Result<Vec<u8>, SaveError> {
        Err(SaveError::Unsupported(self.name()))
    }

    /// Remembers what was saved, as the actor that has observed nothing yet but has the same settings. From here on it
    /// answers as the one that was saved.
    ///
    /// # Errors
    /// [`SaveError::Unreadable`] for bytes that [`Actor::save`] of this actor did not give.
    fn restore(&mut self, saved: &[u8], cluster: &Cluster) -> Result<(), SaveError> {
        let _ = (saved, cluster);
        Err(SaveError::Unsupported(self.name()))
    }
}

/// What an actor works with.
pub struct Context<'a> {
    /// Now.
    pub now: Time,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The dictionary.
    pub names: &'a mut Names,
    /// The answers so far, behind what was there before: events that have no number yet.
    pub out: &'a mut Vec<Event>,
}

impl Context<'_> {
    /// Adds an answer; `cause` is the event that made the decision true. Slots of created pods and numbers of created
    /// revisions are assigned when it is applied; what stands there is ignored.
    #[inline]
    pub fn emit(&mut self, track: Track, cause: Seq, body: Body) {
        self.out.push(Event { cause, ..Event::new(self.now, track, body) });
    }

    /// Deletes a pod through the API: it has its grace period, the one given or its own, unless it is not bound or has
    /// ended; without one it is gone at once. A pod that terminates goes on terminating.
    pub fn delete_pod(&mut self, track: Track, cause: Seq, id: PodId, why: Why, grace_s: Option<u32>) {
        let Some(pod) = self.cluster.pod(id).filter(|pod| !pod.gone) else { return };
        let own = || self.cluster.shape(pod.shape).map_or(30, |shape| shape.grace_s);
        let grace_s = if deletion_is_immediate(&pod) { 0 } else { grace_s.unwrap_or_else(own) };
        if !pod.terminating() {
            let deadline = (self.now + Micros::seconds(i64::from(grace_s))).api_seconds();
            self.emit(track, cause, Body::PodDeleted { pod: id, why, grace_s, deadline });
        }
        if grace_s == 0 {
            self.emit(track, cause, Body::PodGone { pod: id });
        }
    }

    /// Marks a pod as the target of a disruption, which it has not asked for, and deletes it.
    pub fn disrupt_pod(&mut self, track: Track, cause: Seq, id: PodId, why: Why, grace_s: Option<u32>) {
        if self.cluster.pod(id).is_some_and(|pod| !pod.terminal()) {
            let (condition, status) = (PodCondition::DisruptionTarget, ConditionStatus::True);
            let since = self.now.api_seconds();
            self.emit(track, cause, Body::PodConditionSet { pod: id, condition, status, since });
        }
        self.delete_pod(track, cause, id, why, grace_s);
    }
}
