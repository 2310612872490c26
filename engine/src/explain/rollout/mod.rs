//! What holds a DaemonSet's rollout up: which nodes use up its budget, with which pods, since when.

mod budget;
mod look_up;
mod trail;

use std::collections::BTreeSet;

use serde::Serialize;

use self::budget::{Budget, Holder};
use self::look_up::Past;
use self::trail::Trail;
use super::WorkloadName;
use super::daemon_pod::{find, no_such_daemon_set};
use super::history::{ExplainError, History, Moment, Tales, Tape, collect, seek};
use super::pending::Pending;
use crate::cluster::{DaemonSet, UpdateStrategy};
use crate::names::Seq;
use crate::quantity::IntOrPercent;
use crate::time::Time;
use crate::told::Told;

/// How many holders of the budget are told.
const HOLDERS_MAX: usize = 20;
/// How many waiting nodes are named.
const WAITING_MAX: usize = 5;
/// How many breaches of the budget are told.
const BREACHES_MAX: usize = 3;
/// Breaches are looked for among so many events up to the moment: a log may be as long as it likes.
const BREACHES_WITHIN: u64 = 500_000;

/// How far a rollout is, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RolloutState {
    /// Every pod is of the current template, and available.
    Complete,
    /// Every pod is of the current template; some are not available yet.
    WaitsForPods,
    /// Old pods are left, and the budget has room: the controller's next sync goes on.
    GoesOn {
        /// For how many more nodes there is room.
        room: i64,
    },
    /// Old pods are left that are available, and the budget is used up.
    BudgetUsedUp,
    /// The strategy is OnDelete: an old pod stays until somebody deletes it.
    OnDelete,
    /// A surging rollout does nothing at all while an old pod is recorded on a node that does not exist.
    NodeGone {
        /// The node.
        node: String,
        /// The pod, until the pod garbage collector takes it.
        pod: String,
        /// The event with which the node left.
        since: Option<Told>,
    },
    /// The controller has not observed the current generation.
    NotObserved {
        /// `metadata.generation`.
        generation: i64,
        /// `status.observedGeneration`.
        observed: i64,
    },
    /// The DaemonSet is being deleted.
    Deleting,
    /// The strategy's numbers cannot be used.
    BadLimits {
        /// Why.
        reason: String,
    },
}

/// How many nodes may be without an available pod, or have two pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutLimits {
    /// Nodes that should run a pod.
    pub desired: i64,
    /// `maxUnavailable` of these, percentages rounded up.
    pub max_unavailable: i64,
    /// `maxUnavailable` as the manifest has it.
    pub max_unavailable_asked: Option<String>,
    /// `maxSurge` of these, percentages rounded up.
    pub max_surge: i64,
    /// `maxSurge` as the manifest has it.
    pub max_surge_asked: Option<String>,
    /// How much of the limit that counts (maxSurge if it is not 0, else maxUnavailable) is used up.
    pub used: i64,
}

/// Why a node uses up budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Hold {
    /// It should have a pod and has none.
    NoPod,
    /// Its pod is being deleted and not gone.
    Terminating {
        /// The pod.
        pod: String,
        /// When its grace period ends.
        #[serde(serialize_with = "crate::explain::as_text")]
        deadline: Time,
        /// Whether that is past, so that its kubelet does not do what it should.
        overdue: bool,
    },
    /// Its pod is not bound to the node.
    Pending {
        /// The pod.
        pod: String,
        /// What it waits for.
        waits_for: Pending,
        /// The old pod on the same node that holds a host port which the new one wants, and goes only when the
        /// new one is available: this never ends by itself.
        deadlocked_with: Option<String>,
    },
    /// Its pod has ended.
    Ended {
        /// The pod.
        pod: String,
        /// Its phase.
        phase: &'static str,
    },
    /// Its pod is not ready.
    NotReady {
        /// The pod.
        pod: String,
        /// Containers restarted so far.
        restarts: u32,
    },
    /// Its pod is ready, but not for `minReadySeconds` yet.
    NotYetAvailable {
        /// The pod.
        pod: String,
        /// When it will be.
        #[serde(serialize_with = "crate::explain::as_text")]
        available_at: Time,
    },
    /// It has several pods of the current or several of other templates; the controller sorts that out first.
    Several {
        /// The pods.
        pods: Vec<String>,
    },
    /// It has an old and a new pod although the DaemonSet does not surge (any more).
    OldAndNew {
        /// The old pod.
        old: String,
        /// The new pod.
        new: String,
    },
}

