//! What a run cost over time: how long rollouts took, how much was unavailable meanwhile, how many pods were
//! started anew.
//!
//! Availability is what the DaemonSet's status says, since that is what its users watch.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::cluster::{Cluster, Object, UpdateStrategy};
use crate::event::{Body, Event, WorkloadStatus};
use crate::names::{DocId, Names, ObjectId, PodId, Seq, sym};
use crate::time::{Micros, Time};

use super::side::{Side, SideError};

/// What happened to each DaemonSet, by namespace and name. Objects that bore a name one after another count
/// as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverTime {
    /// By `namespace/name`.
    pub daemon_sets: BTreeMap<String, DaemonSetOverTime>,
}

/// What happened to a DaemonSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonSetOverTime {
    /// Its rollouts, in order.
    pub rollouts: Vec<Rollout>,
    /// How unavailable it was, over the whole log.
    pub unavailability: Unavailability,
    /// Pods created.
    pub pods_created: u64,
    /// Pods whose deletion was accepted.
    pub pods_deleted: u64,
    /// Times that containers were restarted in place.
    pub container_restarts: u64,
    /// How often fewer pods were available than the strategy promises.
    pub breaches: Breaches,
}

/// How a budget was kept: once as many pods were available as the strategy promises, fewer are a breach, unless
/// it is only the number of nodes that grew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaches {
    /// How often it was breached.
    pub count: u32,
    /// For how long in all.
    pub lasted: Micros,
    /// The status that first showed the first of them.
    pub first: Option<Seq>,
}

/// One template's way to all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// The event that brought the template.
    pub began: Seq,
    /// When that was.
    pub began_at: Time,
    /// When the status first said that all pods are updated and available; `None` if it never did, or not
    /// before the next template came.
    pub complete_at: Option<Time>,
    /// Whether the DaemonSet was new; nothing can be available then.
    pub initial: bool,
    /// How unavailable it was until it was complete or the next one began.
    pub unavailability: Unavailability,
    /// For how long more pods were unavailable than `maxUnavailable` allows. Not counted for the initial one.
    pub over_budget: Micros,
}

/// How unavailable a DaemonSet was, after `numberUnavailable`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unavailability {
    /// The most at one time.
    pub peak: u32,
    /// The sum over time: pods times microseconds.
    pub pod_us: i128,
}

impl Rollout {
    /// How long it took.
    pub fn duration(&self) -> Option<Micros> {
        self.complete_at.map(|complete| complete - self.began_at)
    }
}

impl Unavailability {
    fn hold(&mut self, unavailable: u32, length: Micros) {
        self.pod_us += i128::from(unavailable) * i128::from(length.0);
        if length > Micros::ZERO {
            self.peak = self.peak.max(unavailable);
        }
    }
}

/// Follows DaemonSets over a log.
#[derive(Debug, Default)]
pub struct OverTimeScan {
    sets: FxHashMap<ObjectId, Followed>,
    restarts: FxHashMap<PodId, u32>,
}

#[derive(Debug, Default)]
struct Followed {
    result: DaemonSetOverTime,
    template: Option<DocId>,
    status: WorkloadStatus,
    /// `maxUnavailable` in pods; `None` where nothing bounds it.
    budget: Option<u32>,
    since: Time,
    rolling: bool,
    /// Whether as many pods were available as promised, at any time so far.
    kept: bool,
    /// Whether the budget is breached.
    breached: bool,
}

impl Followed {
    /// Time passes with the status as it is.
    fn pass(&mut self, until: Time) {
        let length = until - self.since;
        self.since = until;
        let unavailable = self.status.unavailable;
        self.result.unavailability.hold(unavailable, length);
        if self.breached {
            self.result.breaches.lasted = self.result.breaches.lasted + length;
        }
        if let Some(rollout) = self.result.rollouts.last_mut().filter(|_| self.rolling) {
            rollout.unavailability.hold(unavailable, length);
            if !rollout.initial && self.budget.is_some_and(|budget| unavailable > budget) {
                rollout.over_budget = rollout.over_budget + length;
            }
        }
    }

    fn review(&mut self, object: &Object, seq: Seq, at: Time) {
        let Some(daemon_set) = object.daemon_set() else { return };
        if self.template != Some(daemon_set.template) {
            self.result.rollouts.push(Rollout {
                began: seq,
                began_at: at,
                complete_at: None,
                initial: self.template.is_none(),
                unavailability: Unavailability::default(),
                over_budget: Micros::ZERO,
            });
            (self.template, self.rolling) = (Some(daemon_set.template), true);
        }
        let available_before = self.status.available;
        self.status = object.status;
        self.budget = budget(daemon_set.strategy, object.status.desired);
        let status = &self.status;
        // As `kubectl rollout status` decides it.
        let complete = status.observed_generation >= object.generation
            && status.updated >= status.desired
            && status.available >= status.desired;
        if self.rolling && complete {
            if let Some(rollout) = self.result.rollouts.last_mut() {
                rollout.complete_at = Some(at);
            }
            self.rolling = false;
        }
        self.review_budget(available_before, seq);
    }

