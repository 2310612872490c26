//! What the controller would do in a state: everything that it may choose among, not only what it would choose.
//!
//! Where upstream chooses at random, two right answers need not be the same one. An [`Opinion`] says how many pods a
//! sync would create and delete, and among which.

use super::api::AfterwardsApi;
use super::backoff::Backoff;
use super::expectations::Expectations;
use super::grouping::{Claims, Fleet};
use super::manage::{FailedPods, Wanted};
use super::outcome::SyncOutcome;
use super::pod::{DaemonPod, Rules};
use super::rollout::{Limits, Step};
use super::sync::{Scratch, Sync};
use super::view::{FullPass, View};
use super::views::Scene;
use super::{DaemonSetController, Key, Settings, touched};
use crate::cluster::{Cluster, DaemonSet, Object, UpdateStrategy};
use crate::event::{Phase, Why, WorkloadStatus};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, Sym, sym};
use crate::selector::Eligibility;
use crate::time::{Micros, Time};

/// Far beyond every number of nodes, and far from overflowing.
const NO_LIMIT: i64 = i64::MAX / 4;

/// A delay after a failed pod runs from the decision to delete it, which comes up to so long before the deletion where
/// that waits for the client's rate limit.
const BACKOFF_SLACK: Micros = Micros::millis(500);

/// A pod that may be deleted: its slot, the event that created it, and why it may go.
pub(crate) type Deletable = (PodId, Seq, Why);

/// Creations and deletions that go together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wants {
    /// How many pods would be created.
    pub creates: usize,
    /// For which nodes they may be; the first of them must get one.
    pub may_create: Vec<NodeId>,
    /// How many of them.
    pub must_create: usize,
    /// How many pods would be deleted at most.
    pub deletes: usize,
    /// How many at least: fewer where a failed pod's delay is about to end or has just ended.
    pub least_deletes: usize,
    /// Which pods they may be; the first of them must go.
    pub may_delete: Vec<Deletable>,
    /// How many of them.
    pub must_delete: usize,
}

/// What a sync would do that waits for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Opinion {
    /// Revisions, adoptions and releases, and what went wrong.
    pub outcome: SyncOutcome,
    /// What nodes lack and have too much of (`manage`).
    pub manage: Wants,
    /// What a rolling update replaces (`rollingUpdate`); a sync gets there when the former is nothing, or is done.
    pub rollout: Wants,
    /// The counters, as of a sync that observes the generation; `None` if there is nothing to be counted.
    pub status: Option<WorkloadStatus>,
}

impl Wants {
    /// Whether there is nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.creates == 0 && self.least_deletes == 0
    }
}

impl DaemonSetController {
    /// What a sync of a DaemonSet would do in a state. Nothing is remembered of it.
    pub(crate) fn opinion(&mut self, key: Key, cluster: &Cluster, names: &mut Names, now: Time) -> Opinion {
        let object = cluster.find_object(sym::DAEMON_SET, key.namespace, key.name);
        let Some((object, spec)) = object.and_then(|object| Some((object, object.daemon_set()?))) else {
            return Opinion::default();
        };
        let mut api = AfterwardsApi::new(cluster, object, spec);
        let (mut expectations, mut backoff) = (Expectations::default(), self.state.backoff.clone());
        let mut scratch = Scratch::default();
        let mut sync = Sync {
            cluster,
            now,
            settings: &self.settings,
            key,
            object,
            spec,
            expectations: &mut expectations,
            backoff: &mut backoff,
            api: &mut api,
            woken_by: Seq::NONE,
            turns: None,
            hashes: &self.hashes,
            touched: &touched::NOTHING,
            out: Box::default(),
            scratch: &mut scratch,
        };
        let mut opinion = Opinion::default();
        if let Some((history, rules)) = sync.begin(names, None) {
            let scene = Scene { cluster, names, object, spec };
            let (settings, delays) = (&self.settings, &self.state.backoff);
            self.views.with(&scene, &rules, false, |view| {
                let asked = Asked { cluster, object, spec, rules: &rules, names, settings };
                opinion.manage = asked.manage(view, delays);
                opinion.rollout = asked.rollout(view);
                opinion.status = Some(view.counts(&rules, names).status(&object.status, object.generation));
                sync.finish(view, &history, &rules, names);
            });
        }
        opinion.outcome = *sync.out;
        opinion
    }

    /// Takes note that the recorded controller deleted a failed pod.
    pub(crate) fn failed_pod_deleted(&mut self, owner: ObjectId, node: NodeId, cluster: &Cluster, at: Time) {
        if let Some(object) = cluster.object(owner) {
            self.back_off(object, node, at);
        }
    }
}

/// What a view is asked about.
struct Asked<'a> {
    cluster: &'a Cluster,
    object: &'a Object,
    spec: &'a DaemonSet,
    rules: &'a Rules,
    names: &'a Names,
    settings: &'a Settings,
}