/// A node that uses up budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetHolder {
    /// The node.
    pub node: String,
    /// Why.
    #[serde(flatten)]
    pub hold: Hold,
    /// Whether its pod is of the current template.
    pub updated: bool,
    /// The event since which it does.
    pub since: Option<Told>,
    /// The event since which the node is not ready, if it is not.
    pub node_not_ready: Option<Told>,
    /// The event with which the node left, if it does not exist.
    pub node_left: Option<Told>,
    /// Whether the node counts among those that should run a pod. One that does not (a NotReady node, a
    /// tainted one) uses up budget all the same while a pod is on it.
    pub desired: bool,
}

/// A time during which fewer pods were available than the strategy promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Breach {
    /// The status that first showed it.
    pub first: Told,
    /// Nodes that should run a pod, then.
    pub desired: i64,
    /// The fewest that may be available.
    pub floor: i64,
    /// The fewest that were available.
    pub lowest: i64,
    /// What took pods away since the status before, or keeps them away: the newest last.
    pub because: Vec<Told>,
}

/// What holds a rollout up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExplanation {
    /// `namespace/name`.
    pub daemon_set: String,
    /// The moment.
    #[serde(serialize_with = "crate::explain::as_text")]
    pub at: Time,
    /// The last event before it.
    pub event: u64,
    /// Its state.
    pub state: RolloutState,
    /// The strategy's type.
    pub strategy: &'static str,
    /// The strategy's numbers; `None` if they cannot be used.
    pub limits: Option<RolloutLimits>,
    /// The number of the current template's ControllerRevision.
    pub revision: Option<i64>,
    /// The event that brought the current template.
    pub asked_by: Option<Told>,
    /// Pods of the current template.
    pub updated: usize,
    /// Pods of other templates.
    pub old: usize,
    /// Nodes that should run a pod and have an available one.
    pub available: usize,
    /// Nodes that use up budget, by name.
    pub holders: Vec<BudgetHolder>,
    /// How many more do.
    pub more_holders: usize,
    /// Nodes whose old pod waits for its turn: the first by name.
    pub waiting_nodes: Vec<String>,
    /// How many of them there are.
    pub waiting: usize,
    /// The last creation, deletion or start of one of its pods.
    pub last_progress: Option<Told>,
    /// Times during which fewer pods were available than promised, the latest of them.
    pub breaches: Vec<Breach>,
    /// How many there were, from event `breaches_from` on.
    pub breach_count: usize,
    /// The first event among which they were looked for: 1, or so far back that it is long ago.
    pub breaches_from: u64,
}

/// Explains what holds a DaemonSet's rollout up at a moment. Budgets are computed as the controller does.
///
/// # Errors
/// The log cannot be read, or has no such DaemonSet or moment.
pub fn explain_rollout(
    tape: &Tape<'_>,
    daemon_set: &WorkloadName,
    moment: Moment,
) -> Result<RolloutExplanation, ExplainError> {
    let (history, mut past) = match seek(tape, moment)? {
        Some(mut history) => {
            let past = Past::look_up(&mut history, daemon_set)?;
            (history, past)
        }
        None => {
            let mut trail = Trail::new(daemon_set);
            let history = collect(tape, moment, |seen| trail.observe(seen))?;
            (history, Past::whole(trail, daemon_set))
        }
    };
    past.trail.forget_before(Seq(breaches_from(history.last)));
    if find(&history, daemon_set).is_none() {
        return Err(no_such_daemon_set(&history, daemon_set));
    }
    let mut history = history;
    if let Some((object, spec)) = find(&history, daemon_set) {
        let holders = Budget::of(&history, object, spec, &past.trail).holders;
        past.complete(&mut history, &holders[..holders.len().min(HOLDERS_MAX)])?;
    }
    let Some((object, spec)) = find(&history, daemon_set) else {
        return Err(no_such_daemon_set(&history, daemon_set));
    };
    let trail = past.trail;
    let budget = Budget::of(&history, object, spec, &trail);
    let scene = Scene { history: &history, trail: &trail, budget: &budget, spec };
    let tales = history.tell(tape, &scene.numbers())?;
    Ok(scene.explain(daemon_set, &tales))
}

/// The first event among which breaches are looked for.
fn breaches_from(last: Seq) -> u64 {
    (last.0 + 1).saturating_sub(BREACHES_WITHIN).max(1)
}

struct Scene<'a, 't> {
    history: &'a History<'t>,
    trail: &'a Trail<'a>,
    budget: &'a Budget,
    spec: &'a DaemonSet,
}

impl Scene<'_, '_> {
    fn told_breaches(&self) -> &[trail::Fall] {
        let falls = &self.trail.falls;
        &falls[falls.len().saturating_sub(BREACHES_MAX)..]
    }

    fn told_holders(&self) -> impl Iterator<Item = &Holder> {
        self.budget.holders.iter().take(HOLDERS_MAX)
    }

