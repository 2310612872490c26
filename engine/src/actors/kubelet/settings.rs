//! How long the kubelets take, and what goes wrong on them.

use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Pod};
use crate::names::{Names, sym};
use crate::sim::Latency;
use crate::time::Micros;

/// How long the kubelets take. Lengths of time are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where draws come from. A pod's draws depend on this, its owner, its node and its ordinal, and on nothing else.
    pub seed: u64,
    /// How long a node takes to pull an image that it does not have yet.
    pub pull_us: Latency,
    /// From binding, or from the image's arrival, to Running.
    pub start_us: Latency,
    /// From Running to Ready.
    pub ready_us: Latency,
    /// From the deletion's acceptance to the pod's end; a grace period that is shorter wins.
    pub stop_us: Latency,
    /// The delay before a container that crashed again is restarted; it doubles with each crash.
    pub crash_backoff_initial_us: Micros,
    /// The longest such delay. After twice as long without a crash the delays begin anew.
    pub crash_backoff_max_us: Micros,
    /// What is different for some pods. For each setting the first rule that matches and has it decides.
    pub rules: Vec<Rule>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 0,
            pull_us: Latency::ZERO,
            start_us: Micros::millis(1_500).into(),
            ready_us: Latency::ZERO,
            stop_us: Micros::seconds(1).into(),
            crash_backoff_initial_us: Micros::seconds(10),
            crash_backoff_max_us: Micros::seconds(300),
            rules: Vec::new(),
        }
    }
}

impl Settings {
    /// Kubelets that take no time.
    pub fn instant() -> Self {
        Settings { start_us: Latency::ZERO, stop_us: Latency::ZERO, ..Settings::default() }
    }
}

/// What is different for the pods that match all of what it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Pods of this controller, by `namespace/name`.
    pub workload: Option<String>,
    /// Pods whose first container has this image.
    pub image: Option<String>,
    /// Pods on nodes with this label, `key=value`.
    pub node_label: Option<String>,
    /// As in [`Settings::pull_us`].
    pub pull_us: Option<Latency>,
    /// As in [`Settings::start_us`].
    pub start_us: Option<Latency>,
    /// As in [`Settings::ready_us`].
    pub ready_us: Option<Latency>,
    /// As in [`Settings::stop_us`].
    pub stop_us: Option<Latency>,
    /// The pod never becomes ready.
    pub never_ready: bool,
    /// So long after each start the container crashes, and is restarted with a growing delay.
    pub crash_after_us: Option<Latency>,
    /// How many times the container crashes before it stays up; without it, it crashes forever.
    pub crashes: Option<u32>,
    /// So long after it became ready the readiness probe fails.
    pub unready_after_us: Option<Latency>,
    /// How long the readiness probe then fails; without it, forever.
    pub unready_for_us: Option<Latency>,
    /// So long after its start the pod fails for good (phase Failed).
    pub fail_after_us: Option<Latency>,
}

impl Rule {
    /// Whether a pod is meant. Without any condition all are.
    pub(super) fn matches(&self, pod: &Pod, cluster: &Cluster, names: &Names) -> bool {
        let workload = self.workload.as_ref().is_none_or(|wanted| {
            pod.owner.is_some_and(|owner| {
                let key = names.object_key(owner);
                wanted.split_once('/') == Some((names.text(key.namespace), names.text(key.name)))
            })
        });
        let image = self.image.as_ref().is_none_or(|wanted| {
            cluster.shape(pod.shape).is_some_and(|shape| names.text(shape.image) == wanted)
        });
        let node_label = self.node_label.as_ref().is_none_or(|wanted| {
            let (key, value) = wanted.split_once('=').unwrap_or((wanted, ""));
            let node = pod.node.and_then(|node| cluster.node(node));
            node.is_some_and(|node| {
                node.labels.iter().any(|(k, v)| names.text(*k) == key && names.text(*v) == value)
            })
        });
        workload && image && node_label
    }
}

/// What of a pod's way is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Step {
    Pull = 1,
    Start = 2,
    Ready = 3,
    Stop = 4,
    Crash = 5,
    Unready = 6,
    ReadyAgain = 7,
    Fail = 8,
}

impl Settings {
    /// How long a step takes for a pod, the n-th time; `None` if it is not taken.
    pub(super) fn latency(
        &self,
        step: Step,
        times: u32,
        pod: &Pod,
        cluster: &Cluster,
        names: &Names,
    ) -> Option<Micros> {
        let of_rule = |rule: &'_ Rule| -> Option<Latency> {
            match step {
                Step::Pull => rule.pull_us.clone(),
                Step::Start => rule.start_us.clone(),
                Step::Ready => rule.ready_us.clone(),
                Step::Stop => rule.stop_us.clone(),
                Step::Crash => rule.crash_after_us.clone(),
                Step::Unready => rule.unready_after_us.clone(),
                Step::ReadyAgain => rule.unready_for_us.clone(),
                Step::Fail => rule.fail_after_us.clone(),
            }
        };
        let usual = match step {
            Step::Pull => Some(&self.pull_us),
            Step::Start => Some(&self.start_us),
            Step::Ready => Some(&self.ready_us),
            Step::Stop => Some(&self.stop_us),
            Step::Crash | Step::Unready | Step::ReadyAgain | Step::Fail => None,
        };
        // Most clusters have no rules, and constant delays.
        let matching = self.rules.iter().filter(|rule| rule.matches(pod, cluster, names));
        let ruled = matching.filter_map(of_rule).next();
        let latency = ruled.as_ref().or(usual)?;
        let us = latency.constant();
        Some(us.unwrap_or_else(|| latency.at(super::draw::draw(self.seed, step, times, pod, names))))
    }

    /// The first rule for a pod of which something holds.
    pub(super) fn rule<'a>(
        &'a self,
        pod: &Pod,
        cluster: &Cluster,
        names: &Names,
        holds: impl Fn(&Rule) -> bool,
    ) -> Option<&'a Rule> {
        self.rules.iter().find(|rule| holds(rule) && rule.matches(pod, cluster, names))
    }

    /// Whether images have to be pulled at all.
    pub(super) fn pulls(&self) -> bool {
        let takes = |latency: &Latency| *latency != Latency::ZERO;
        takes(&self.pull_us) || self.rules.iter().any(|rule| rule.pull_us.as_ref().is_some_and(takes))
    }
}

/// The text that stands for a pod's owner: what its draws depend on has to outlive dictionaries.
pub(super) fn owner_text<'a>(pod: &Pod, names: &'a Names) -> [&'a str; 3] {
    match pod.owner.map(|owner| names.object_key(owner)) {
        Some(key) => [key.kind, key.namespace, key.name].map(|part| names.text(part)),
        None => [names.text(sym::POD), names.text(pod.namespace), names.text(pod.name)],
    }
}