    fn review_budget(&mut self, available_before: u32, seq: Seq) {
        let Some(budget) = self.budget else { return };
        let available = self.status.available;
        if available >= self.status.desired.saturating_sub(budget) {
            (self.kept, self.breached) = (true, false);
        } else if self.kept && !self.breached && available < available_before {
            self.breached = true;
            self.result.breaches.count += 1;
            self.result.breaches.first.get_or_insert(seq);
        }
    }
}

/// `maxUnavailable` in pods; a surge that is given instead allows none.
fn budget(strategy: UpdateStrategy, desired: u32) -> Option<u32> {
    let UpdateStrategy::RollingUpdate { max_unavailable, max_surge } = strategy else { return None };
    let scale = |value: crate::quantity::IntOrPercent| value.scaled_up(i64::from(desired));
    let unavailable = scale(max_unavailable?)?;
    let surge = max_surge.and_then(scale).unwrap_or(0);
    // Upstream takes 1 where both are 0.
    let allowed = if unavailable == 0 && surge == 0 { 1 } else { unavailable };
    u32::try_from(allowed).ok()
}

impl OverTimeScan {
    /// A scan that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of an event that has just been applied.
    pub fn observe(&mut self, cluster: &Cluster, seq: Seq, event: &Event) {
        match event.body {
            Body::Applied { object, .. }
            | Body::RolloutUndone { object, .. }
            | Body::StatusWritten { object, .. } => {
                let Some(object) = cluster.object(object).filter(|o| o.key.kind == sym::DAEMON_SET) else {
                    return;
                };
                let followed = self.sets.entry(object.id).or_default();
                followed.pass(event.at);
                followed.review(object, seq, event.at);
            }
            Body::DeleteRequested { object, .. } | Body::ObjectRemoved { object } => {
                if let Some(followed) = self.sets.get_mut(&object) {
                    followed.pass(event.at);
                    // Nothing is wanted of it any more.
                    (followed.status.unavailable, followed.rolling) = (0, false);
                    (followed.kept, followed.breached) = (false, false);
                }
            }
            Body::PodCreated { pod, owner, .. } => {
                self.restarts.remove(&pod);
                if let Some(followed) = owner.and_then(|owner| self.sets.get_mut(&owner)) {
                    followed.result.pods_created += 1;
                }
            }
            Body::PodDeleted { pod, .. } => {
                if let Some(followed) = self.owner(cluster, pod) {
                    followed.result.pods_deleted += 1;
                }
            }
            Body::PodRestarted { pod, restarts } => {
                let before = self.restarts.insert(pod, restarts).unwrap_or(0);
                if let Some(followed) = self.owner(cluster, pod) {
                    followed.result.container_restarts += u64::from(restarts.saturating_sub(before));
                }
            }
            _ => {}
        }
    }

    fn owner(&mut self, cluster: &Cluster, pod: PodId) -> Option<&mut Followed> {
        let owner = cluster.pod(pod).and_then(|pod| pod.owner)?;
        self.sets.get_mut(&owner)
    }

    /// What was seen until a moment.
    pub fn finish(self, names: &Names, end: Time) -> OverTime {
        let mut sets: Vec<(ObjectId, Followed)> = self.sets.into_iter().collect();
        sets.sort_unstable_by_key(|(id, _)| names.object_key(*id).incarnation);
        let mut over_time = OverTime::default();
        for (id, mut followed) in sets {
            followed.pass(end.max(followed.since));
            over_time.daemon_sets.entry(names.object_name(id)).or_default().add(followed.result);
        }
        over_time
    }
}

impl DaemonSetOverTime {
    /// Adds a later object of the same name.
    fn add(&mut self, later: DaemonSetOverTime) {
        self.rollouts.extend(later.rollouts);
        self.unavailability.peak = self.unavailability.peak.max(later.unavailability.peak);
        self.unavailability.pod_us += later.unavailability.pod_us;
        self.pods_created += later.pods_created;
        self.pods_deleted += later.pods_deleted;
        self.container_restarts += later.container_restarts;
        let Breaches { count, lasted, first } = later.breaches;
        self.breaches = Breaches {
            count: self.breaches.count + count,
            lasted: self.breaches.lasted + lasted,
            first: self.breaches.first.or(first),
        };
    }
}

/// Folds a side to a moment (at most its last event) and says what it cost until then.
///
/// # Errors
/// The log cannot be read, or an event does not fit.
pub fn over_time(side: &mut Side<'_>, until: Time) -> Result<OverTime, SideError> {
    let mut scan = OverTimeScan::new();
    side.advance_with(until, |cluster, _, seq, event| scan.observe(cluster, seq, event))?;
    Ok(scan.finish(side.names(), side.now()))
}
