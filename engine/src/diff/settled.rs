//! When a cluster is settled, so that what it shows is a decision and not a transition.
//!
//! Settled at a moment: every `observedGeneration` is current, no pod terminates, no workload controller,
//! scheduler or kubelet did anything for 5 s before, and none was about to: what they do within 5 s after
//! unsettles a moment, unless something from outside (a label, a manifest) came in between and they answer
//! that. A log that begins with a state does not tell what happened before it, so its first 5 s count as
//! unsettled; one that begins with nothing is settled from the start.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use crate::cluster::Cluster;
use crate::event::{Body, Event, Flags, Track};
use crate::names::{ObjectId, PodId, sym};
use crate::time::{Micros, Time};

use super::side::{Side, SideError};

/// How long nothing may happen before and after a settled moment.
pub const QUIET: Micros = Micros::seconds(5);

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// The first moment.
    pub start: Time,
    /// The last moment.
    pub end: Time,
}

/// When one side is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The longest stretches throughout which it is settled, in order, none touching the next.
    pub intervals: Vec<Interval>,
    /// The time of its first event.
    pub began: Time,
    /// The time of its last event.
    pub last_event: Time,
    /// Until when it is known: at least until the last event.
    pub end: Time,
    /// What it still waits for at its end.
    pub waits_for: WaitsFor,
}

/// What keeps a state from being settled, apart from events that are too near.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitsFor {
    /// Pods that terminate.
    pub terminating: usize,
    /// Workloads (`DaemonSet logging/fluentd`) whose controller has not observed their generation.
    pub unobserved: Vec<String>,
}

/// Finds the settled moments of a log while its events pass by. Takes constant time for an event.
#[derive(Debug, Default)]
pub struct SettledScan {
    intervals: Vec<(Interval, BTreeSet<ObjectId>)>,
    /// Index of the first interval that the next disturbance may still cut.
    open: usize,
    clock: Option<Time>,
    disturbed: Time,
    terminating: FxHashSet<PodId>,
    /// Workloads whose status lags behind their generation.
    stale: BTreeSet<ObjectId>,
    /// Workloads without a status so far. Whether it is late or never recorded only the rest of the log says.
    unreported: BTreeSet<ObjectId>,
    /// Workloads that had a status at any time.
    reported: FxHashSet<ObjectId>,
}

/// Whether an event of a track disturbs: what machines, people and the lifecycle controllers do only matters
/// once a workload controller, the scheduler or a kubelet answers it.
pub fn disturbs(track: Track) -> bool {
    match track {
        Track::DaemonSet
        | Track::ReplicaSet
        | Track::Deployment
        | Track::OtherWorkloads
        | Track::Scheduler
        | Track::Kubelet => true,
        Track::Cluster | Track::User | Track::Lifecycle => false,
    }
}

