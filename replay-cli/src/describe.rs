//! Events in plain words.

use kubetape_engine::cluster::Cluster;
use kubetape_engine::drain::DrainOptions;
use kubetape_engine::event::{
    Body, ConditionStatus, Event, Phase, PodCondition, Propagation, Why, WorkloadStatus,
};
use kubetape_engine::names::{Names, NodeId, ObjectId, PodId, ResourcesId, RevisionId, Sym, Taint, sym};

/// Where names come from. The cluster is the one after the event: a pod's slot still shows the pod that went.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// The dictionary.
    pub names: &'a Names,
    /// The state after the event.
    pub cluster: &'a Cluster,
}

/// One line about an event: what happened to what.
pub fn describe(event: &Event, names: &Names, cluster: &Cluster) -> String {
    let words = Words { names, cluster };
    let node = event.body.node().map(|node| words.node(node)).unwrap_or_default();
    let node = format!("node {node}");
    match event.body {
        Body::NodeJoined { spec, .. } => {
            let spec = names.node_spec_of(spec);
            let mut text = format!("{node} joined");
            if !spec.labels.is_empty() {
                text += &format!(" with labels {}", words.labels(&spec.labels));
            }
            if !spec.taints.is_empty() {
                text += &format!(", tainted {}", words.taints(&spec.taints));
            }
            if spec.unschedulable { text + ", cordoned" } else { text }
        }
        Body::NodeLeft { .. } => format!("{node} left"),
        Body::NodeLabelSet { key, value, .. } => format!("{node} labelled {}", words.label(key, value)),
        Body::NodeLabelRemoved { key, .. } => format!("{node} lost its label {}", names.text(key)),
        Body::NodeTaintAdded { taint, .. } => format!("{node} tainted {}", words.taint(&taint)),
        Body::NodeTaintRemoved { key, effect, .. } => {
            format!("{node} lost its taint {}:{}", names.text(key), effect.as_str())
        }
        Body::NodeCordoned { .. } => format!("{node} cordoned"),
        Body::NodeUncordoned { .. } => format!("{node} uncordoned"),
        Body::NodeCapacitySet { allocatable, .. } => {
            format!("{node} now has {} allocatable", words.resources(allocatable))
        }
        Body::NodeConditionSet { condition, status, reason, .. } => {
            let (condition, status) = (names.text(condition), condition_status(status));
            format!("{node} is {condition}={status}{}", words.because(reason))
        }
        Body::NodeSilent { .. } => format!("{node} went silent: its kubelet stopped posting"),
        Body::NodeReturned { .. } => format!("{node} posts again"),
        Body::DrainRequested { options, .. } => {
            let flags = drain_flags(&DrainOptions::of(names.doc_text(options)));
            format!("{node} is to be drained{flags}")
        }
        Body::DrainEnded { message, .. } => match names.text(message) {
            "" => format!("{node} drained"),
            message => format!("{node} not drained: {message}"),
        },
        Body::Applied { .. }
        | Body::Scaled { .. }
        | Body::DeleteRequested { .. }
        | Body::ObjectRemoved { .. }
        | Body::RolloutUndone { .. }
        | Body::StatusWritten { .. }
        | Body::Synced { .. }
        | Body::Reported { .. } => words.object_event(&event.body),
        Body::RevisionCreated { .. }
        | Body::RevisionNumbered { .. }
        | Body::RevisionLabelled { .. }
        | Body::RevisionAdopted { .. }
        | Body::RevisionReleased { .. }
        | Body::RevisionDeleted { .. } => words.revision_event(&event.body),
        _ => words.pod_event(event),
    }
}

