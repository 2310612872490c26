//! Who uses up a rollout's budget, after `rollingUpdate` and `updatedDesiredNodeCounts`.

use std::collections::BTreeMap;

use super::Hold;
use super::trail::{NodeTrail, PodTrail, Trail};
use crate::actors::daemonset::Limits;
use crate::cluster::{Cluster, DaemonSet, Object, Pod};
use crate::explain::daemon_pod::phase_text;
use crate::explain::history::History;
use crate::explain::pending::{Pending, pod_name};
use crate::names::{Names, NodeId, PodId, Seq, Sym, sym};
use crate::time::{Micros, Time};

/// A node that uses up budget, in numbers.
pub(super) struct Holder {
    pub node: NodeId,
    /// Its pod, if the hold is about one.
    pub pod: Option<PodId>,
    pub hold: Hold,
    pub updated: bool,
    pub since: Option<Seq>,
    pub node_not_ready: Option<Seq>,
    pub node_left: Option<Seq>,
    pub desired: bool,
}

/// A rollout's budget at a moment.
pub(super) struct Budget {
    pub limits: Result<Limits, String>,
    pub used: i64,
    pub holders: Vec<Holder>,
    /// Nodes whose old pod is available and waits for its turn, by name.
    pub waiting: Vec<NodeId>,
    /// An old pod on a node that does not exist, which stops a surging rollout.
    pub node_gone: Option<(NodeId, String, Option<Seq>)>,
    pub updated: usize,
    pub old: usize,
    /// Nodes that should run a pod and have an available one.
    pub available: usize,
    pub revision: Option<i64>,
    pub generation: i64,
    pub observed: i64,
    pub deleting: bool,
}

/// A pod, and whether it is of the current template.
#[derive(Clone, Copy)]
struct Member {
    id: PodId,
    pod: Pod,
    updated: bool,
}

/// What a node's pods are worth: after `findUpdatedPodsOnNode`.
enum Stage {
    Several(Vec<Member>),
    Empty(Option<Member>),
    Alone(Member),
    Both { new: Member, old: Member },
}

struct Accountant<'a> {
    cluster: &'a Cluster,
    names: &'a Names,
    trail: &'a Trail<'a>,
    spec: &'a DaemonSet,
    now: Time,
    surges: bool,
}

impl Budget {
    /// Counts as the controller would at this moment.
    pub fn of(history: &History<'_>, object: &Object, spec: &DaemonSet, trail: &Trail<'_>) -> Budget {
        let (cluster, names) = (&history.cluster, &history.names);
        let (hash, revision) = current_revision(cluster, object, spec);
        let mut groups: BTreeMap<&str, (NodeId, bool, Vec<Member>)> = BTreeMap::new();
        for &id in cluster.nodes() {
            let Some(node) = cluster.node(id) else { continue };
            let fits = spec.placement.eligibility(node.name, &node.labels, &node.taints, names);
            if fits.should_run {
                groups.insert(names.node_name(id), (id, true, Vec::new()));
            }
        }
        let desired = i64::try_from(groups.len()).unwrap_or(i64::MAX);
        for &id in &object.pods {
            // An ended pod that is being deleted counts no more.
            let Some(pod) = cluster.pod(id).filter(|pod| !(pod.terminating() && pod.terminal())) else {
                continue;
            };
            let Some(node) = pod.node else { continue };
            let updated = is_updated(cluster, names, id, hash, spec.template_generation);
            let group = groups.entry(names.node_name(node)).or_insert((node, false, Vec::new()));
            group.2.push(Member { id, pod, updated });
        }
        let limits = Limits::resolve(&spec.strategy, desired).map_err(|error| error.to_string());
        let surges = limits.as_ref().is_ok_and(|limits| limits.max_surge > 0);
        let accountant = Accountant { cluster, names, trail, spec, now: history.now, surges };
        let mut budget = Budget {
            limits,
            used: 0,
            holders: Vec::new(),
            waiting: Vec::new(),
            node_gone: None,
            updated: 0,
            old: 0,
            available: 0,
            revision,
            generation: object.generation,
            observed: object.status.observed_generation,
            deleting: object.deleting.is_some(),
        };
        for (node, desired, members) in groups.into_values() {
            let staying = members.iter().filter(|member| !member.pod.terminating());
            budget.updated += staying.clone().filter(|member| member.updated).count();
            budget.old += staying.clone().filter(|member| !member.updated).count();
            let any = members.iter().any(|member| accountant.available(&member.pod));
            budget.available += usize::from(desired && any);
            accountant.count(node, desired, &members, &mut budget);
        }
        budget
    }
}

impl<'a> Accountant<'a> {
    fn available(&self, pod: &Pod) -> bool {
        self.cluster.available(pod, self.spec.min_ready_seconds, self.now)
    }

