//! The past of a rollout, from the parts of the log that touch it.
//!
//! From a checkpoint before the stretch in which breaches are looked for, everything that happens to the DaemonSet is
//! followed. What the nodes and pods that hold the budget went through before is looked up one by one, from where the
//! state says that it began.

use rustc_hash::FxHashSet;

use super::budget::Holder;
use super::trail::{NodeTrail, PodTrail, Trail};
use super::{BREACHES_WITHIN, Hold};
use crate::cluster::{Cluster, Node};
use crate::event::{Body, ConditionStatus};
use crate::explain::WorkloadName;
use crate::explain::history::{ExplainError, History, Seen};
use crate::explain::pages::{Pages, Sparse, creation, objects_of};
use crate::log::{Part, Subject};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, sym};
use crate::time::{ApiSeconds, Micros, Time};

/// Clocks of kubelets and API servers differ by so much, mostly.
const SKEW: Micros = Micros::seconds(5);

/// What is known of the past.
pub(super) struct Past<'a> {
    pub trail: Trail<'a>,
    daemon_set: &'a WorkloadName,
    objects: Vec<ObjectId>,
    /// Everything after this event was followed.
    from: Seq,
}

/// A node, and from which event on its past, and that of a pod on it, is wanted.
struct Wanted {
    node: NodeId,
    pod: Option<PodId>,
    from: Seq,
}