impl Words<'_> {
    fn object_event(&self, body: &Body) -> String {
        let what = body.object().map(|object| self.object(object)).unwrap_or_default();
        match *body {
            Body::Applied { object, .. } => {
                let object = self.cluster.object(object);
                match object.map(|o| o.generation) {
                    Some(generation) if generation > 1 => format!("{what} applied, generation {generation}"),
                    _ => format!("{what} applied"),
                }
            }
            Body::Scaled { replicas, .. } => format!("{what} scaled to {replicas}"),
            Body::DeleteRequested { propagation, .. } => match propagation {
                Propagation::Background => format!("{what} deleted; what it owns goes after it"),
                Propagation::Foreground => format!("{what} is being deleted; what it owns goes first"),
                Propagation::Orphan => format!("{what} is being deleted; what it owns stays"),
            },
            Body::ObjectRemoved { .. } => format!("{what} is gone"),
            Body::RolloutUndone { to_revision, .. } => {
                format!("{what} rolled back to revision {to_revision}")
            }
            Body::StatusWritten { object, status } => {
                let daemon_set = self.names.object_key(object).kind == sym::DAEMON_SET;
                format!("{what} status: {}", status_words(&status, daemon_set))
            }
            Body::Synced { .. } => format!("{what} synced"),
            Body::Reported { node, reason, message, .. } => {
                let node = node.map(|node| format!(" on {}", self.node(node))).unwrap_or_default();
                let message = self.names.text(message);
                let colon = if message.is_empty() { "" } else { ": " };
                format!("{what} reports {}{node}{colon}{message}", self.names.text(reason))
            }
            _ => what,
        }
    }

    fn revision_event(&self, body: &Body) -> String {
        match *body {
            Body::RevisionCreated { owner, number, name, namespace, .. } => {
                let name = self.namespaced(namespace, self.names.text(name));
                let owner = owner.map(|owner| format!(" of {}", self.object(owner))).unwrap_or_default();
                format!("revision {number}{owner} created as {name}")
            }
            Body::RevisionNumbered { revision, number } => {
                format!("{} is now number {number}", self.revision(revision))
            }
            Body::RevisionLabelled { revision, hash } => {
                format!("{} labelled with hash {}", self.revision(revision), self.names.text(hash))
            }
            Body::RevisionAdopted { revision, owner } => {
                format!("{} adopted by {}", self.revision(revision), self.object(owner))
            }
            Body::RevisionReleased { revision } => format!("{} released", self.revision(revision)),
            Body::RevisionDeleted { revision } => format!("{} deleted", self.revision(revision)),
            _ => String::new(),
        }
    }

    fn pod_event(&self, event: &Event) -> String {
        let pod = event.body.pod().map(|pod| self.pod(pod)).unwrap_or_default();
        match event.body {
            Body::PodCreated { owner, node, .. } => {
                let node = node.map(|node| format!(" for node {}", self.node(node))).unwrap_or_default();
                let owner = owner.map(|owner| format!(" by {}", self.object(owner))).unwrap_or_default();
                format!("{pod} created{node}{owner}")
            }
            Body::PodRefused { owner, node, reason } => {
                let node = node.map(|node| format!(" for node {}", self.node(node))).unwrap_or_default();
                format!("a pod of {}{node} was refused{}", self.object(owner), self.because(reason))
            }
            Body::PodDeleted { why, grace_s, .. } => {
                format!("{pod} deleted: {}; {grace_s} s to end", why_words(why))
            }
            Body::PodAdopted { owner, .. } => format!("{pod} adopted by {}", self.object(owner)),
            Body::PodReleased { .. } => format!("{pod} released by its owner"),
            Body::PodLabelSet { key, value, .. } => format!("{pod} labelled {}", self.label(key, value)),
            Body::PodLabelRemoved { key, .. } => format!("{pod} lost its label {}", self.names.text(key)),
            Body::PodBound { node, .. } => format!("{pod} bound to node {}", self.node(node)),
            Body::PodUnschedulable { message, .. } => {
                format!("{pod} fits no node{}", self.because(message))
            }
            Body::PodNominated { node: Some(node), .. } => {
                format!("{pod} waits for room on node {}", self.node(node))
            }
            Body::PodNominated { .. } => format!("{pod} no longer waits for room on a node"),
            Body::PodPhaseSet { phase, reason, .. } => {
                format!("{pod} is {}{}", phase_words(phase), self.because(reason))
            }
            Body::PodConditionSet { condition: PodCondition::Ready, status, .. } => match status {
                ConditionStatus::True => format!("{pod} is ready"),
                ConditionStatus::False => format!("{pod} is not ready"),
                ConditionStatus::Unknown => format!("{pod} may or may not be ready: its node is silent"),
            },
            Body::PodConditionSet { status, .. } => {
                format!("{pod} is DisruptionTarget={}", condition_status(status))
            }
            Body::PodRestarted { restarts, .. } => format!("{pod} restarted, {restarts} times so far"),
            Body::PodGone { .. } => format!("{pod} is gone"),
            Body::EvictionRefused { message, .. } => {
                format!("{pod} is not evicted{}", self.because(message))
            }
            _ => pod,
        }
    }

    /// A node's name.
    pub fn node(&self, node: NodeId) -> String {
        self.names.node_name(node).to_owned()
    }

    /// `DaemonSet default/fluentd`.
    pub fn object(&self, object: ObjectId) -> String {
        let kind = self.names.text(self.names.object_key(object).kind);
        format!("{kind} {}", self.names.object_name(object))
    }

    fn pod(&self, id: PodId) -> String {
        let name = self.cluster.pod_name(id, self.names);
        let namespace = self.cluster.pod(id).map_or(Sym::EMPTY, |pod| pod.namespace);
        format!("pod {}", self.namespaced(namespace, &name))
    }

    fn revision(&self, id: RevisionId) -> String {
        match self.cluster.revision(id) {
            Some(r) => format!("revision {}", self.namespaced(r.namespace, self.names.text(r.name))),
            None => format!("revision {}", id.number()),
        }
    }

    fn namespaced(&self, namespace: Sym, name: &str) -> String {
        match self.names.text(namespace) {
            "" => name.to_owned(),
            namespace => format!("{namespace}/{name}"),
        }
    }

    fn because(&self, reason: Sym) -> String {
        match self.names.text(reason) {
            "" => String::new(),
            reason => format!(": {reason}"),
        }
    }

    fn label(&self, key: Sym, value: Sym) -> String {
        format!("{}={}", self.names.text(key), self.names.text(value))
    }

    /// `a=b,c=d`, sorted by key.
    pub fn labels(&self, labels: &[(Sym, Sym)]) -> String {
        let mut texts: Vec<_> = labels.iter().map(|&(key, value)| self.label(key, value)).collect();
        texts.sort();
        texts.join(",")
    }

    /// `key=value:Effect`.
    pub fn taint(&self, taint: &Taint) -> String {
        let key = self.names.text(taint.key);
        match self.names.text(taint.value) {
            "" => format!("{key}:{}", taint.effect.as_str()),
            value => format!("{key}={value}:{}", taint.effect.as_str()),
        }
    }

    /// `key=value:Effect,…` in the node's order.
    pub fn taints(&self, taints: &[Taint]) -> String {
        taints.iter().map(|taint| self.taint(taint)).collect::<Vec<_>>().join(",")
    }

    fn resources(&self, resources: ResourcesId) -> String {
        let list = &self.names.resource_list(resources).0;
        let amount = |&(name, amount): &(Sym, i64)| match name {
            sym::CPU if amount % 1_000 != 0 => format!("cpu={amount}m"),
            sym::CPU => format!("cpu={}", amount / 1_000),
            _ => format!("{}={amount}", self.names.text(name)),
        };
        list.iter().map(amount).collect::<Vec<_>>().join(",")
    }
}

