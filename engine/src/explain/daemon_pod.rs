//! Why there is, or is not, a DaemonSet's pod on a node.

use std::collections::BTreeSet;

use serde::Serialize;

use super::WorkloadName;
use super::collected::Collected;
use super::history::{ExplainError, History, Moment, Tales, Tape, collect, seek};
use super::life::{Life, Traced};
use super::pending::Pending;
use super::rules::{Bench, Judged, Rule};
use crate::cluster::{DaemonSet, Object, Pod, UpdateStrategy};
use crate::event::Phase;
use crate::names::{Effect, NodeId, PodId, Seq, sym};
use crate::time::Time;
use crate::told::Told;

/// How many lives of pods on the node are told, the newest.
const LIVES_MAX: usize = 3;

/// The answer, in one word and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The DaemonSet does not exist at the moment.
    NoDaemonSet {
        /// It was deleted with this event; `None` if it comes later.
        deleted: Option<Told>,
    },
    /// The node does not exist at the moment.
    NoNode {
        /// It left with this event; `None` if it joins later.
        left: Option<Told>,
        /// A pod that is still recorded on it, until the pod garbage collector takes it.
        pod: Option<String>,
    },
    /// The DaemonSet's selector is empty, and the controller refuses to act on it.
    SelectsEverything,
    /// There is a pod, as there should be, and it is ready.
    Runs {
        /// The pod.
        pod: String,
        /// Whether it has been ready for `minReadySeconds`.
        available: bool,
    },
    /// There is a pod, as there should be; it is bound and not ready.
    NotReady {
        /// The pod.
        pod: String,
        /// Its phase.
        phase: &'static str,
    },
    /// There is a pod, as there should be; the scheduler has not bound it.
    Pending {
        /// The pod.
        pod: String,
    },
    /// There should be a pod; the one that is there has ended (Failed or Succeeded) and waits to be replaced.
    Ended {
        /// The pod.
        pod: String,
        /// Its phase.
        phase: &'static str,
    },
    /// There should be a pod; the one that is there is being deleted.
    Terminating {
        /// The pod.
        pod: String,
        /// Why it is deleted.
        why: &'static str,
        /// Whether a new pod has to wait until it is gone. Not while the DaemonSet may surge.
        successor_waits: bool,
    },
    /// There should be a pod, and there is none.
    Missing {
        /// Why.
        why: Missing,
    },
    /// No pod should be started here, but the one that is there may stay: only NoSchedule taints keep pods off,
    /// and those evict nothing.
    Stays {
        /// The pod.
        pod: String,
    },
    /// No pod should be here, and the one that is there must go.
    MustGo {
        /// The pod.
        pod: String,
        /// Whether its deletion was asked for.
        terminating: bool,
    },
    /// There is no pod, as it should be: a rule keeps pods off.
    KeptOff,
}

/// Why a pod that should be there is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Missing {
    /// The API server refused it.
    Refused {
        /// The last refusal.
        refusal: Told,
    },
    /// The DaemonSet is being deleted, and gets no new pods.
    Deleting,
    /// The controller has not synced the DaemonSet since the node should run a pod.
    NotSynced {
        /// The event since which it should.
        since: Option<Told>,
    },
    /// The controller has synced the DaemonSet since, and did not create a pod: it creates 250 at once at most,
    /// waits after failed pods, and waits to see what it did before.
    HeldBack {
        /// The event since which the node should run a pod.
        since: Option<Told>,
        /// The last sync that wrote something.
        synced: Told,
    },
}

/// Why there is, or is not, a DaemonSet's pod on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonPodExplanation {
    /// `namespace/name`.
    pub daemon_set: String,
    /// The node's name.
    pub node: String,
    /// The moment.
    #[serde(serialize_with = "super::as_text")]
    pub at: Time,
    /// The last event before it.
    pub event: u64,
    /// The answer.
    pub answer: Answer,
    /// Whether the controller wants a pod there.
    pub should_run: bool,
    /// Whether a pod that is there may stay.
    pub should_continue: bool,
    /// The event since which the node is not ready, if it is not.
    pub node_not_ready: Option<Told>,
    /// The event with which the node's kubelet went silent, if it is.
    pub node_silent: Option<Told>,
    /// Every rule that was checked, in order.
    pub rules: Vec<Rule>,
    /// What the pod waits for, if it is pending.
    pub pending: Option<Pending>,
    /// The lives of the newest pods of the DaemonSet on the node, oldest first.
    pub lives: Vec<Life>,
    /// How many pods there were before these.
    pub earlier_pods: usize,
}