impl Asked<'_> {
    fn manage(&self, view: &dyn View, backoff: &Backoff) -> Wants {
        let wanted = self.wanted(view, backoff, self.rules.now);
        // What is being waited for when a delay is about to end.
        let soon = self.wanted(view, backoff, self.rules.now + BACKOFF_SLACK);
        let failed = |wanted: &Wanted| wanted.deletes.iter().filter(|(_, why)| *why == Why::Failed).count();
        let burst = self.settings.burst_replicas;
        let certain: Vec<_> = wanted
            .deletes
            .iter()
            .filter(|(_, why)| *why != Why::Failed)
            .filter_map(|(pod, why)| Some((pod.id?, pod.made, *why)))
            .collect();
        let must_delete = certain.len();
        let mut may_delete = certain;
        for (pod, _) in soon.deletes.iter().filter(|(_, why)| *why == Why::Failed) {
            may_delete.extend(self.failed_on(pod.node));
        }
        let creates = wanted.creates.len().min(burst);
        let most = must_delete + failed(&soon).max(failed(&wanted));
        Wants {
            creates,
            must_create: if creates < wanted.creates.len() { 0 } else { creates },
            may_create: wanted.creates,
            deletes: most.min(burst),
            least_deletes: wanted.deletes.len().min(burst),
            must_delete: if most > burst { 0 } else { must_delete },
            may_delete,
        }
    }

    fn wanted(&self, view: &dyn View, backoff: &Backoff, now: Time) -> Wanted {
        let mut wanted = Wanted::default();
        let mut failed = FailedPods {
            backoff: &mut backoff.clone(),
            bounds: self.settings.backoff_bounds(),
            daemon_set: self.object.id,
            observed_generation: self.object.status.observed_generation,
        };
        let rules = Rules { now, ..*self.rules };
        view.manage(&rules, &mut failed, self.names, usize::MAX, &mut wanted);
        wanted
    }

    /// A node's failed pods: of several, upstream takes the one that it comes across first.
    fn failed_on(&self, node: NodeId) -> impl Iterator<Item = Deletable> {
        let pods = self.object.pods.iter().filter_map(|id| Some((*id, self.cluster.pod(*id)?)));
        pods.filter(move |(_, pod)| {
            pod.node == Some(node) && pod.phase == Phase::Failed && !pod.terminating()
        })
        .map(|(id, pod)| (id, pod.made, Why::Failed))
    }

    fn rollout(&self, view: &dyn View) -> Wants {
        if matches!(self.spec.strategy, UpdateStrategy::OnDelete | UpdateStrategy::Other) {
            return Wants::default();
        }
        let desired = i64::try_from(view.desired()).unwrap_or(NO_LIMIT);
        let Ok(limits) = Limits::resolve(&self.spec.strategy, desired) else { return Wants::default() };
        let unlimited = match limits.max_surge {
            0 => Limits { max_unavailable: NO_LIMIT, ..limits },
            _ => Limits { max_surge: NO_LIMIT, desired: -NO_LIMIT, ..limits },
        };
        let (mut step, mut all) = (Step::default(), Step::default());
        let done = view.step(&limits, self.rules, self.names, usize::MAX, &mut step);
        if done.and_then(|()| view.step(&unlimited, self.rules, self.names, usize::MAX, &mut all)).is_err() {
            return Wants::default();
        }
        let burst = self.settings.burst_replicas;
        let Step { free_deletes, free_creates, .. } = step;
        let (creates, deletes) = (step.creates.len().min(burst), step.deletes.len().min(burst));
        Wants {
            creates,
            must_create: if step.creates.len() > burst { 0 } else { free_creates },
            may_create: all.creates,
            deletes,
            least_deletes: deletes,
            must_delete: if step.deletes.len() > burst { 0 } else { free_deletes },
            may_delete: all.deletes.iter().filter_map(|pod| self.deletable(pod)).collect(),
        }
    }

    fn deletable(&self, pod: &DaemonPod) -> Option<Deletable> {
        let why = match self.cluster.present_node(pod.node) {
            Some(_) => Why::Outdated,
            None => Why::NodeMissing,
        };
        Some((pod.id?, pod.made, why))
    }
}

/// A DaemonSet's nodes and pods put together from different moments, and the DaemonSet as it was at one.
pub(crate) struct Patchwork<'a> {
    /// The DaemonSet.
    pub object: &'a Object,
    /// The label of its current revision.
    pub hash: Sym,
    /// Nodes that exist, in order of their names.
    pub nodes: Vec<(NodeId, Eligibility)>,
    /// All pods.
    pub pods: &'a [DaemonPod],
}

impl DaemonSetController {
    /// What a sync would do that sees nodes and pods of different moments. Says nothing of revisions and adoptions.
    pub(crate) fn opinion_of(
        &self,
        patchwork: Patchwork<'_>,
        cluster: &Cluster,
        names: &Names,
        now: Time,
    ) -> Opinion {
        let Patchwork { object, hash, nodes, pods } = patchwork;
        let Some(spec) = object.daemon_set() else { return Opinion::default() };
        let rules = Rules::of(spec, hash, now);
        let mut exists = vec![false; names.node_count()];
        nodes.iter().for_each(|(node, _)| exists[node.index()] = true);
        let mut fleet = Fleet::default();
        fleet.nodes = nodes;
        fleet.group_by(|node| exists[node.index()], names, pods);
        let mut claims = Claims::default();
        let view = FullPass { cluster, names, claims: &mut claims, fleet: &mut fleet };
        let asked = Asked { cluster, object, spec, rules: &rules, names, settings: &self.settings };
        Opinion {
            outcome: SyncOutcome { object: Some(object.id), hash, ..SyncOutcome::default() },
            manage: asked.manage(&view, &self.state.backoff),
            rollout: asked.rollout(&view),
            status: Some(view.counts(&rules, names).status(&object.status, object.generation)),
        }
    }
}
