//! Which pods a rolling update replaces now, after `rollingUpdate`.

use super::grouping::Fleet;
use super::outcome::SyncError;
use super::pod::{DaemonPod, Rules};
use crate::cluster::UpdateStrategy;
use crate::names::{Names, NodeId};
use crate::selector::Eligibility;

/// How many pods may be missing, or be there twice, after `updatedDesiredNodeCounts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes that should run a pod.
    pub desired: i64,
    /// `maxUnavailable` of these.
    pub max_unavailable: i64,
    /// `maxSurge` of these.
    pub max_surge: i64,
}

impl Limits {
    /// Resolves a strategy for a number of nodes that should run a pod.
    ///
    /// # Errors
    /// A number that is neither an integer nor a percentage, or `maxUnavailable` missing.
    pub fn resolve(strategy: &UpdateStrategy, desired: i64) -> Result<Limits, SyncError> {
        let (mut max_unavailable, mut max_surge) = (0, 0);
        if let UpdateStrategy::RollingUpdate { max_unavailable: unavailable, max_surge: surge } = strategy {
            max_unavailable = unavailable
                .and_then(|value| value.scaled_up(desired))
                .ok_or(SyncError::BadLimit { field: "maxUnavailable" })?;
            max_surge = surge
                .map_or(Some(0), |value| value.scaled_up(desired))
                .ok_or(SyncError::BadLimit { field: "maxSurge" })?;
        }
        if desired > 0 && max_unavailable == 0 && max_surge == 0 {
            max_unavailable = 1;
        }
        Ok(Limits { desired, max_unavailable, max_surge })
    }
}

/// Whether a strategy allows two pods on a node for a while, after `AllowsSurge`.
pub(super) fn allows_surge(strategy: &UpdateStrategy) -> bool {
    match strategy {
        UpdateStrategy::RollingUpdate { max_surge: Some(surge), .. } => {
            surge.scaled_up(1).is_some_and(|surge| surge > 0)
        }
        _ => false,
    }
}

/// A node's pods as a rolling update sees them, after `findUpdatedPodsOnNode`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage<'a> {
    /// Several new or several old pods: left to `manage`.
    Unclear,
    /// No pod that stays.
    Empty,
    /// Only a pod of the current template.
    New(&'a DaemonPod),
    /// Only a pod of another template.
    Old(&'a DaemonPod),
    /// Both.
    Both { new: &'a DaemonPod, old: &'a DaemonPod },
}

impl<'a> Stage<'a> {
    /// Looks at a node's pods.
    pub fn of(pods: &'a [DaemonPod], rules: &Rules) -> Stage<'a> {
        let (mut new, mut old) = (None, None);
        for pod in pods.iter().filter(|pod| !pod.terminating) {
            let place = if pod.updated(rules) { &mut new } else { &mut old };
            if place.replace(pod).is_some() {
                return Stage::Unclear;
            }
        }
        match (new, old) {
            (None, None) => Stage::Empty,
            (Some(new), None) => Stage::New(new),
            (None, Some(old)) => Stage::Old(old),
            (Some(new), Some(old)) => Stage::Both { new, old },
        }
    }
}

/// What a rolling update wants. `free` counts the entries at the front of a list that no limit holds back.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub deletes: Vec<DaemonPod>,
    pub free_deletes: usize,
    pub creates: Vec<NodeId>,
    pub free_creates: usize,
}

impl Step {
    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.deletes.clear();
        self.creates.clear();
        (self.free_deletes, self.free_creates) = (0, 0);
    }
}

/// One step of a rolling update.
///
/// # Errors
/// While surging: a node with an old pod does not exist.
pub(super) fn step(fleet: &Fleet, limits: &Limits, rules: &Rules, names: &Names) -> Result<Step, SyncError> {
    let concerned = |(node, eligibility): (NodeId, Option<Eligibility>)| {
        let pods = fleet.pods(node);
        let desired = eligibility.is_some_and(|e| e.should_run);
        (desired || !pods.is_empty()).then(|| (node, eligibility, Stage::of(pods, rules)))
    };
    let groups = fleet.all(names).filter_map(concerned);
    if limits.max_surge == 0 {
        Ok(replace(groups.map(|(_, _, stage)| stage), limits, rules))
    } else {
        surge(groups, limits, rules, names)
    }
}

/// Without surge: old pods that are not available all go; of the others as many as may be unavailable.
fn replace<'a>(groups: impl Iterator<Item = Stage<'a>>, limits: &Limits, rules: &Rules) -> Step {
    let (mut unavailable, mut replacements, mut candidates) = (0, Vec::new(), Vec::new());
    for stage in groups {
        match stage {
            Stage::Unclear | Stage::Empty | Stage::Both { .. } => unavailable += 1,
            Stage::New(new) => unavailable += i64::from(!new.available(rules)),
            Stage::Old(old) if old.available(rules) => candidates.push(*old),
            Stage::Old(old) => {
                replacements.push(*old);
                unavailable += 1;
            }
        }
    }
    candidates.truncate(room(limits.max_unavailable, unavailable));
    let free_deletes = replacements.len();
    replacements.append(&mut candidates);
    Step { deletes: replacements, free_deletes, ..Step::default() }
}

/// With surge: a new pod goes beside an old one, freely where the old one is not available, else on as many
/// nodes as `maxSurge` says; the old one goes when the new one is available.
fn surge<'a>(
    groups: impl Iterator<Item = (NodeId, Option<Eligibility>, Stage<'a>)>,
    limits: &Limits,
    rules: &Rules,
    names: &Names,
) -> Result<Step, SyncError> {
    let mut step = Step::default();
    let (mut surging, mut available) = (0, 0);
    let (mut candidates, mut unwanted) = (Vec::new(), Vec::new());
    for (node, eligibility, stage) in groups {
        let counted = match stage {
            Stage::Old(pod) | Stage::New(pod) | Stage::Both { old: pod, .. } => pod.available(rules),
            Stage::Unclear | Stage::Empty => false,
        };
        available += i64::from(counted);
        match stage {
            Stage::Unclear => surging += 1,
            Stage::Empty | Stage::New(_) => {}
            Stage::Both { new, old } if new.available(rules) => step.deletes.push(*old),
            Stage::Both { .. } => surging += 1,
            Stage::Old(old) => {
                let Some(eligibility) = eligibility else {
                    return Err(SyncError::NodeMissing { node: names.node_name(node).to_owned() });
                };
                match (eligibility.should_run, counted) {
                    (false, false) => step.deletes.push(*old),
                    (true, false) => step.creates.push(node),
                    (false, true) => unwanted.push(*old),
                    (true, true) => candidates.push(node),
                }
            }
        }
    }
    (step.free_deletes, step.free_creates) = (step.deletes.len(), step.creates.len());
    // Nobody is to be without a pod: where none should be, one goes for each that is available elsewhere.
    unwanted.truncate(room(available, limits.desired));
    step.deletes.append(&mut unwanted);
    candidates.truncate(room(limits.max_surge, surging));
    step.creates.append(&mut candidates);
    Ok(step)
}

/// What is left of a limit; nothing if it is passed.
pub(super) fn room(limit: i64, used: i64) -> usize {
    usize::try_from(limit.saturating_sub(used)).unwrap_or(0)
}
