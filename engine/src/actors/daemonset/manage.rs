//! Which nodes need a pod and which pods have to go, after `manage` and `podsShouldBeOnNode`.

use super::backoff::{Backoff, BackoffKey, Bounds};
use super::pod::{DaemonPod, Rules};
use crate::event::{Phase, Why};
use crate::names::{Names, NodeId, ObjectId};
use crate::selector::Eligibility;
use crate::time::Micros;

/// What is wanted so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Nodes that need a pod.
    pub creates: Vec<NodeId>,
    /// Pods that have to go.
    pub deletes: Vec<(DaemonPod, Why)>,
    /// The shortest delay of a failed pod that is left alone for now.
    pub requeue_after: Option<Micros>,
}

impl Wanted {
    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.creates.clear();
        self.deletes.clear();
        self.requeue_after = None;
    }
}

/// The delays for failed pods of one DaemonSet.
pub(super) struct FailedPods<'a> {
    pub backoff: &'a mut Backoff,
    pub bounds: Bounds,
    pub daemon_set: ObjectId,
    pub observed_generation: i64,
}

/// Decides for a node that exists. `pods` are all of its pods, also terminating ones.
pub(super) fn node(
    node: NodeId,
    eligibility: Eligibility,
    pods: &[DaemonPod],
    rules: &Rules,
    failed: &mut FailedPods<'_>,
    names: &Names,
    wanted: &mut Wanted,
) {
    if eligibility.should_run && pods.is_empty() {
        wanted.creates.push(node);
        return;
    }
    let staying = pods.iter().filter(|pod| !pod.terminating);
    if !eligibility.should_continue {
        wanted.deletes.extend(staying.map(|pod| (*pod, Why::NodeNoLongerFits)));
        return;
    }
    if idle(eligibility, pods, rules) {
        return;
    }
    let mut running = Vec::new();
    for pod in staying {
        match pod.phase {
            Phase::Failed if failed.wait(node, rules, wanted) => {}
            Phase::Failed => wanted.deletes.push((*pod, Why::Failed)),
            Phase::Succeeded => wanted.deletes.push((*pod, Why::Succeeded)),
            _ => running.push(*pod),
        }
    }
    running.sort_by(|a, b| a.by_age(b, names));
    if !rules.allows_surge {
        wanted.deletes.extend(running.iter().skip(1).map(|pod| (*pod, surplus(pod, pods, rules))));
    } else if running.is_empty() {
        if eligibility.should_run {
            wanted.creates.push(node);
        }
    } else {
        surplus_while_surging(&running, pods, rules, wanted);
    }
}

/// Whether there is certainly nothing to do on a node that exists, whatever the time.
pub(super) fn idle(eligibility: Eligibility, pods: &[DaemonPod], rules: &Rules) -> bool {
    let mut running = 0;
    for pod in pods.iter().filter(|pod| !pod.terminating) {
        if matches!(pod.phase, Phase::Failed | Phase::Succeeded) || !eligibility.should_continue {
            return false;
        }
        running += 1;
    }
    match running {
        0 => !eligibility.should_run || !(pods.is_empty() || rules.allows_surge),
        more => more == 1,
    }
}

impl FailedPods<'_> {
    /// Whether a failed pod of a node is left alone for now; if not, the next one will be.
    fn wait(&mut self, node: NodeId, rules: &Rules, wanted: &mut Wanted) -> bool {
        let (daemon_set, observed_generation) = (self.daemon_set, self.observed_generation);
        let key = BackoffKey { daemon_set, observed_generation, node };
        match self.backoff.running(key, self.bounds, rules.now) {
            Some(delay) => {
                wanted.requeue_after = Some(wanted.requeue_after.map_or(delay, |other| other.min(delay)));
                true
            }
            None => {
                self.backoff.next(key, self.bounds, rules.now);
                false
            }
        }
    }
}

/// Why a pod too many goes: because it is of another template, unless it is one of several such.
fn surplus(pod: &DaemonPod, pods: &[DaemonPod], rules: &Rules) -> Why {
    let old = |other: &DaemonPod| !other.terminating && !other.orphan && !other.updated(rules);
    if pod.updated(rules) || pods.iter().any(|other| other.id != pod.id && old(other)) {
        Why::Duplicate
    } else {
        Why::Outdated
    }
}

/// A surging node keeps the oldest pod of the current template and the oldest other one, and the latter only
/// while it is ready and the former is not available. Pods of the current template are told by hash alone.
fn surplus_while_surging(running: &[DaemonPod], pods: &[DaemonPod], rules: &Rules, wanted: &mut Wanted) {
    let (mut oldest_new, mut oldest_old) = (None, None);
    for pod in running {
        let place = if pod.hash == rules.hash { &mut oldest_new } else { &mut oldest_old };
        match place {
            None => *place = Some(pod),
            Some(_) => wanted.deletes.push((*pod, surplus(pod, pods, rules))),
        }
    }
    if let (Some(new), Some(old)) = (oldest_new, oldest_old)
        && (!old.ready || new.available(rules))
    {
        wanted.deletes.push((*old, surplus(old, pods, rules)));
    }
}