impl SettledScan {
    /// A scan that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of an event that has just been applied. Times must not go back.
    pub fn observe(&mut self, cluster: &Cluster, event: &Event) {
        match self.clock {
            None => {
                let begun = event.flags.has(Flags::GENESIS);
                self.disturbed = if begun { event.at } else { event.at - QUIET };
            }
            // The state after the last event held up to just before this one.
            Some(clock) if clock < event.at => self.hold(clock, Time(event.at.0 - 1)),
            Some(_) => {}
        }
        self.clock = Some(event.at);
        if disturbs(event.track) {
            self.cut(event.at);
        } else {
            // What comes from here on may be an answer to this.
            self.open = self.intervals.len();
        }
        match event.body {
            Body::PodDeleted { pod, .. } => {
                self.terminating.insert(pod);
            }
            Body::PodGone { pod } => {
                self.terminating.remove(&pod);
            }
            Body::StatusWritten { object, .. } => {
                self.reported.insert(object);
                self.review(cluster, object);
            }
            Body::Applied { object, .. }
            | Body::Scaled { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::ObjectRemoved { object }
            | Body::RolloutUndone { object, .. } => self.review(cluster, object),
            _ => {}
        }
    }

    /// The settled stretches of a log that is known until `end`.
    pub fn finish(mut self, end: Time) -> Vec<Interval> {
        if let Some(clock) = self.clock {
            self.hold(clock, end.max(clock));
        }
        let mut intervals: Vec<Interval> = Vec::new();
        for (interval, unreported) in self.intervals {
            if unreported.iter().any(|object| self.reported.contains(object)) {
                continue;
            }
            match intervals.last_mut() {
                Some(last) if last.end.0 + 1 >= interval.start.0 => last.end = interval.end,
                _ => intervals.push(interval),
            }
        }
        intervals
    }

    /// The state did not change from `from` to `to`, both included.
    fn hold(&mut self, from: Time, to: Time) {
        let start = from.max(self.disturbed + QUIET);
        if !self.terminating.is_empty() || !self.stale.is_empty() || start > to {
            return;
        }
        match self.intervals[self.open..].last_mut() {
            Some((last, unreported)) if last.end.0 + 1 == start.0 && *unreported == self.unreported => {
                last.end = to;
            }
            _ => self.intervals.push((Interval { start, end: to }, self.unreported.clone())),
        }
    }

    /// Something happened: moments less than [`QUIET`] before it are not settled.
    fn cut(&mut self, at: Time) {
        let latest = at - QUIET;
        let mut kept = self.open;
        for index in self.open..self.intervals.len() {
            let (interval, unreported) = &mut self.intervals[index];
            if interval.start <= latest {
                let cut =
                    (Interval { end: interval.end.min(latest), ..*interval }, std::mem::take(unreported));
                self.intervals[kept] = cut;
                kept += 1;
            }
        }
        self.intervals.truncate(kept);
        (self.open, self.disturbed) = (kept, at);
    }

    /// Looks again at whether a workload's generation is observed.
    fn review(&mut self, cluster: &Cluster, id: ObjectId) {
        let Some(object) = cluster.object(id) else { return };
        if !matches!(object.key.kind, sym::DAEMON_SET | sym::REPLICA_SET | sym::DEPLOYMENT) {
            return;
        }
        // Controllers write no status of what is being deleted, nor of what they refuse to act on.
        let refused = object.daemon_set().is_some_and(|daemon_set| daemon_set.selects_all);
        let watched = object.present && object.deleting.is_none() && !refused;
        let reported = self.reported.contains(&id);
        let stale = watched && reported && object.status.observed_generation < object.generation;
        set(&mut self.stale, id, stale);
        set(&mut self.unreported, id, watched && !reported);
    }
}

fn set(members: &mut BTreeSet<ObjectId>, id: ObjectId, member: bool) {
    if member {
        members.insert(id);
    } else {
        members.remove(&id);
    }
}

/// Folds a side to its end and says when it was settled.
///
/// # Errors
/// The log cannot be read, or an event does not fit.
pub fn scan(side: &mut Side<'_>) -> Result<Settled, SideError> {
    let mut scan = SettledScan::new();
    side.advance_with(Time::MAX, |cluster, _, _, event| scan.observe(cluster, event))?;
    Ok(finish(scan, side))
}

/// What a scan found, once the side is at its end.
pub(super) fn finish(scan: SettledScan, side: &Side<'_>) -> Settled {
    let kind_and_name = |id: &ObjectId| {
        let kind = side.names().text(side.names().object_key(*id).kind);
        format!("{kind} {}", side.names().object_name(*id))
    };
    let waits_for = WaitsFor {
        terminating: scan.terminating.len(),
        unobserved: scan.stale.iter().map(kind_and_name).collect(),
    };
    let (began, last_event, end) = (side.began().unwrap_or(side.now()), side.now(), side.end());
    Settled { intervals: scan.finish(end), began, last_event, end, waits_for }
}

/// The longest stretches throughout which both sides are settled.
pub fn common(a: &[Interval], b: &[Interval]) -> Vec<Interval> {
    let (mut i, mut j, mut both) = (0, 0, Vec::new());
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let interval = Interval { start: x.start.max(y.start), end: x.end.min(y.end) };
        if interval.start <= interval.end {
            both.push(interval);
        }
        if x.end < y.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}

/// The moments at which two sides are compared: start and end of each stretch throughout which both are
/// settled (what happens in between comes from outside), and the last moment that is known of both, if that is
/// settled and something happened since.
pub fn moments(a: &Settled, b: &Settled) -> Vec<Time> {
    let both = common(&a.intervals, &b.intervals);
    let (end, quiet_from) = (a.end.min(b.end), a.last_event.max(b.last_event));
    let mut moments = Vec::new();
    for interval in both {
        // Beyond both logs' last events nothing changes any more.
        let last = if interval.end == end { end.min(quiet_from.max(interval.start)) } else { interval.end };
        moments.extend([interval.start, last]);
    }
    moments.dedup();
    moments
}
