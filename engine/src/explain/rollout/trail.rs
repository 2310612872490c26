//! Which events made a DaemonSet's pods and their nodes what they are.

use rustc_hash::FxHashMap;

use crate::actors::daemonset::Limits;
use crate::cluster::Cluster;
use crate::event::{Body, ConditionStatus, PodCondition};
use crate::explain::WorkloadName;
use crate::explain::history::Seen;
use crate::names::{DocId, NodeId, ObjectId, PodId, Seq, sym};

/// The last events of each kind about a pod.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodTrail {
    pub created: Option<Seq>,
    /// Whether it was ready, as of the last change.
    pub ready: bool,
    /// Whether it has been followed from some time after its creation on only.
    pub midway: bool,
    pub bound: Option<Seq>,
    pub unschedulable: Option<Seq>,
    /// The last change of whether it is ready.
    pub readiness: Option<Seq>,
    pub ended: Option<Seq>,
    pub deleted: Option<Seq>,
}

/// The last events about a node that bear on its pods.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeTrail {
    pub ready: Option<(ConditionStatus, Seq)>,
    pub left: Option<Seq>,
    /// The last event about one of the DaemonSet's pods there that took it away.
    pub lost: Option<Seq>,
    pub joined: Option<Seq>,
}

impl NodeTrail {
    /// The event since which condition Ready is not True.
    pub fn not_ready(&self) -> Option<Seq> {
        self.ready.filter(|ready| ready.0 != ConditionStatus::True).map(|ready| ready.1)
    }
}

/// A time during which fewer pods were available than the strategy promises.
#[derive(Clone, Debug)]
pub(super) struct Fall {
    pub first: Seq,
    pub desired: i64,
    pub floor: i64,
    pub lowest: i64,
    pub because: Vec<Seq>,
    /// The first status in a row that showed fewer than promised; this one, unless only the number of nodes had grown before.
    began: Seq,
}

/// How many events are given as the reason of a fall.
const REASONS_MAX: usize = 6;

/// Everything that a rollout's explanation needs of the past.
pub(super) struct Trail<'a> {
    daemon_set: &'a WorkloadName,
    pub pods: FxHashMap<PodId, PodTrail>,
    pub nodes: FxHashMap<NodeId, NodeTrail>,
    /// The event that brought the current template.
    pub template: Option<Seq>,
    document: Option<DocId>,
    pub progress: Option<Seq>,
    pub falls: Vec<Fall>,
    falling: bool,
    /// The first status in a row that showed fewer than promised; what is before everything that is followed counts as such.
    short_since: Option<Seq>,
    /// Whether as many were available as promised since the DaemonSet came.
    kept: bool,
    available: i64,
    /// What took pods away since the status before.
    losses: Vec<Seq>,
    /// Whether an object bears the name, as far as was asked: names are compared as texts only once.
    known: FxHashMap<ObjectId, bool>,
}

impl<'a> Trail<'a> {
    pub fn new(daemon_set: &'a WorkloadName) -> Self {
        Trail {
            daemon_set,
            pods: FxHashMap::default(),
            nodes: FxHashMap::default(),
            template: None,
            document: None,
            progress: None,
            falls: Vec::new(),
            falling: false,
            short_since: None,
            kept: false,
            available: 0,
            losses: Vec::new(),
            known: FxHashMap::default(),
        }
    }

    /// Begins in the middle of a log, where a DaemonSet has a status.
    pub fn begin(&mut self, owner: ObjectId, cluster: &Cluster) {
        let Some((available, limits)) = limits(owner, cluster) else { return };
        self.available = i64::from(available);
        self.kept = self.available >= limits.desired - limits.max_unavailable;
        self.short_since = (!self.kept).then_some(Seq::NONE);
    }

    /// Says of a pod whether it was ready before the first event about it that is followed.
    pub fn know(&mut self, pod: PodId, ready: bool) {
        self.pods.entry(pod).or_insert(PodTrail { ready, midway: true, ..PodTrail::default() });
    }

    /// Leaves out breaches that began too long ago to be told, and what took pods away before.
    pub fn forget_before(&mut self, first: Seq) {
        self.falls.retain(|fall| fall.began >= first);
        self.falls.iter_mut().for_each(|fall| fall.because.retain(|seq| *seq >= first));
    }

    /// Takes note of an event of the log.
    pub fn observe(&mut self, seen: &Seen<'_>) {
        match seen.event.body {
            Body::NodeJoined { node, .. } => {
                let trail = self.nodes.entry(node).or_default();
                *trail = NodeTrail { joined: Some(seen.seq), lost: trail.lost, ..NodeTrail::default() };
            }
            Body::NodeLeft { node } => self.nodes.entry(node).or_default().left = Some(seen.seq),
            Body::NodeConditionSet { node, condition: sym::READY, status, .. } => {
                let trail = self.nodes.entry(node).or_default();
                if trail.ready.is_none_or(|ready| ready.0 != status) {
                    trail.ready = Some((status, seen.seq));
                }
            }
            _ => self.observe_own(seen),
        }
    }

