//! The syncs of one DaemonSet, made out from their writes.
//!
//! A recording does not say where a sync begins. What can be said of each write is which syncs, decided in which
//! state, it may be part of; as writes go on, fewer of these readings remain. A sync has to be whole: only then may
//! another one begin.

use std::rc::Rc;

use super::book::{Book, Desk};
use super::past::{Moment, Past};
use crate::actors::daemonset::Wants;
use crate::cluster::Cluster;
use crate::names::{NodeId, PodId, Seq};
use crate::time::{Micros, Time};

/// So much later than the first half of a sync, its second half may look at pods.
const SKEW: Micros = Micros::millis(100);

/// Which half of a sync creates and deletes pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Manage,
    Rollout,
}

/// What a write does to a pod.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Created { node: NodeId },
    Deleted { pod: PodId, made: Seq },
    Refused { node: NodeId },
}

/// A write that creates or deletes a pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodWrite {
    pub seq: Seq,
    pub at: Time,
    pub deed: Deed,
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
    /// Whether a sync of ours would write it. If so, how long before the sync's first write its state was last.
    pub lag: Option<Micros>,
    /// The sync before was not whole when it was over: what it lacks.
    pub missing: Option<Missing>,
}

/// What a sync lacks that is over: of those that it may have been, the one that lacks least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub creates: usize,
    pub deletes: usize,
}

/// The syncs of a DaemonSet.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub past: Past,
    pub book: Book,
    readings: Vec<Reading>,
    /// The last creation: what comes later has seen it. Of deletions this cannot be said: upstream waits for as many
    /// pods to go as it deleted, whichever they are.
    created: Seq,
    /// Writes since the last sync that was certainly over, and the last creation before them.
    stretch: Vec<PodWrite>,
    created_before: Seq,
}

impl Reading {
    fn begin(moment: &Rc<Moment>, half: Half, lag: Micros) -> Reading {
        Reading { moment: Rc::clone(moment), half, lag, created: Vec::new(), deleted: 0, refused: false }
    }

    fn wants(&self) -> &Wants {
        match self.half {
            Half::Manage => &self.moment.opinion.manage,
            Half::Rollout => &self.moment.opinion.rollout,
        }
    }

    /// The reading with one more write, if that may be part of it.
    fn with(mut self, deed: Deed) -> Option<Reading> {
        let wants = self.wants();
        match deed {
            Deed::Created { node } | Deed::Refused { node } => {
                let fits = self.deleted == 0
                    && self.created.len() < wants.creates
                    && wants.may_create.contains(&node)
                    && !self.created.contains(&node);
                if !fits {
                    return None;
                }
                self.created.push(node);
                self.refused |= matches!(deed, Deed::Refused { .. });
            }
            Deed::Deleted { pod, made } => {
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
        let deletes = left.max(wants.least_deletes.saturating_sub(going));
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
    pub fn write(&mut self, write: PodWrite, desk: &Desk<'_>) -> Verdict {
        let readings = std::mem::take(&mut self.readings);
        let (mut next, whole) = self.step(&readings, write, self.created, desk, false);
        let mut missing = None;
        self.stretch.push(write);
        if next.is_empty() {
            if let Some(found) = self.reconsider(desk) {
                next = found;
            } else {
                // The sync before cannot have been whole; what follows is read by itself.
                missing = nearest(&readings, desk.cluster).filter(|_| !whole);
                self.begin_stretch();
                self.stretch.push(write);
                next = self.step(&[], write, self.created, desk, true).0;
            }
        }
        let lag = next.iter().map(|reading| reading.lag).min();
        self.readings = next;
        if lag.is_none() {
            self.begin_stretch();
        }
        if matches!(write.deed, Deed::Created { .. }) {
            self.created = write.seq;
        }
        Verdict { lag, missing }
    }

    /// Goes one write further: readings of which it may be part, and new ones if a sync may begin with it. Says also
    /// whether a sync was whole, or none was under way.
    fn step(
        &self,
        readings: &[Reading],
        write: PodWrite,
        created: Seq,
        desk: &Desk<'_>,
        patchwork: bool,
    ) -> (Vec<Reading>, bool) {
        let whole: Vec<bool> = readings.iter().map(|reading| reading.is_whole(desk.cluster)).collect();
        let may_begin = readings.is_empty() || whole.contains(&true);
        let managed =
            readings.iter().zip(&whole).any(|(reading, whole)| *whole && reading.half == Half::Manage);
        let mut next: Vec<Reading> =
            readings.iter().filter_map(|reading| reading.clone().with(write.deed)).collect();
        if !may_begin {
            return (next, false);
        }
        let moments: Vec<_> = self.past.since(created, write.seq, write.at).collect();
        let quiet = moments.iter().filter(|(moment, _)| moment.opinion.manage.is_nothing());
        let quiet: Vec<Micros> = quiet.map(|(_, lag)| *lag).collect();
        for (moment, lag) in moments {
            // The second half of a sync sees what comes while the first one finds nothing to do.
            let quiet = quiet.iter().any(|quiet| *quiet >= lag && *quiet <= lag + SKEW);
            next.extend(Reading::begin(moment, Half::Manage, lag).with(write.deed));
            if managed || quiet {
                next.extend(Reading::begin(moment, Half::Rollout, lag).with(write.deed));
            }
        }
        if patchwork {
            for (moment, lag) in self.book.opinions((write.seq, write.at), created, None, desk) {
                for half in [Half::Manage, Half::Rollout] {
                    next.extend(Reading::begin(&moment, half, lag).with(write.deed));
                }
            }
        }
        (next, true)
    }

    /// Reads the whole stretch again, as syncs that see nodes and pods of different states too. Gives the readings at
    /// its end, if all of it can be read so.
    fn reconsider(&self, desk: &Desk<'_>) -> Option<Vec<Reading>> {
        let mut readings = Vec::new();
        let mut created = self.created_before;
        for write in &self.stretch {
            readings = self.step(&readings, *write, created, desk, true).0;
            if readings.is_empty() {
                return None;
            }
            if matches!(write.deed, Deed::Created { .. }) {
                created = write.seq;
            }
        }
        Some(readings)
    }

    fn begin_stretch(&mut self) {
        self.stretch.clear();
        self.created_before = self.created;
    }

    /// How long before now a sync was last to be expected that may delete a pod; `None` if there is none.
    pub fn may_delete(&self, pod: PodId, made: Seq, seq: Seq, now: Time) -> Option<Micros> {
        let may = |wants: &Wants| wants.may_delete.iter().any(|other| (other.0, other.1) == (pod, made));
        let mut moments = self.past.since(Seq::NONE, seq, now);
        let found = moments.find(|(moment, _)| may(&moment.opinion.manage) || may(&moment.opinion.rollout));
        found.map(|(_, lag)| lag)
    }

    /// Takes note that a sync is over. What is missing of it, if it was not whole.
    pub fn end(&mut self, desk: &Desk<'_>) -> Option<Missing> {
        let whole = |readings: &[Reading]| {
            readings.is_empty() || readings.iter().any(|reading| reading.is_whole(desk.cluster))
        };
        let good = whole(&self.readings) || self.reconsider(desk).is_some_and(|found| whole(&found));
        let missing = if good { None } else { nearest(&self.readings, desk.cluster) };
        self.readings.clear();
        self.begin_stretch();
        missing
    }
}

fn nearest(readings: &[Reading], cluster: &Cluster) -> Option<Missing> {
    let all = readings.iter().map(|reading| reading.missing(cluster));
    all.min_by_key(|missing| missing.creates + missing.deletes)
}
