//! One sync of one DaemonSet, in upstream's order (`syncDaemonSet`).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::api::ApiServer;
use super::backoff::Backoff;
use super::expectations::Expectations;
use super::grouping;
use super::manage::{FailedPods, Wanted};
use super::outcome::{Creation, Deletion, Report, SyncError, SyncOutcome};
use super::pod::{DaemonPod, Rules};
use super::revision::{History, RevisionOperation};
use super::rollout::{Limits, Step};
use super::status::Counts;
use super::touched::OnNodes;
use super::turns::Turns;
use super::view::View;
use super::{Key, Settings};
use crate::cluster::{Cluster, DaemonSet, Object, UpdateStrategy};
use crate::event::{Phase, Why, WorkloadStatus};
use crate::names::{DocId, Names, NodeId, Seq, Sym};
use crate::time::{Micros, Time};

/// One sync under way: what it works with, and what it has decided so far.
pub(super) struct Sync<'a> {
    pub cluster: &'a Cluster,
    pub now: Time,
    pub settings: &'a Settings,
    pub key: Key,
    pub object: &'a Object,
    pub spec: &'a DaemonSet,
    pub expectations: &'a mut Expectations,
    pub backoff: &'a mut Backoff,
    pub api: &'a mut dyn ApiServer,
    /// The event that woke the sync.
    pub woken_by: Seq,
    /// Labels of revisions that are known from elsewhere.
    pub hashes: &'a BTreeMap<DocId, Sym>,
    /// The order in which nodes are taken where any will do, if it is not that of their names.
    pub turns: Option<&'a Turns>,
    /// The last event about the DaemonSet's pods on a node, by the node's number.
    pub touched: &'a OnNodes,
    pub out: Box<SyncOutcome>,
    pub scratch: &'a mut Scratch,
}

/// Room that syncs use one after the other, so that they need no new.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    wanted: Wanted,
    step: Step,
    deletes: Vec<(DaemonPod, Why)>,
}

