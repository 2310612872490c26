//! Events of a trace, made to fit a run in which some of the trace's pods have other names.
//!
//! A pod that the trace's own events create keeps its events. A pod that an actor creates anew is the same
//! pod if it has the same *replay identity*: owner, node and ordinal; failing that, any pod of that owner on
//! that node. What finds no counterpart is left out and counted.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::Tracks;
use crate::cluster::{ApplyError, Cluster, deletion_is_immediate};
use crate::event::{Body, Event, Flags, Track};
use crate::names::{Names, NodeId, ObjectId, PodId, RevisionId, Seq};
use crate::sim::World;

/// By what a pod of the trace is found again in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Its controller.
    pub owner: Option<ObjectId>,
    /// The node that it is for.
    pub node: Option<NodeId>,
    /// Which of the owner's pods (on that node) it is.
    pub ordinal: u32,
}

/// How often events of a trace did not fit the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfits {
    /// Events about a pod or revision that the run does not have.
    pub without_counterpart: u64,
    /// Events that changed what the run has changed already (a deletion of a pod that terminates).
    pub already_so: u64,
    /// Events about nodes or objects that the run does not have, or has already.
    pub contradicting: u64,
}

/// Turns a trace's events into a run's.
#[derive(Debug)]
pub struct Playback {
    plays: Tracks,
    pods: FxHashMap<PodId, TracePod>,
    revisions: FxHashMap<RevisionId, RevisionId>,
    /// The number that an event of the trace has in the run; [`Seq::NONE`] for what was not played.
    numbers: Vec<Seq>,
    /// What did not fit.
    pub misfits: Misfits,
    /// Events played, by track.
    pub played: [u64; 16],
}

/// What a playback remembers of the trace so far.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    pods: BTreeMap<PodId, TracePod>,
    revisions: BTreeMap<RevisionId, RevisionId>,
    /// How much each number that was given is higher than the one given before; 0 for what was not played.
    numbers: Vec<u64>,
    misfits: Misfits,
    played: [u64; 16],
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct TracePod {
    identity: Identity,
    /// The run's pod, if the trace's own event created it, and the event that did.
    own: Option<(PodId, Seq)>,
    /// Whether the trace's deletion of it was not played: what its kubelet did then follows from that.
    deleted_elsewhere: bool,
}

impl TracePod {
    fn made_elsewhere(&self) -> bool {
        self.own.is_none() || self.deleted_elsewhere
    }
}

impl Playback {
    /// Plays the events of some tracks, and every event that a trace begins with.
    pub fn new(plays: Tracks) -> Self {
        Playback {
            plays,
            pods: FxHashMap::default(),
            revisions: FxHashMap::default(),
            numbers: Vec::new(),
            misfits: Misfits::default(),
            played: [0; 16],
        }
    }

    /// What it remembers.
    pub(super) fn save(&self) -> Remembered {
        let mut last = 0;
        let gaps = self.numbers.iter().map(|seq| match *seq {
            Seq::NONE => 0,
            Seq(number) => number - std::mem::replace(&mut last, number),
        });
        Remembered {
            numbers: gaps.collect(),
            pods: self.pods.iter().map(|(id, pod)| (*id, *pod)).collect(),
            revisions: self.revisions.iter().map(|(id, own)| (*id, *own)).collect(),
            misfits: self.misfits,
            played: self.played,
        }
    }

    /// A playback that remembers what another one did.
    pub(super) fn resume(plays: Tracks, saved: Remembered) -> Self {
        let mut last = 0;
        let numbers = saved.numbers.into_iter().map(|gap| match gap {
            0 => Seq::NONE,
            gap => {
                last += gap;
                Seq(last)
            }
        });
        Playback {
            plays,
            numbers: numbers.collect(),
            pods: saved.pods.into_iter().collect(),
            revisions: saved.revisions.into_iter().collect(),
            misfits: saved.misfits,
            played: saved.played,
        }
    }

    /// Plays one event of the trace, if its track is played.
    ///
    /// # Errors
    /// A manifest that cannot be read. Events that merely do not fit are counted.
    pub fn play(&mut self, world: &mut World, number: Seq, event: &Event) -> Result<(), ApplyError> {
        let plays = self.plays.has(event.track) || event.flags.has(Flags::GENESIS);
        let fitted = if plays { self.fit(world, event) } else { None };
        let happened = match fitted {
            Some(body) => self.happen(world, number, event, body)?,
            None => Seq::NONE,
        };
        // Numbers of the trace come one after the other.
        debug_assert_eq!(self.numbers.len() as u64 + 1, number.0);
        self.numbers.push(happened);
        self.remember(world, event, happened);
        Ok(())
    }

    fn happen(
        &mut self,
        world: &mut World,
        number: Seq,
        event: &Event,
        body: Body,
    ) -> Result<Seq, ApplyError> {
        let cause = self.run_number(event.cause);
        match world.happen(Event { body, cause, origin: number, ..*event }) {
            Ok(seq) => {
                self.played[event.track as usize] += 1;
                self.finish_deletion(world, event, body, seq)?;
                Ok(seq)
            }
            Err(error @ ApplyError::BadManifest { .. }) => Err(error),
            Err(_) => {
                self.misfits.contradicting += 1;
                Ok(Seq::NONE)
            }
        }
    }

    /// A deletion takes a pod away at once that is not bound or has ended: in the run that may be so where it
    /// was not in the trace.
    fn finish_deletion(
        &mut self,
        world: &mut World,
        event: &Event,
        body: Body,
        cause: Seq,
    ) -> Result<(), ApplyError> {
        let Body::PodDeleted { pod, .. } = body else { return Ok(()) };
        if world.cluster.pod(pod).is_some_and(|pod| deletion_is_immediate(&pod)) {
            let gone = Event { cause, ..Event::new(event.at, event.track, Body::PodGone { pod }) };
            world.happen(gone)?;
        }
        Ok(())
    }