    fn observe_own(&mut self, seen: &Seen<'_>) {
        let pod = seen.event.body.pod();
        let owner = match pod {
            Some(pod) => seen.cluster.pod(pod).and_then(|pod| pod.owner),
            None => seen.event.body.object(),
        };
        let Some(owner) = owner else { return };
        let (names, daemon_set) = (seen.names, self.daemon_set);
        let own = self.known.entry(owner);
        if !*own.or_insert_with(|| daemon_set.is_daemon_set(names.object_key(owner), names)) {
            return;
        }
        match (pod, seen.event.body) {
            (Some(pod), _) => self.observe_pod(pod, seen),
            (None, Body::Applied { .. } | Body::RolloutUndone { .. }) => {
                let spec = seen.cluster.object(owner).and_then(|object| object.daemon_set());
                let template = spec.map(|spec| spec.template);
                if template != self.document {
                    (self.template, self.document) = (Some(seen.seq), template);
                }
            }
            (None, Body::DeleteRequested { .. } | Body::ObjectRemoved { .. }) => {
                (self.kept, self.falling, self.available, self.short_since) = (false, false, 0, None);
            }
            (None, Body::StatusWritten { .. }) => self.observe_status(owner, seen),
            _ => {}
        }
    }

    fn observe_pod(&mut self, id: PodId, seen: &Seen<'_>) {
        let Some(pod) = seen.cluster.pod(id) else { return };
        let seq = Some(seen.seq);
        let trail = self.pods.entry(id).or_default();
        // What a slot's pod before was like is not what this one loses.
        let was_ready = trail.ready && !matches!(seen.event.body, Body::PodCreated { .. });
        match seen.event.body {
            Body::PodCreated { .. } => *trail = PodTrail { created: seq, ..PodTrail::default() },
            Body::PodBound { .. } => trail.bound = seq,
            Body::PodUnschedulable { .. } => trail.unschedulable = trail.unschedulable.or(seq),
            // What is told is the change, not the reports that repeat it.
            Body::PodConditionSet { condition: PodCondition::Ready, .. }
                if pod.ready != was_ready || (trail.readiness.is_none() && !trail.midway) =>
            {
                (trail.readiness, trail.ready) = (seq, pod.ready);
            }
            Body::PodPhaseSet { .. } => trail.ended = seq.filter(|_| pod.terminal()),
            Body::PodDeleted { .. } => trail.deleted = seq,
            _ => {}
        }
        let (now_ready, deleted) = (trail.ready, matches!(seen.event.body, Body::PodDeleted { .. }));
        let gone = matches!(seen.event.body, Body::PodGone { .. });
        let lost_readiness = was_ready && !now_ready && !pod.terminating();
        if (was_ready && deleted) || lost_readiness {
            self.losses.push(seen.seq);
        }
        let started = !was_ready && now_ready;
        if deleted || gone || started || matches!(seen.event.body, Body::PodCreated { .. }) {
            self.progress = seq;
        }
        if let Some(node) = pod.node.filter(|_| deleted || gone) {
            self.nodes.entry(node).or_default().lost = seq;
        }
    }

    /// Fewer available pods than the strategy promises, once there were as many, are a breach of its budget:
    /// unless it is only the number of nodes that grew.
    fn observe_status(&mut self, owner: ObjectId, seen: &Seen<'_>) {
        let Some((status, limits)) = limits(owner, seen.cluster) else { return };
        let (available, floor) = (i64::from(status), limits.desired - limits.max_unavailable);
        let fell = available < self.available;
        self.available = available;
        if available >= floor {
            (self.kept, self.falling, self.short_since) = (true, false, None);
            self.losses.clear();
            return;
        }
        let began = *self.short_since.get_or_insert(seen.seq);
        if let Some(fall) = self.falls.last_mut().filter(|_| self.falling) {
            fall.lowest = fall.lowest.min(available);
            return;
        }
        if self.kept && fell {
            self.falling = true;
            let because = self.losses.split_off(self.losses.len().saturating_sub(REASONS_MAX));
            let desired = limits.desired;
            self.falls.push(Fall { first: seen.seq, desired, floor, lowest: available, because, began });
            self.losses.clear();
        }
    }
}

/// `numberAvailable`, and the limits for the number of desired pods that the same status has.
fn limits(owner: ObjectId, cluster: &Cluster) -> Option<(u32, Limits)> {
    let object = cluster.object(owner)?;
    let desired = i64::from(object.status.desired);
    let limits = Limits::resolve(&object.daemon_set()?.strategy, desired).ok()?;
    Some((object.status.available, limits))
}