impl Sync<'_> {
    /// The first half of a sync, after `syncDaemonSet`: finds the current revision. `None` if there is no second.
    /// `known` are the revisions if nothing is to be done about them.
    pub fn begin(&mut self, names: &mut Names, known: Option<Rc<History>>) -> Option<(Rc<History>, Rules)> {
        self.out.object = Some(self.object.id);
        if self.spec.selects_all {
            self.out.reports.push(Report::SelectingAll);
            return None;
        }
        if self.object.deleting.is_some() {
            return None;
        }
        let selector = match grouping::selector(self.spec) {
            Ok(selector) => selector,
            Err(reason) => {
                self.out.error = Some(SyncError::BadSelector { reason });
                return None;
            }
        };
        let history = known.unwrap_or_else(|| {
            let (object, spec) = (self.object, self.spec);
            Rc::new(History::construct(self.cluster, names, object, spec, selector, self.hashes))
        });
        self.out.revisions.clone_from(&history.operations);
        if history.collision {
            let collisions = self.object.status.collision_count.map_or(1, |count| count + 1);
            self.out.status =
                Some(WorkloadStatus { collision_count: Some(collisions), ..self.object.status });
            self.out.error = Some(SyncError::HashCollision);
            return None;
        }
        let rules = Rules::of(self.spec, history.hash, self.now);
        self.out.hash = history.hash;
        Some((history, rules))
    }

    /// The second half: creates, deletes, replaces, and counts. The view is up to date for the rules.
    pub fn finish(&mut self, view: &mut dyn View, history: &History, rules: &Rules, names: &Names) {
        if let Err(error) = self.relabel(view, history) {
            self.out.error = Some(error);
            return;
        }
        if !self.expectations.satisfied(self.key, self.now) {
            self.out.error = self.update_status(view, rules, names, false).err();
            return;
        }
        let result = self.update(view, history, rules, names);
        let status = self.update_status(view, rules, names, true);
        self.out.error = result.and(status).err();
    }

    /// Gives all pods the current label where revisions were merged, after `dedupCurHistories`.
    fn relabel(&mut self, view: &dyn View, history: &History) -> Result<(), SyncError> {
        if history.duplicates > 0 {
            (0..history.duplicates).try_for_each(|_| self.claim(view))?;
            self.out.relabels = view.not_labelled(history.hash);
        }
        Ok(())
    }

    /// Counts a call of `getDaemonPods`. Within a sync every call finds the same pods.
    fn claim(&mut self, view: &dyn View) -> Result<(), SyncError> {
        if view.adopts_count() > 0 && !self.api.may_adopt() {
            return Err(SyncError::AdoptionRefused);
        }
        if self.out.claims == 0 {
            self.out.adopts = view.adopts();
            self.out.releases = view.releases();
        }
        self.out.claims += 1;
        self.out.owner_patches += view.adopts_count() + self.out.releases.len();
        Ok(())
    }

    /// Creates, deletes and replaces pods, and cuts the history, after `updateDaemonSet`.
    fn update(
        &mut self,
        view: &mut dyn View,
        history: &History,
        rules: &Rules,
        names: &Names,
    ) -> Result<(), SyncError> {
        self.manage(view, rules, names)?;
        if self.expectations.satisfied(self.key, self.now) {
            match self.spec.strategy {
                UpdateStrategy::RollingUpdate { .. } | UpdateStrategy::RollingUpdateUnset => {
                    self.rolling_update(view, rules, names)?;
                }
                UpdateStrategy::OnDelete | UpdateStrategy::Other => {}
            }
        }
        self.claim(view)?;
        let beyond = history.beyond_limit(self.spec.revision_history_limit, |hash| view.is_live(hash));
        self.out.pruned.extend(beyond.into_iter().map(RevisionOperation::Delete));
        Ok(())
    }

    /// Sees to it that every node has the pods that it should have, after `manage`.
    fn manage(&mut self, view: &mut dyn View, rules: &Rules, names: &Names) -> Result<(), SyncError> {
        self.claim(view)?;
        let mut wanted = std::mem::take(&mut self.scratch.wanted);
        wanted.clear();
        let mut failed = FailedPods {
            backoff: self.backoff,
            bounds: self.settings.backoff_bounds(),
            daemon_set: self.object.id,
            observed_generation: self.object.status.observed_generation,
        };
        view.manage(rules, &mut failed, names, self.settings.burst_replicas, &mut wanted);
        if let Some(turns) = self.turns {
            wanted.creates.sort_by_key(|node| self.creation(turns, *node, names));
        }
        self.requeue_after(wanted.requeue_after);
        for (pod, why) in &wanted.deletes {
            let Some(id) = pod.id else { continue };
            match why {
                Why::Failed => self.out.reports.push(Report::FailedDaemonPod(id, pod.node)),
                Why::Succeeded => self.out.reports.push(Report::SucceededDaemonPod(id, pod.node)),
                _ => {}
            }
        }
        let result = self.sync_nodes(view, &wanted.deletes, usize::MAX, &wanted.creates, usize::MAX, names);
        self.scratch.wanted = wanted;
        result
    }

    /// One step of a rolling update, after `rollingUpdate`.
    fn rolling_update(&mut self, view: &mut dyn View, rules: &Rules, names: &Names) -> Result<(), SyncError> {
        self.claim(view)?;
        let desired = i64::try_from(view.desired()).unwrap_or(i64::MAX);
        let limits = Limits::resolve(&self.spec.strategy, desired)?;
        let mut step = std::mem::take(&mut self.scratch.step);
        step.clear();
        view.step(&limits, rules, names, self.settings.burst_replicas, &mut step)?;
        self.follow(view, &limits, rules, names, &mut step)?;
        let why = |pod: &DaemonPod| match pod.phase {
            Phase::Failed => Why::Failed,
            Phase::Succeeded => Why::Succeeded,
            _ if self.cluster.present_node(pod.node).is_none() => Why::NodeMissing,
            _ => Why::Outdated,
        };
        let mut deletes = std::mem::take(&mut self.scratch.deletes);
        deletes.clear();
        deletes.extend(step.deletes.iter().map(|pod| (*pod, why(pod))));
        let Step { free_deletes, free_creates, ref creates, .. } = step;
        let result = self.sync_nodes(view, &deletes, free_deletes, creates, free_creates, names);
        (self.scratch.step, self.scratch.deletes) = (step, deletes);
        result
    }

    /// Takes, of the nodes that a rolling update may choose from, as many as it would, but in the recorded order.
    fn follow(
        &self,
        view: &dyn View,
        limits: &Limits,
        rules: &Rules,
        names: &Names,
        step: &mut Step,
    ) -> Result<(), SyncError> {
        let Some(turns) = self.turns else { return Ok(()) };
        let all = match limits.max_surge {
            0 => Limits { max_unavailable: i64::MAX, ..*limits },
            _ => Limits { max_surge: i64::MAX, ..*limits },
        };
        let (creates, deletes) = (step.creates.len(), step.deletes.len());
        let mut choice = Step::default();
        view.step(&all, rules, names, usize::MAX, &mut choice)?;
        if limits.max_surge > 0 {
            choice.creates[step.free_creates..].sort_by_key(|node| self.creation(turns, *node, names));
            choice.creates.truncate(creates);
            step.creates = choice.creates;
        } else {
            choice.deletes[step.free_deletes..].sort_by_key(|pod| {
                let ordinal = pod.id.and_then(|id| self.cluster.pod(id)).map_or(0, |pod| pod.ordinal);
                turns.deletion(self.object.id, pod.node, ordinal)
            });
            choice.deletes.truncate(deletes);
            step.deletes = choice.deletes;
        }
        Ok(())
    }

    /// When a node got, in a recording, the pod that it would get now.
    fn creation(&self, turns: &Turns, node: NodeId, names: &Names) -> Time {
        let ordinal = self.cluster.next_ordinal(self.object.id, Some(node), names);
        turns.creation(self.object.id, node, ordinal)
    }

    /// Creates and deletes pods, after `syncNodes`: creations first, in batches that double while nothing goes
    /// wrong; no more than the burst limit of each. Entries beyond `free_…` were held back by a limit until
    /// the event that woke this sync.
    fn sync_nodes(
        &mut self,
        view: &mut dyn View,
        deletes: &[(DaemonPod, Why)],
        free_deletes: usize,
        creates: &[NodeId],
        free_creates: usize,
        names: &Names,
    ) -> Result<(), SyncError> {
        let burst = self.settings.burst_replicas;
        let creates = &creates[..creates.len().min(burst)];
        let deletes = &deletes[..deletes.len().min(burst)];
        self.expectations.set(self.key, creates.len(), deletes.len(), self.now);
        let created = self.create_pods(view, creates, free_creates, names);
        let deleted = self.delete_pods(view, deletes, free_deletes);
        created.and(deleted)
    }

    fn create_pods(
        &mut self,
        view: &mut dyn View,
        nodes: &[NodeId],
        free: usize,
        names: &Names,
    ) -> Result<(), SyncError> {
        let (mut result, mut done, mut batch) = (Ok(()), 0, 1);
        while done < nodes.len() {
            let end = nodes.len().min(done + batch);
            for (index, &node) in nodes.iter().enumerate().take(end).skip(done) {
                match self.api.create(node, names) {
                    Ok(seen) => {
                        let cause = self.creation_cause(node, index >= free);
                        self.out.creates.push(Creation { node, cause });
                        if let Some(pod) = seen {
                            view.created(pod);
                            self.expectations.creations_observed(self.key, 1);
                        }
                    }
                    Err(refusal) => {
                        self.out.refusals.push((node, refusal.reason.clone()));
                        if !refusal.namespace_terminating {
                            self.expectations.creations_observed(self.key, 1);
                            result = Err(SyncError::PodRefused { reason: refusal.reason });
                        }
                    }
                }
            }
            done = end;
            if result.is_err() && done < nodes.len() {
                self.expectations.creations_observed(self.key, nodes.len() - done);
                break;
            }
            batch *= 2;
        }
        result
    }

    fn delete_pods(
        &mut self,
        view: &mut dyn View,
        deletes: &[(DaemonPod, Why)],
        free: usize,
    ) -> Result<(), SyncError> {
        let mut result = Ok(());
        for (index, (pod, why)) in deletes.iter().enumerate() {
            match self.api.delete(pod) {
                Ok(seen) => {
                    let cause = self.deletion_cause(pod, *why, index >= free);
                    self.out.deletes.extend(pod.id.map(|id| Deletion {
                        pod: id,
                        made: pod.made,
                        why: *why,
                        cause,
                    }));
                    if seen {
                        view.deleted(pod);
                        self.expectations.deletion_observed(self.key);
                    }
                }
                Err(reason) => {
                    self.expectations.deletion_observed(self.key);
                    result = Err(SyncError::DeletionRefused { reason });
                }
            }
        }
        result
    }

    fn creation_cause(&self, node: NodeId, held_back: bool) -> Seq {
        let cause = self.node_changed(node).max(self.object.applied).max(self.touched(node));
        if held_back { cause.max(self.woken_by) } else { cause }
    }

    /// Writes the status where it differs or does not know the generation, after `updateDaemonSetStatus`.
    fn update_status(
        &mut self,
        view: &dyn View,
        rules: &Rules,
        names: &Names,
        observe_generation: bool,
    ) -> Result<(), SyncError> {
        self.claim(view)?;
        let counts = view.counts(rules, names);
        self.out.observes = observe_generation;
        let observed = observe_generation.then_some(self.object.generation);
        self.out.status = status_to_write(&counts, self.object, observed);
        if rules.min_ready_seconds > 0 && counts.ready != counts.available {
            self.requeue_after(Some(Micros::seconds(rules.min_ready_seconds)));
        }
        Ok(())
    }

    fn requeue_after(&mut self, delay: Option<Micros>) {
        self.out.requeue_after = self.out.requeue_after.into_iter().chain(delay).min();
    }

    fn deletion_cause(&self, pod: &DaemonPod, why: Why, held_back: bool) -> Seq {
        let applied = self.object.applied;
        let cause = match why {
            Why::Failed | Why::Succeeded => pod.changed,
            Why::NodeMissing => self.node_changed(pod.node).max(pod.made),
            Why::NodeNoLongerFits => self.node_changed(pod.node).max(applied).max(pod.made),
            Why::Outdated => applied.max(self.touched(pod.node)),
            _ => self.touched(pod.node),
        };
        if held_back { cause.max(self.woken_by) } else { cause }
    }

    fn node_changed(&self, node: NodeId) -> Seq {
        self.cluster.node(node).map_or(Seq::NONE, |node| node.changed)
    }

    fn touched(&self, node: NodeId) -> Seq {
        self.touched.on(node)
    }
}

/// The status to write, if one is: where counters differ or the generation was not observed yet, after
/// `storeDaemonSetStatus`.
pub(super) fn status_to_write(
    counts: &Counts,
    object: &Object,
    observed: Option<i64>,
) -> Option<WorkloadStatus> {
    let before = &object.status;
    let differs = counts.status(before, before.observed_generation) != *before;
    let observed = observed.unwrap_or(before.observed_generation);
    (differs || before.observed_generation < object.generation).then(|| counts.status(before, observed))
}