/// Explains why there is, or is not, a DaemonSet's pod on a node at a moment.
///
/// # Errors
/// The log cannot be read, or has no such DaemonSet, node or moment.
pub fn explain_daemon_pod(
    tape: &Tape<'_>,
    daemon_set: &WorkloadName,
    node: &str,
    moment: Moment,
) -> Result<DaemonPodExplanation, ExplainError> {
    let mut collected = Collected::default();
    let mut history = match seek(tape, moment)? {
        Some(mut history) => {
            collected.look_up(&mut history, daemon_set, node)?;
            history
        }
        None => collect(tape, moment, |seen| collected.observe(seen, daemon_set, node))?,
    };
    if !collected.daemon_set_seen {
        return Err(no_such_daemon_set(&history, daemon_set));
    }
    let id = history.names.find_node(node).filter(|_| collected.node_seen);
    let Some(id) = id else { return Err(no_such_node(&history, node)) };
    let rules = judge(&mut history, &collected, daemon_set, id);
    let scene = Scene { history: &history, collected: &collected, rules: &rules, node: id };
    scene.explain(tape, daemon_set, node)
}

pub(super) fn no_such_daemon_set(history: &History<'_>, name: &WorkloadName) -> ExplainError {
    let known = history.cluster.objects_of_kind(sym::DAEMON_SET);
    let known = known.map(|object| history.names.object_name(object.id)).collect();
    ExplainError::NoSuchDaemonSet { name: name.to_string(), known }
}

fn no_such_node(history: &History<'_>, name: &str) -> ExplainError {
    let known = history.cluster.nodes().iter().map(|node| history.names.node_name(*node).to_owned());
    ExplainError::NoSuchNode { name: name.to_owned(), known: known.collect() }
}

/// The DaemonSet that bears a name, if one does.
pub(super) fn find<'a>(history: &'a History<'_>, name: &WorkloadName) -> Option<(&'a Object, &'a DaemonSet)> {
    let (namespace, name) = name.symbols(&history.names)?;
    let object = history.cluster.find_object(sym::DAEMON_SET, namespace, name)?;
    Some((object, object.daemon_set()?))
}

fn judge(
    history: &mut History<'_>,
    collected: &Collected,
    daemon_set: &WorkloadName,
    node: NodeId,
) -> Vec<Judged> {
    let mut names = std::mem::take(&mut history.names);
    let object = daemon_set.symbols(&names);
    let object =
        object.and_then(|(namespace, name)| history.cluster.find_object(sym::DAEMON_SET, namespace, name));
    let rules = match (object.and_then(Object::daemon_set), history.cluster.present_node(node)) {
        (Some(daemon_set), Some(node)) => {
            let (facts, asked) = (&collected.facts, &collected.asked);
            Bench { daemon_set, node, facts, asked }.judge(&mut names)
        }
        _ => Vec::new(),
    };
    history.names = names;
    rules
}

/// Everything that is known, once the log is folded.
struct Scene<'a, 't> {
    history: &'a History<'t>,
    collected: &'a Collected,
    rules: &'a [Judged],
    node: NodeId,
}

impl Scene<'_, '_> {
    fn explain(
        &self,
        tape: &Tape<'_>,
        daemon_set: &WorkloadName,
        node: &str,
    ) -> Result<DaemonPodExplanation, ExplainError> {
        let lives = &self.collected.lives.list;
        let earlier_pods = lives.len().saturating_sub(LIVES_MAX);
        let traced = lives[earlier_pods..].iter().map(|life| life.trace(self.history));
        let traced: Vec<Traced> = traced.collect::<Result<_, _>>()?;
        let mut numbers = BTreeSet::new();
        self.rules.iter().for_each(|rule| rule.numbers(&mut numbers));
        traced.iter().for_each(|life| life.numbers(&mut numbers));
        let own = [self.collected.refused, self.collected.synced, self.collected.asked.deleted];
        numbers.extend(own.into_iter().flatten());
        let facts = &self.collected.facts;
        numbers.extend([facts.left, facts.not_ready(), facts.silent].into_iter().flatten());
        numbers.extend(self.wanted_since());
        let tales = self.history.tell(tape, &numbers)?;
        let blocked = |effect: Option<Effect>| {
            self.rules.iter().any(|rule| rule.blocks && effect.is_none_or(|e| rule.effect == Some(e)))
        };
        let may_not_stay =
            self.rules.iter().any(|rule| rule.blocks && rule.effect != Some(Effect::NoSchedule));
        let (names, cluster) = (&self.history.names, &self.history.cluster);
        let exists = find(self.history, daemon_set).is_some() && cluster.present_node(self.node).is_some();
        let (should_run, should_continue) = (exists && !blocked(None), exists && !may_not_stay);
        let pending = self.pod().and_then(|(id, _)| Pending::of(cluster, names, id));
        Ok(DaemonPodExplanation {
            daemon_set: daemon_set.to_string(),
            node: node.to_owned(),
            at: self.history.now,
            event: self.history.last.0,
            answer: self.answer(daemon_set, should_run, should_continue, &tales),
            should_run,
            should_continue,
            node_not_ready: tales.of(facts.not_ready()),
            node_silent: tales.of(facts.silent),
            rules: self.rules.iter().map(|rule| rule.tell(&tales)).collect(),
            pending,
            lives: traced.iter().map(|life| life.tell(&tales)).collect(),
            earlier_pods,
        })
    }