impl<'a> Past<'a> {
    /// A past that was folded, and of which nothing is missing.
    pub fn whole(trail: Trail<'a>, daemon_set: &'a WorkloadName) -> Past<'a> {
        Past { trail, daemon_set, objects: Vec::new(), from: Seq::NONE }
    }

    /// Follows the DaemonSet through the last part of the log.
    pub fn look_up(
        history: &mut History<'_>,
        daemon_set: &'a WorkloadName,
    ) -> Result<Past<'a>, ExplainError> {
        let last = history.last;
        let mut past = Past::whole(Trail::new(daemon_set), daemon_set);
        let Some((pages, cluster, names)) = history.pages() else { return Ok(past) };
        past.objects = objects_of(names, |key| daemon_set.is_daemon_set(key, names)).collect();
        let touching = pages.parts().iter().rposition(|part| past.touches(pages, part));
        let touching = touching.map_or(Seq::NONE, |place| Seq(pages.parts()[place].first.0 - 1));
        let start = touching.min(Seq(last.0.saturating_sub(BREACHES_WITHIN)));
        past.trail = past.follow(start, last, pages, names)?;
        let mut until = past.from;
        while past.trail.progress.is_none() && until > Seq::NONE {
            let mut earlier = Past::whole(Trail::new(daemon_set), daemon_set);
            earlier.objects.clone_from(&past.objects);
            past.trail.progress = earlier.follow(Seq(until.0 - 1), until, pages, names)?.progress;
            until = earlier.from;
        }
        past.asked(last, pages, names)?;
        past.know_nodes(cluster, names);
        Ok(past)
    }

    fn touches(&self, pages: &Pages<'_>, part: &Part) -> bool {
        self.objects.iter().any(|object| pages.touches(part, Subject::Object(*object)))
    }

    fn owns(&self, owner: Option<ObjectId>) -> bool {
        owner.is_some_and(|owner| self.objects.contains(&owner))
    }

    /// Follows the DaemonSet from the checkpoint at or before an event up to another.
    fn follow(
        &mut self,
        start: Seq,
        until: Seq,
        pages: &mut Pages<'_>,
        names: &mut Names,
    ) -> Result<Trail<'a>, ExplainError> {
        let base = pages.checkpoint(start, names)?;
        self.from = base.as_ref().map_or(Seq::NONE, |base| base.seq);
        let mut sparse = Sparse { cluster: base.map(|base| base.cluster).unwrap_or_default() };
        let mut trail = Trail::new(self.daemon_set);
        let present = |id: &&ObjectId| sparse.cluster.object(**id).is_some_and(|object| object.present);
        if let Some(owner) = self.objects.iter().find(present) {
            trail.begin(*owner, &sparse.cluster);
        }
        let undone = pages.desired(&self.objects, Seq(u64::MAX), names)?;
        let from = self.from;
        let within = |pages: &Pages<'_>, part: &Part| {
            part.last > from && part.first <= until && self.touches(pages, part)
        };
        pages.visit(within, |pages, seq, event| {
            if seq <= from || seq > until {
                return Ok(());
            }
            let mut event = *event;
            let wanted = match (event.body.pod(), event.body) {
                (_, Body::PodCreated { owner, .. }) => owner.is_none() || self.owns(owner),
                (Some(slot), body) => match sparse.pod(slot) {
                    Some(pod) => {
                        let own = self.owns(pod.owner);
                        if own {
                            trail.know(slot, pod.ready);
                        }
                        let adopts = matches!(body, Body::PodAdopted { owner, .. } if self.owns(Some(owner)));
                        own || adopts || pod.owner.is_none()
                    }
                    None => false,
                },
                (None, Body::RolloutUndone { object, .. }) if self.owns(Some(object)) => {
                    let as_applied = undone.iter().find(|known| known.0 == seq);
                    event = as_applied.map_or(event, |known| known.1);
                    true
                }
                (None, Body::Applied { .. } | Body::StatusWritten { .. })
                | (None, Body::DeleteRequested { .. } | Body::ObjectRemoved { .. }) => {
                    self.owns(event.body.object())
                }
                _ => false,
            };
            if wanted && sparse.fold(names, seq, &event) {
                pages.follow(seq, &event);
                trail.observe(&Seen { seq, event: &event, cluster: &sparse.cluster, names });
            }
            Ok(())
        })?;
        Ok(trail)
    }

    /// Finds the event that brought the current template.
    fn asked(&mut self, last: Seq, pages: &mut Pages<'_>, names: &mut Names) -> Result<(), ExplainError> {
        let (mut sparse, mut trail) = (Sparse::default(), Trail::new(self.daemon_set));
        for (seq, event) in pages.desired(&self.objects, last, names)? {
            sparse.fold(names, seq, &event);
            trail.observe(&Seen { seq, event: &event, cluster: &sparse.cluster, names });
        }
        self.trail.template = trail.template;
        Ok(())
    }

    /// The state says when nodes joined and left.
    fn know_nodes(&mut self, cluster: &Cluster, names: &Names) {
        for id in (0..names.node_count()).map(NodeId::from_index) {
            let Some(node) = cluster.node(id).filter(|node| node.incarnation > 0) else { continue };
            let trail = self.trail.nodes.entry(id).or_default();
            let since = Some(node.joined_or_left);
            (trail.joined, trail.left) = if node.present { (since, None) } else { (None, since) };
        }
    }

    /// Looks up what is missing of the past of what holds the budget.
    pub fn complete(&mut self, history: &mut History<'_>, holders: &[Holder]) -> Result<(), ExplainError> {
        let Some((pages, cluster, names)) = history.pages() else { return Ok(()) };
        for holder in holders {
            let pod = holder.pod.and_then(|id| Some((id, cluster.pod(id)?)));
            if let Some((id, pod)) = pod {
                self.trail.pods.entry(id).or_default().created = Some(pod.made);
            }
        }
        // At first from when the state says that it began, then, where that says nothing, from the beginning.
        for by_time in [true, false] {
            let wanted: Vec<Wanted> =
                holders.iter().flat_map(|holder| self.missing(holder, cluster, pages, by_time)).collect();
            if !wanted.is_empty() {
                self.look_at(&wanted, pages, cluster, names)?;
            }
        }
        Ok(())
    }

    fn missing(&self, holder: &Holder, cluster: &Cluster, pages: &Pages<'_>, by_time: bool) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let node = cluster.present_node(holder.node);
        let known = self.trail.nodes.get(&holder.node).copied().unwrap_or_default();
        let joined = node.map_or(Seq::NONE, |node| node.joined_or_left);
        let at = |since: Option<ApiSeconds>, otherwise: Seq| match since {
            Some(since) if by_time => event_at(pages, since.start() - SKEW).max(otherwise),
            _ => otherwise,
        };
        if let Some(since) = node.and_then(not_ready_since).filter(|_| known.not_ready().is_none()) {
            wanted.push(Wanted { node: holder.node, pod: None, from: at(Some(since), joined) });
        }
        if matches!(holder.hold, Hold::NoPod) && known.lost.is_none() && joined <= self.from {
            wanted.push(Wanted { node: holder.node, pod: None, from: joined });
        }
        let Some((id, pod)) = holder.pod.and_then(|id| Some((id, cluster.pod(id)?))) else { return wanted };
        if pod.made > self.from {
            return wanted;
        }
        let PodTrail { readiness, deleted, ended, unschedulable, .. } =
            self.trail.pods.get(&id).copied().unwrap_or_default();
        let (found, since) = match holder.hold {
            Hold::NotReady { .. } | Hold::NotYetAvailable { .. } => (readiness, pod.ready_since()),
            Hold::Terminating { .. } => (deleted, None),
            Hold::Ended { .. } => (ended, None),
            // The first of several is told, and so all have to be seen.
            Hold::Pending { .. } => (unschedulable.filter(|_| !by_time), None),
            _ => (Some(pod.made), None),
        };
        if found.is_none() {
            wanted.push(Wanted { node: holder.node, pod: Some(id), from: at(since, pod.made) });
        }
        wanted
    }

    /// Follows some nodes, and the DaemonSet's pods there.
    fn look_at(
        &mut self,
        wanted: &[Wanted],
        pages: &mut Pages<'_>,
        cluster: &Cluster,
        names: &mut Names,
    ) -> Result<(), ExplainError> {
        let nodes: FxHashSet<NodeId> = wanted.iter().map(|wanted| wanted.node).collect();
        let (mut sparse, mut trail) = (Sparse::default(), Trail::new(self.daemon_set));
        for wanted in wanted {
            let pod = wanted.pod.and_then(|id| Some((id, cluster.pod(id)?)));
            if let Some((id, pod)) = pod.filter(|(_, pod)| pod.made < wanted.from) {
                sparse.fold(names, pod.made, &creation(id, &pod));
            }
        }
        let touches = |pages: &Pages<'_>, part: &Part| {
            let by =
                |wanted: &Wanted| part.last >= wanted.from && pages.touches(part, Subject::Node(wanted.node));
            wanted.iter().any(by)
        };
        pages.visit(touches, |_, seq, event| {
            let wanted = match (event.body.pod(), event.body) {
                (_, Body::PodCreated { owner, node, .. }) => {
                    self.owns(owner) && node.is_some_and(|node| nodes.contains(&node))
                }
                // A pod that is there already was created before, and so it is what the slot has.
                (Some(slot), _) => sparse.pod(slot).is_some_and(|pod| pod.made <= seq),
                (None, Body::NodeJoined { node, .. } | Body::NodeLeft { node })
                | (None, Body::NodeConditionSet { node, .. }) => nodes.contains(&node),
                _ => false,
            };
            // Nodes need not be there for their conditions to be told.
            if wanted && (event.body.pod().is_none() || sparse.fold(names, seq, event)) {
                trail.observe(&Seen { seq, event, cluster: &sparse.cluster, names });
            }
            Ok(())
        })?;
        for wanted in wanted {
            self.merge(wanted, &trail);
        }
        Ok(())
    }

    fn merge(&mut self, wanted: &Wanted, found: &Trail<'_>) {
        let there: NodeTrail = found.nodes.get(&wanted.node).copied().unwrap_or_default();
        let node = self.trail.nodes.entry(wanted.node).or_default();
        node.ready = there.ready.or(node.ready);
        node.lost = node.lost.max(there.lost);
        if let Some((id, there)) = wanted.pod.and_then(|id| Some((id, *found.pods.get(&id)?))) {
            let created = self.trail.pods.get(&id).and_then(|pod| pod.created);
            self.trail.pods.insert(id, PodTrail { created, ..there });
        }
    }
}

/// Since when a node is not ready, if it is not.
fn not_ready_since(node: &Node) -> Option<ApiSeconds> {
    let ready = node.conditions.iter().find(|condition| condition.condition == sym::READY)?;
    (ready.status != ConditionStatus::True).then_some(ready.since)
}

/// The first event of the part that holds a time.
fn event_at(pages: &Pages<'_>, at: Time) -> Seq {
    let before = pages.parts().partition_point(|part| part.last_time < at);
    pages.parts().get(before).map_or(Seq::NONE, |part| part.first)
}