/// The flags of `kubetape node drain` that give some options, with a space before each.
fn drain_flags(options: &DrainOptions) -> String {
    let mut flags = String::new();
    let switches = [
        (options.ignore_daemonsets, " --ignore-daemonsets"),
        (options.force, " --force"),
        (options.delete_emptydir_data, " --delete-emptydir-data"),
        (options.disable_eviction, " --disable-eviction"),
        (options.pod_selector.is_some(), " --pod-selector"),
    ];
    switches.iter().filter(|(on, _)| *on).for_each(|(_, flag)| flags.push_str(flag));
    if let Some(seconds) = options.grace_period_seconds {
        flags += &format!(" --grace-period {seconds}");
    }
    if let Some(seconds) = options.timeout_seconds {
        flags += &format!(" --timeout {seconds}s");
    }
    if flags.is_empty() { flags } else { format!(" with{flags}") }
}

fn status_words(s: &WorkloadStatus, daemon_set: bool) -> String {
    if !daemon_set {
        return format!(
            "{} replicas, {} ready, {} up to date, {} available",
            s.current, s.ready, s.updated, s.available
        );
    }
    let mut text = format!(
        "{} desired, {} current, {} ready, {} up to date, {} available",
        s.desired, s.current, s.ready, s.updated, s.available
    );
    if s.misscheduled > 0 {
        text += &format!(", {} misscheduled", s.misscheduled);
    }
    text
}

/// `True`, `False` or `Unknown`.
pub fn condition_status(status: ConditionStatus) -> &'static str {
    match status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    }
}

/// Kubernetes' spelling of a phase.
pub fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Unknown => "Unknown",
    }
}

/// Why a pod is deleted, in words.
pub fn why_words(why: Why) -> &'static str {
    match why {
        Why::Unknown => "the recording does not say why",
        Why::User => "somebody asked for it",
        Why::Failed => "it had failed",
        Why::Succeeded => "it had ended",
        Why::NodeMissing => "its node does not exist",
        Why::NodeNoLongerFits => "its node must not run it any more",
        Why::Outdated => "it is of an old revision",
        Why::Duplicate => "the node has another one",
        Why::OwnerGone => "its owner is gone",
        Why::ScaledDown => "fewer are wanted",
        Why::Evicted => "it was evicted",
        Why::TaintEviction => "it does not tolerate a NoExecute taint of its node",
        Why::NodeGone => "its node is gone",
        Why::Preempted => "a pod of higher priority needs the room",
        Why::Collected => "more pods had ended than are kept",
    }
}