    fn count(&self, node: NodeId, desired: bool, members: &[Member], budget: &mut Budget) {
        let hold = match stage(members) {
            Stage::Several(members) => {
                let pods = members.iter().map(|member| self.name(*member)).collect();
                Some((Hold::Several { pods }, members.last().copied()))
            }
            Stage::Empty(_) if self.surges => None,
            Stage::Empty(None) => Some((Hold::NoPod, None)),
            Stage::Empty(Some(leaving)) => Some((self.leaving(leaving), Some(leaving))),
            Stage::Both { new, old } if self.surges => {
                let waits = !self.available(&new.pod);
                waits.then(|| (self.unavailable(new, Some(old)), Some(new)))
            }
            Stage::Both { new, old } => {
                let (old, new_name) = (self.name(old), self.name(new));
                Some((Hold::OldAndNew { old, new: new_name }, Some(new)))
            }
            Stage::Alone(one) if self.available(&one.pod) => {
                if !one.updated {
                    self.waits(node, desired, one, budget);
                }
                None
            }
            Stage::Alone(one) if self.surges => {
                if !one.updated && self.cluster.present_node(node).is_none() {
                    self.gone(node, one, budget);
                }
                // It is not counted, but it is what an onlooker asks about.
                (one.updated && desired).then(|| (self.unavailable(one, None), Some(one)))
            }
            Stage::Alone(one) => Some((self.unavailable(one, None), Some(one))),
        };
        let Some((hold, member)) = hold else { return };
        let counts = !self.surges || matches!(stage(members), Stage::Several(_) | Stage::Both { .. });
        budget.used += i64::from(counts);
        let trail = self.trail.nodes.get(&node).copied().unwrap_or_default();
        let present = self.cluster.present_node(node).is_some();
        budget.holders.push(Holder {
            node,
            pod: member.map(|member| member.id),
            since: self.since(&hold, member, &trail),
            updated: member.is_some_and(|member| member.updated),
            hold,
            node_not_ready: trail.not_ready().filter(|_| present),
            node_left: trail.left.filter(|_| !present),
            desired,
        });
    }

    /// An available old pod waits for its turn.
    fn waits(&self, node: NodeId, desired: bool, one: Member, budget: &mut Budget) {
        if self.surges && self.cluster.present_node(node).is_none() {
            self.gone(node, one, budget);
        } else if desired || !self.surges {
            budget.waiting.push(node);
        }
    }

    fn gone(&self, node: NodeId, one: Member, budget: &mut Budget) {
        let left = self.trail.nodes.get(&node).and_then(|trail| trail.left);
        budget.node_gone.get_or_insert((node, self.name(one), left));
    }

    fn name(&self, member: Member) -> String {
        pod_name(self.cluster, self.names, member.id, &member.pod)
    }

    fn leaving(&self, member: Member) -> Hold {
        let deadline = self.cluster.deadline(member.id).map_or(self.now, |deadline| deadline.start());
        Hold::Terminating { pod: self.name(member), deadline, overdue: deadline < self.now }
    }

    /// Why a pod is not available. `beside` is the old pod that it is to replace, where both are there.
    fn unavailable(&self, member: Member, beside: Option<Member>) -> Hold {
        let (pod, facts) = (self.name(member), member.pod);
        if facts.terminal() {
            return Hold::Ended { pod, phase: phase_text(facts.phase) };
        }
        if !facts.bound {
            let waits_for = Pending::of(self.cluster, self.names, member.id).unwrap_or_default();
            let old = beside.map(|old| self.name(old));
            let deadlocked_with =
                old.filter(|old| waits_for.ports_taken().any(|held| held.pod == *old && !held.terminating));
            return Hold::Pending { pod, waits_for, deadlocked_with };
        }
        match facts.ready_since().filter(|_| facts.ready) {
            Some(since) => {
                let available_at = since.start() + Micros::seconds(self.spec.min_ready_seconds);
                Hold::NotYetAvailable { pod, available_at }
            }
            None => Hold::NotReady { pod, restarts: facts.restarts },
        }
    }

    /// The event since which a node uses up budget.
    fn since(&self, hold: &Hold, member: Option<Member>, node: &NodeTrail) -> Option<Seq> {
        let trail = member.and_then(|member| self.trail.pods.get(&member.id)).copied();
        let PodTrail { created, bound, unschedulable, readiness, ended, deleted, .. } =
            trail.unwrap_or_default();
        match hold {
            Hold::NoPod => node.lost.max(node.joined),
            Hold::Terminating { .. } => deleted,
            Hold::Pending { .. } => unschedulable.or(created),
            Hold::Ended { .. } => ended,
            Hold::NotReady { .. } => readiness.or(bound).or(created),
            Hold::NotYetAvailable { .. } => readiness,
            Hold::Several { .. } | Hold::OldAndNew { .. } => created,
        }
    }
}

fn stage(members: &[Member]) -> Stage {
    let of = |updated| {
        let staying = members.iter().filter(|member| !member.pod.terminating());
        staying.filter(move |member| member.updated == updated).copied().collect::<Vec<_>>()
    };
    match (of(true).as_slice(), of(false).as_slice()) {
        ([], []) => Stage::Empty(members.last().copied()),
        ([one], []) | ([], [one]) => Stage::Alone(*one),
        ([new], [old]) => Stage::Both { new: *new, old: *old },
        (new, old) => Stage::Several(new.iter().chain(old).copied().collect()),
    }
}

/// The hash label and number of the revision of the current template; of several the newest.
fn current_revision(cluster: &Cluster, object: &Object, spec: &DaemonSet) -> (Sym, Option<i64>) {
    let revisions = object.revisions.iter().filter_map(|id| cluster.revision(*id));
    let current = revisions.filter(|r| r.present && r.template == spec.template).max_by_key(|r| r.number);
    current.map_or((Sym::EMPTY, None), |r| (r.hash, Some(r.number)))
}

/// After `IsPodUpdated`: by hash or by template generation.
fn is_updated(cluster: &Cluster, names: &Names, id: PodId, hash: Sym, template_generation: i64) -> bool {
    let labels = cluster.pod_labels(id);
    let generation = labels.iter().find(|label| label.0 == sym::TEMPLATE_GENERATION_LABEL);
    (!hash.is_empty() && cluster.pod_revision_hash(id) == hash)
        || generation.is_some_and(|label| names.text(label.1).parse() == Ok(template_generation))
}