    /// The run's number of an event of the trace.
    fn run_number(&self, number: Seq) -> Seq {
        let index = number.0.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.numbers.get(index)).copied().unwrap_or(Seq::NONE)
    }

    /// The event in the run's terms; `None` (counted) if the run has nothing that it could be about.
    fn fit(&mut self, world: &World, event: &Event) -> Option<Body> {
        let mut body = event.body;
        if matches!(event.track, Track::Scheduler | Track::Kubelet)
            && !event.flags.has(Flags::GENESIS)
            && body.pod().and_then(|pod| self.pods.get(&pod)).is_some_and(TracePod::made_elsewhere)
        {
            // These follow the pod's identity; see `timings`.
            return None;
        }
        match &mut body {
            Body::PodCreated { .. } | Body::RevisionCreated { .. } => {}
            Body::PodGone { pod } if event.track != Track::Kubelet && !self.is_own(*pod) => {
                // Follows a deletion of a pod that the run made anew; see `finish_deletion`.
                self.misfits.already_so += 1;
                return None;
            }
            Body::PodDeleted { pod, .. } => {
                *pod = self.fit_pod(world, *pod)?;
                if world.cluster.pod(*pod).is_some_and(crate::cluster::Pod::terminating) {
                    self.misfits.already_so += 1;
                    return None;
                }
            }
            Body::PodAdopted { pod, .. }
            | Body::PodReleased { pod }
            | Body::PodLabelSet { pod, .. }
            | Body::PodLabelRemoved { pod, .. }
            | Body::PodBound { pod, .. }
            | Body::PodUnschedulable { pod, .. }
            | Body::PodNominated { pod, .. }
            | Body::PodPhaseSet { pod, .. }
            | Body::PodConditionSet { pod, .. }
            | Body::PodRestarted { pod, .. }
            | Body::EvictionRefused { pod, .. }
            | Body::PodGone { pod } => *pod = self.fit_pod(world, *pod)?,
            Body::RevisionNumbered { revision, .. }
            | Body::RevisionLabelled { revision, .. }
            | Body::RevisionAdopted { revision, .. }
            | Body::RevisionReleased { revision }
            | Body::RevisionDeleted { revision } => match self.revisions.get(revision) {
                Some(own) => *revision = *own,
                None => {
                    self.misfits.without_counterpart += 1;
                    return None;
                }
            },
            Body::Applied { object, .. }
            | Body::Scaled { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::RolloutUndone { object, .. } => *object = current(&world.cluster, &world.names, *object),
            _ => {}
        }
        Some(body)
    }

    fn is_own(&self, pod: PodId) -> bool {
        self.pods.get(&pod).is_some_and(|pod| pod.own.is_some())
    }

    fn fit_pod(&mut self, world: &World, pod: PodId) -> Option<PodId> {
        let found = self.pods.get(&pod).and_then(|pod| match pod.own {
            Some((id, made)) => {
                world.cluster.pod(id).is_some_and(|pod| !pod.gone && pod.made == made).then_some(id)
            }
            None => counterpart(&world.cluster, pod.identity),
        });
        if found.is_none() {
            self.misfits.without_counterpart += 1;
        }
        found
    }

    /// Keeps in mind what later events of the trace will refer to.
    fn remember(&mut self, world: &World, event: &Event, happened: Seq) {
        match event.body {
            Body::PodCreated { pod, owner, node, ordinal, .. } => {
                let newest = world.recorded.last().map(|event| event.body);
                let own = match newest {
                    Some(Body::PodCreated { pod: own, .. }) if happened != Seq::NONE => Some((own, happened)),
                    _ => None,
                };
                self.pods.insert(
                    pod,
                    TracePod { identity: Identity { owner, node, ordinal }, own, deleted_elsewhere: false },
                );
            }
            Body::PodDeleted { pod, .. } if happened == Seq::NONE => {
                if let Some(pod) = self.pods.get_mut(&pod) {
                    pod.deleted_elsewhere = true;
                }
            }
            Body::PodGone { pod } => {
                self.pods.remove(&pod);
            }
            Body::RevisionCreated { revision, .. } => {
                if let (Some(Body::RevisionCreated { revision: own, .. }), true) =
                    (world.recorded.last().map(|event| event.body), happened != Seq::NONE)
                {
                    self.revisions.insert(revision, own);
                }
            }
            _ => {}
        }
    }
}

/// The object that bears a key now, if the one that is meant does not exist in the run.
fn current(cluster: &Cluster, names: &Names, object: ObjectId) -> ObjectId {
    if cluster.object(object).is_some_and(|o| o.present) {
        return object;
    }
    let key = names.object_key(object);
    cluster.find_object(key.kind, key.namespace, key.name).map_or(object, |object| object.id)
}

/// The run's pod of an identity: the same ordinal, else the oldest that does not terminate, else the oldest.
fn counterpart(cluster: &Cluster, identity: Identity) -> Option<PodId> {
    let pods = &cluster.object(identity.owner?)?.pods;
    let there = pods.iter().filter_map(|id| Some((*id, cluster.pod(*id)?)));
    let there = there.filter(|(_, pod)| pod.node == identity.node);
    let best = there.min_by_key(|(_, pod)| (pod.ordinal != identity.ordinal, pod.terminating(), pod.ordinal));
    best.map(|(id, _)| id)
}
