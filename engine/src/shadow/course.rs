//! The syncs of one DaemonSet, made out from their writes.
//!
//! A recording does not say where a sync begins. What can be said of each write is which syncs, decided in which
//! state, it may be part of; as writes go on, fewer of these readings remain. A sync has to be whole: only then may
//! another one begin.

use std::rc::Rc;

use super::past::{Moment, Past};
use crate::actors::daemonset::Wants;
use crate::cluster::Cluster;
use crate::names::{NodeId, PodId, Seq};
use crate::time::{Micros, Time};

/// Which half of a sync creates and deletes pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Manage,
    Rollout,
}

/// A write that creates or deletes a pod.
#[derive(Clone, Copy, Debug)]
pub(super) enum PodWrite {
    Created { node: NodeId },
    Deleted { pod: PodId, made: Seq },
    Refused { node: NodeId },
}

/// One way to read the last writes: as part of a sync that was decided in a state.
#[derive(Clone, Debug)]
struct Reading {
    moment: Rc<Moment>,
    half: Half,
    lag: Micros,
    created: Vec<NodeId>,
    deleted: usize,
    refused: bool,
}

/// What there is to a write.
pub(super) struct Verdict {
    /// Whether a sync of ours would write it. If so, how long before the write its state was last.
    pub lag: Option<Micros>,
    /// A sync that was not whole when this write began another one, or none: what it lacks.
    pub missing: Option<Missing>,
}

/// What a sync lacks that is over: the sync of ours that comes nearest.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    pub creates: usize,
    pub deletes: usize,
}

/// The syncs of a DaemonSet.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub past: Past,
    readings: Vec<Reading>,
    /// The last creation or deletion: what comes later has seen it.
    last_write: Seq,
}

impl Reading {
    fn wants(&self) -> &Wants {
        match self.half {
            Half::Manage => &self.moment.opinion.manage,
            Half::Rollout => &self.moment.opinion.rollout,
        }
    }

    /// The reading with one more write, if that may be part of it.
    fn with(mut self, write: PodWrite) -> Option<Reading> {
        let wants = self.wants();
        match write {
            PodWrite::Created { node } | PodWrite::Refused { node } => {
                let fits = self.deleted == 0
                    && self.created.len() < wants.creates
                    && wants.may_create.contains(&node)
                    && !self.created.contains(&node);
                if !fits {
                    return None;
                }
                self.created.push(node);
                self.refused |= matches!(write, PodWrite::Refused { .. });
            }
            PodWrite::Deleted { pod, made } => {
                let fits = self.deleted < wants.deletes
                    && wants.may_delete.iter().any(|other| (other.0, other.1) == (pod, made));
                if !fits {
                    return None;
                }
                self.deleted += 1;
            }
        }
        Some(self)
    }

    /// What a sync would still have to write. Deletions of pods that terminate, or are gone, do not show.
    fn missing(&self, cluster: &Cluster) -> Missing {
        let wants = self.wants();
        let there = |pod: PodId, made: Seq| {
            cluster.pod(pod).is_some_and(|pod| pod.made == made && !pod.gone && !pod.terminating())
        };
        let must_delete = &wants.may_delete[..wants.must_delete];
        let left = must_delete.iter().filter(|(pod, made, _)| there(*pod, *made)).count();
        let going = wants.may_delete.iter().filter(|(pod, made, _)| !there(*pod, *made)).count();
        let deletes = left.max(wants.deletes.saturating_sub(going));
        let unmade = wants.may_create[..wants.must_create].iter().filter(|node| !self.created.contains(node));
        let creates = unmade.count().max(wants.creates - self.created.len());
        Missing { creates: if self.refused { 0 } else { creates }, deletes }
    }

    fn is_whole(&self, cluster: &Cluster) -> bool {
        let missing = self.missing(cluster);
        missing.creates == 0 && missing.deletes == 0
    }
}

impl Course {
    /// Takes a creation or deletion, before it is applied.
    pub fn write(&mut self, write: PodWrite, seq: Seq, now: Time, cluster: &Cluster) -> Verdict {
        let whole: Vec<bool> = self.readings.iter().map(|reading| reading.is_whole(cluster)).collect();
        let may_begin = self.readings.is_empty() || whole.contains(&true);
        let managed = self
            .readings
            .iter()
            .zip(&whole)
            .any(|(reading, whole)| *whole && reading.half == Half::Manage);
        let mut next: Vec<Reading> = Vec::new();
        for reading in &self.readings {
            next.extend(reading.clone().with(write));
        }
        let mut missing = None;
        if next.is_empty() && !may_begin {
            missing = self.nearest(cluster);
        }
        if may_begin || next.is_empty() {
            for (moment, lag) in self.past.since(self.last_write, now) {
                let halves = [
                    (Half::Manage, true),
                    (Half::Rollout, managed || moment.opinion.manage.is_nothing()),
                ];
                for (half, _) in halves.into_iter().filter(|(_, may)| *may) {
                    let reading = Reading {
                        moment: Rc::clone(moment),
                        half,
                        lag,
                        created: Vec::new(),
                        deleted: 0,
                        refused: false,
                    };
                    next.extend(reading.with(write));
                }
            }
        }
        self.readings = next;
        if !matches!(write, PodWrite::Refused { .. }) {
            self.last_write = seq;
        }
        Verdict { lag: self.readings.iter().map(|reading| reading.lag).min(), missing }
    }

    /// Takes note that a sync is over. What is missing of it, if it was not whole.
    pub fn end(&mut self, cluster: &Cluster) -> Option<Missing> {
        let whole = self.readings.is_empty() || self.readings.iter().any(|r| r.is_whole(cluster));
        let missing = if whole { None } else { self.nearest(cluster) };
        self.readings.clear();
        missing
    }

    fn nearest(&self, cluster: &Cluster) -> Option<Missing> {
        let all = self.readings.iter().map(|reading| reading.missing(cluster));
        all.min_by_key(|missing| missing.creates + missing.deletes)
    }
}