    /// The pod that is there: of several the one that stays longest, as a person would name it.
    fn pod(&self) -> Option<(PodId, Pod)> {
        let present = self.collected.lives.list.iter().filter(|life| !life.gone);
        let present = present.filter_map(|life| Some((life.id, self.history.cluster.pod(life.id)?)));
        present.max_by_key(|(_, pod)| (!pod.terminating(), !pod.terminal(), pod.ready, pod.made))
    }

    /// The event since which the node should run a pod: the last that changed what decides it, or that took
    /// away the pod that was there.
    fn wanted_since(&self) -> Option<Seq> {
        let node = self.history.cluster.node(self.node).map(|node| node.changed);
        let last_pod = self.collected.lives.list.last();
        let gone = last_pod.filter(|life| life.gone).and_then(|life| life.events.last()).map(|e| e.0);
        [node, gone, self.collected.asked.created, self.collected.asked.tolerations]
            .into_iter()
            .chain([self.collected.asked.required, self.collected.asked.node_name])
            .flatten()
            .max()
    }

    fn answer(
        &self,
        daemon_set: &WorkloadName,
        should_run: bool,
        should_continue: bool,
        tales: &Tales,
    ) -> Answer {
        let (names, cluster) = (&self.history.names, &self.history.cluster);
        let pod = self.pod().map(|(id, pod)| (super::pending::pod_name(cluster, names, id, &pod), pod));
        let Some((object, spec)) = find(self.history, daemon_set) else {
            return Answer::NoDaemonSet { deleted: tales.of(self.collected.asked.deleted) };
        };
        if cluster.present_node(self.node).is_none() {
            return Answer::NoNode { left: tales.of(self.collected.facts.left), pod: pod.map(|p| p.0) };
        }
        if spec.selects_all {
            return Answer::SelectsEverything;
        }
        match pod {
            Some((name, pod)) if should_run => self.present(name, &pod, spec),
            Some((pod, facts)) if should_continue => match facts.deleting {
                Some(_) => Answer::MustGo { pod, terminating: true },
                None => Answer::Stays { pod },
            },
            Some((name, pod)) => Answer::MustGo { pod: name, terminating: pod.terminating() },
            None if should_run => Answer::Missing { why: self.missing(object, tales) },
            None => Answer::KeptOff,
        }
    }

    fn present(&self, name: String, pod: &Pod, spec: &DaemonSet) -> Answer {
        if let Some(why) = pod.deleting {
            let surges = matches!(
                spec.strategy,
                UpdateStrategy::RollingUpdate { max_surge: Some(surge), .. }
                    if surge.scaled_up(1).is_some_and(|surge| surge > 0)
            );
            return Answer::Terminating { pod: name, why: why.as_str(), successor_waits: !surges };
        }
        let phase = phase_text(pod.phase);
        match pod.phase {
            Phase::Failed | Phase::Succeeded => Answer::Ended { pod: name, phase },
            _ if !pod.bound => Answer::Pending { pod: name },
            _ if pod.ready => {
                let cluster = &self.history.cluster;
                let available = cluster.available(pod, spec.min_ready_seconds, self.history.now);
                Answer::Runs { pod: name, available }
            }
            _ => Answer::NotReady { pod: name, phase },
        }
    }

    fn missing(&self, object: &Object, tales: &Tales) -> Missing {
        if object.deleting.is_some() {
            return Missing::Deleting;
        }
        if let Some(refusal) = tales.of(self.collected.refused) {
            return Missing::Refused { refusal };
        }
        let since = self.wanted_since();
        match self.collected.synced.filter(|synced| since.is_none_or(|since| *synced > since)) {
            Some(synced) => match tales.get(synced) {
                Some(synced) => Missing::HeldBack { since: tales.of(since), synced },
                None => Missing::NotSynced { since: tales.of(since) },
            },
            None => Missing::NotSynced { since: tales.of(since) },
        }
    }
}

/// Kubernetes' spelling of a phase.
pub(super) fn phase_text(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Unknown => "Unknown",
    }
}