    fn numbers(&self) -> BTreeSet<Seq> {
        let mut numbers: BTreeSet<Seq> =
            [self.trail.template, self.trail.progress].into_iter().flatten().collect();
        for holder in self.told_holders() {
            numbers.extend([holder.since, holder.node_not_ready, holder.node_left].into_iter().flatten());
        }
        for fall in self.told_breaches() {
            numbers.insert(fall.first);
            numbers.extend(&fall.because);
        }
        numbers.extend(self.budget.node_gone.as_ref().and_then(|gone| gone.2));
        numbers
    }

    fn explain(&self, daemon_set: &WorkloadName, tales: &Tales) -> RolloutExplanation {
        let budget = self.budget;
        let names = &self.history.names;
        let holder = |holder: &Holder| BudgetHolder {
            node: names.node_name(holder.node).to_owned(),
            hold: holder.hold.clone(),
            updated: holder.updated,
            since: tales.of(holder.since),
            node_not_ready: tales.of(holder.node_not_ready),
            node_left: tales.of(holder.node_left),
            desired: holder.desired,
        };
        let breach = |fall: &trail::Fall| {
            Some(Breach {
                first: tales.get(fall.first)?,
                desired: fall.desired,
                floor: fall.floor,
                lowest: fall.lowest,
                because: fall.because.iter().filter_map(|seq| tales.get(*seq)).collect(),
            })
        };
        RolloutExplanation {
            daemon_set: daemon_set.to_string(),
            at: self.history.now,
            event: self.history.last.0,
            state: self.state(tales),
            strategy: strategy(&self.spec.strategy),
            limits: self.limits(),
            revision: budget.revision,
            asked_by: tales.of(self.trail.template),
            updated: budget.updated,
            old: budget.old,
            available: budget.available,
            holders: self.told_holders().map(holder).collect(),
            more_holders: budget.holders.len().saturating_sub(HOLDERS_MAX),
            waiting_nodes: budget
                .waiting
                .iter()
                .take(WAITING_MAX)
                .map(|n| names.node_name(*n).to_owned())
                .collect(),
            waiting: budget.waiting.len(),
            last_progress: tales.of(self.trail.progress),
            breaches: self.told_breaches().iter().filter_map(breach).collect(),
            breach_count: self.trail.falls.len(),
            breaches_from: breaches_from(self.history.last),
        }
    }

    fn limits(&self) -> Option<RolloutLimits> {
        let limits = self.budget.limits.as_ref().ok()?;
        let asked = |value: Option<IntOrPercent>| value.map(|value| value.to_string());
        let (unavailable, surge) = match self.spec.strategy {
            UpdateStrategy::RollingUpdate { max_unavailable, max_surge } => (max_unavailable, max_surge),
            _ => (None, None),
        };
        Some(RolloutLimits {
            desired: limits.desired,
            max_unavailable: limits.max_unavailable,
            max_unavailable_asked: asked(unavailable),
            max_surge: limits.max_surge,
            max_surge_asked: asked(surge),
            used: self.budget.used,
        })
    }

    fn state(&self, tales: &Tales) -> RolloutState {
        let budget = self.budget;
        if budget.deleting {
            return RolloutState::Deleting;
        }
        if budget.generation > budget.observed {
            return RolloutState::NotObserved { generation: budget.generation, observed: budget.observed };
        }
        let limits = match &budget.limits {
            Ok(limits) => limits,
            Err(reason) => return RolloutState::BadLimits { reason: reason.clone() },
        };
        if budget.old == 0 {
            let whole = i64::try_from(budget.available).is_ok_and(|available| available == limits.desired);
            return if whole { RolloutState::Complete } else { RolloutState::WaitsForPods };
        }
        if matches!(self.spec.strategy, UpdateStrategy::OnDelete | UpdateStrategy::Other) {
            return RolloutState::OnDelete;
        }
        if let Some((node, pod, since)) = &budget.node_gone {
            let node = self.history.names.node_name(*node).to_owned();
            return RolloutState::NodeGone { node, pod: pod.clone(), since: tales.of(*since) };
        }
        let limit = if limits.max_surge > 0 { limits.max_surge } else { limits.max_unavailable };
        match limit - budget.used {
            room @ 1.. => RolloutState::GoesOn { room },
            _ if budget.waiting.is_empty() => RolloutState::WaitsForPods,
            _ => RolloutState::BudgetUsedUp,
        }
    }
}

fn strategy(strategy: &UpdateStrategy) -> &'static str {
    match strategy {
        UpdateStrategy::RollingUpdate { .. } | UpdateStrategy::RollingUpdateUnset => "RollingUpdate",
        UpdateStrategy::OnDelete => "OnDelete",
        UpdateStrategy::Other => "none",
    }
}
