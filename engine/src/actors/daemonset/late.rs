//! The controller behind informers that lag: it learns of everything a while after it has happened.
//!
//! It keeps a second cluster, as old as the lag, and decides on that; what it writes meets the cluster as it is, as at an
//! API server: a pod that is gone is not deleted again, a revision that is there is not created again. What keeps it
//! from doing things twice is what keeps upstream's from it: expectations, and the staleness guard
//! (`StaleControllerConsistencyDaemonSet`), by which a DaemonSet is not looked at before the controller has seen its own
//! last creations and status of it.
//!
//! All its informers lag alike, and in order. It costs a second state, in memory and in checkpoints.

use std::collections::{BTreeMap, VecDeque};

use super::{DaemonSetController, Key};
use crate::cluster::{Change, Cluster};
use crate::event::{Body, Event, Track};
use crate::names::{Names, Seq, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

/// The controller, deciding on the cluster as it was a while ago; see
/// [`Settings::informer_lag_us`](super::Settings::informer_lag_us).
#[derive(Debug)]
pub struct LateDaemonSetController {
    controller: DaemonSetController,
    lag: Micros,
    /// The cluster as it is seen.
    seen: Cluster,
    /// What has happened and was not seen yet.
    coming: VecDeque<(Seq, Event)>,
    /// How many of its own writes, of those that the staleness guard waits for, are among that.
    own: BTreeMap<Key, u32>,
}

impl LateDaemonSetController {
    /// A controller that has seen nothing yet, and learns of everything so much later.
    pub fn new(controller: DaemonSetController, lag: Micros) -> Self {
        LateDaemonSetController {
            lag,
            controller,
            seen: Cluster::new(),
            coming: VecDeque::new(),
            own: BTreeMap::new(),
        }
    }

    /// The DaemonSet that is not to be looked at before an event was seen, if there is one: the event is a write of the
    /// controller, of a pod with owner or of a status.
    fn guarded(track: Track, body: &Body, cluster: &Cluster) -> Option<Key> {
        let object = match *body {
            Body::PodCreated { owner, .. } => owner,
            Body::PodAdopted { owner, .. } => Some(owner),
            Body::StatusWritten { object, .. } => Some(object),
            _ => None,
        };
        let object = cluster.object(object.filter(|_| track == Track::DaemonSet)?)?;
        (object.key.kind == sym::DAEMON_SET).then(|| Key::of(object))
    }

    /// Sees what has happened up to a moment.
    fn see(&mut self, names: &mut Names, until: Time) {
        while let Some(&(seq, event)) = self.coming.front()
            && event.at + self.lag <= until
        {
            self.coming.pop_front();
            // What the cluster has taken, its copy takes as well: the events before it were the same.
            let Ok(change) = self.seen.apply(names, seq, &event) else { continue };
            self.controller.observe(seq, &event, &change, &self.seen, names);
            if event.origin == Seq::NONE
                && let Some(key) = Self::guarded(event.track, &event.body, &self.seen)
                && let Some(unseen) = self.own.get_mut(&key)
            {
                *unseen -= 1;
                if *unseen == 0 {
                    self.own.remove(&key);
                }
            }
        }
    }

    /// After `EnsureReady`: a sync of what is not up to date fails, and is tried again later and later.
    fn hold_back(&mut self, context: &Context<'_>) {
        let controller = &mut self.controller;
        let state = &mut controller.state;
        state.queue.advance(context.now, context.names);
        let (flights, own) = (&state.flights, &self.own);
        let passes = |key| flights.iter().any(|flight| flight.key == key) || !own.contains_key(&key);
        while let Some((key, cause)) = state.queue.take(passes) {
            state.queue.retry(key, controller.settings.retries, context.now, cause);
        }
    }
}

impl Actor for LateDaemonSetController {
    fn name(&self) -> &'static str {
        self.controller.name()
    }

    fn observe(&mut self, seq: Seq, event: &Event, _: &Change, _: &Cluster, _: &Names) {
        self.coming.push_back((seq, *event));
    }

    fn syncs(&self) -> u64 {
        self.controller.syncs()
    }

    fn due(&self) -> Option<Time> {
        let comes = self.coming.front().map(|(_, event)| event.at + self.lag);
        [comes, self.controller.due()].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        self.see(context.names, context.now);
        self.hold_back(context);
        let before = context.out.len();
        self.controller.act_on(&self.seen, context);
        for answer in &context.out[before..] {
            if let Some(key) = Self::guarded(answer.track, &answer.body, context.cluster) {
                *self.own.entry(key).or_default() += 1;
            }
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        let coming: Vec<_> = self.coming.iter().map(|(seq, event)| (*seq, parts(event))).collect();
        pack(&(self.controller.save()?, &self.seen, coming, &self.own))
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let (controller, coming): (Vec<u8>, Vec<(Seq, Parts)>);
        (controller, self.seen, coming, self.own) = unpack(saved)?;
        self.coming = coming.into_iter().map(|(seq, parts)| (seq, whole(parts))).collect();
        self.controller.restore(&controller, &self.seen)
    }
}

/// An event as it is saved.
type Parts = (Time, Seq, Seq, crate::names::Sym, Track, crate::event::Flags, Body);

fn parts(event: &Event) -> Parts {
    let Event { at, cause, origin, by, track, flags, body } = *event;
    (at, cause, origin, by, track, flags, body)
}

fn whole((at, cause, origin, by, track, flags, body): Parts) -> Event {
    Event { at, cause, origin, by, track, flags, body }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;
