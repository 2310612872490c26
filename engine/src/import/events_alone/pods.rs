//! Pods, and the DaemonSets that they belong to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Shown;
use super::facts::{Deed, Fact, Kind};
use crate::import::report::Report;
use crate::import::sighting::Seen;

use crate::time::{ApiSeconds, Micros, Time};

/// How long a pod takes to end, where nothing says it.
const GRACE_SECONDS: i64 = 30;

/// What Events told of one pod.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub owner: Option<[String; 4]>,
    pub node: String,
    /// `None`: it was there before.
    pub created: Option<Time>,
    pub bound: Option<Time>,
    pub started: Option<Time>,
    pub deleted: Option<Time>,
    /// Where the first of its Events stands.
    pub source: u16,
    pub line: u64,
    first: Time,
    /// Containers that started once: a second start of one is a restart.
    containers: BTreeSet<String>,
    images: BTreeMap<String, String>,
}

impl Life {
    fn new(fact: &Fact) -> Life {
        let about = &fact.about;
        Life {
            namespace: about.namespace.clone(),
            name: about.name.clone(),
            uid: about.uid.clone(),
            labels: BTreeMap::new(),
            owner: None,
            node: String::new(),
            created: None,
            bound: None,
            started: None,
            deleted: None,
            source: fact.source,
            line: fact.line,
            first: fact.at,
            containers: BTreeSet::new(),
            images: BTreeMap::new(),
        }
    }

    fn take(&mut self, fact: &Fact) {
        let about = &fact.about;
        if self.labels.is_empty() {
            self.labels.clone_from(&about.labels);
        }
        if self.owner.is_none() {
            self.owner.clone_from(&about.owner);
        }
        if self.node.is_empty() {
            self.node.clone_from(&about.host);
        }
        match &fact.deed {
            Deed::Bound(node) => {
                self.node.clone_from(node);
                self.bound = self.bound.or(Some(fact.at));
                self.created = self.created.or(self.bound);
            }
            Deed::Started if self.containers.insert(about.container.clone()) => self.started = Some(fact.at),
            Deed::Pulled(image) if !about.container.is_empty() => {
                self.images.insert(about.container.clone(), image.clone());
            }
            Deed::Stopping | Deed::Evicted => self.deleted = self.deleted.or(Some(fact.at)),
            _ => {}
        }
    }

    fn is_of_daemon_set(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner[0] == "DaemonSet")
    }

    /// What tells apart pods that are made from different templates.
    fn template(&self) -> (String, String) {
        let owner = self.owner.as_ref().map_or(self.uid.clone(), |owner| owner[2].clone());
        (owner, self.labels.get("controller-revision-hash").cloned().unwrap_or_default())
    }
}

/// Puts together what Events told of each pod whose node one of them names.
pub(super) fn gather(facts: &[Fact], report: &mut Report) -> Vec<Life> {
    let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
    let mut created: BTreeMap<(&str, &str), Time> = BTreeMap::new();
    let mut deleted: BTreeMap<(&str, &str), Time> = BTreeMap::new();
    for fact in facts {
        let about = &fact.about;
        match (about.kind, &fact.deed) {
            (Kind::Pod, _) => {
                lives.entry(about.uid.as_str()).or_insert_with(|| Life::new(fact)).take(fact);
            }
            (_, Deed::PodCreated(pod)) => {
                created.insert((&about.namespace, pod), fact.at);
            }
            (_, Deed::PodDeleted(pod)) => {
                deleted.insert((&about.namespace, pod), fact.at);
            }
            _ => {}
        }
    }
    for life in lives.values_mut() {
        let key = (life.namespace.as_str(), life.name.as_str());
        // Controllers report in whole seconds, and after the scheduler has had the pod.
        let earliest = life.bound.map_or(life.first, |bound| bound.min(life.first));
        if let Some(at) = created.get(&key).filter(|at| **at <= earliest + Micros::seconds(1)) {
            life.created = Some((*at).min(earliest));
        }
        life.deleted = life.deleted.or(deleted.get(&key).copied().filter(|at| *at >= earliest));
    }
    let (placed, lost): (Vec<Life>, Vec<Life>) = lives.into_values().partition(|life| !life.node.is_empty());
    for _ in &lost {
        report.drop_one("Pod: no Event names its node");
    }
    placed
}

/// The containers of each template, from all pods of it: one pod's Events are seldom complete.
fn containers(pods: &[Life]) -> BTreeMap<(String, String), Value> {
    let mut images: BTreeMap<_, BTreeMap<String, String>> = BTreeMap::new();
    for pod in pods {
        let of_template = images.entry(pod.template()).or_default();
        for (container, image) in &pod.images {
            of_template.insert(container.clone(), image.clone());
        }
    }
    let list = |images: BTreeMap<String, String>| {
        if images.is_empty() {
            return json!([{"name": "unknown", "image": "unknown"}]);
        }
        images.into_iter().map(|(name, image)| json!({"name": name, "image": image})).collect()
    };
    images.into_iter().map(|(template, images)| (template, list(images))).collect()
}

/// The DaemonSets of pods, there from the start: nothing tells when they were applied.
pub(super) fn show_daemon_sets(pods: &[Life], start: Time, report: &mut Report) -> Vec<Shown> {
    let containers = containers(pods);
    let mut by_owner: BTreeMap<&str, Vec<&Life>> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| pod.is_of_daemon_set()) {
        by_owner.entry(pod.owner.as_ref().map_or("", |owner| owner[2].as_str())).or_default().push(pod);
    }
    let mut shown = Vec::new();
    for (uid, pods) in by_owner {
        // Never empty: it was made by pushing.
        let (Some(first), Some(newest)) = (pods.first(), pods.iter().max_by_key(|pod| pod.first)) else {
            continue;
        };
        let shared = |(key, value): &(&String, &String)| {
            !matches!(key.as_str(), "controller-revision-hash" | "pod-template-generation")
                && pods.iter().all(|pod| pod.labels.get(*key) == Some(*value))
        };
        let labels: BTreeMap<_, _> = first.labels.iter().filter(shared).collect();
        let name = first.owner.as_ref().map_or("", |owner| owner[1].as_str());
        report.infer_one("DaemonSet: from its pods' Events");
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": name, "namespace": first.namespace, "uid": uid},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": containers.get(&newest.template())},
                },
            },
        });
        shown.push(Shown { at: start, seen: Seen::Added, source: first.source, line: first.line, object });
    }
    shown
}

/// The pods' lives, those that were there from the start first.
pub(super) fn show(pods: &[Life], facts: &[Fact], start: Time, end: Time, report: &mut Report) -> Vec<Shown> {
    let containers = containers(pods);
    let mut removals: BTreeMap<&str, Vec<Time>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.deed == Deed::Removed) {
        removals.entry(&fact.about.name).or_default().push(fact.at);
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for pod in pods {
        let list = if pod.created.is_none() { &mut before } else { &mut after };
        let since = pod.created.unwrap_or(start);
        let removed = removals.get(pod.node.as_str()).into_iter().flatten().find(|at| **at >= since);
        let life = Telling { pod, containers: containers.get(&pod.template()), start, end };
        life.tell(removed.copied(), list, report);
    }
    before.append(&mut after);
    before
}

struct Telling<'a> {
    pod: &'a Life,
    containers: Option<&'a Value>,
    start: Time,
    end: Time,
}

impl Telling<'_> {
    fn tell(&self, removed: Option<Time>, shown: &mut Vec<Shown>, report: &mut Report) {
        let pod = self.pod;
        let mut push = |at: Time, seen: Seen, object: Value| {
            shown.push(Shown { at, seen, source: pod.source, line: pod.line, object });
        };
        let existed = pod.created.is_none();
        let mut last = pod.created.unwrap_or(self.start);
        let running = existed.then_some(self.start);
        if existed {
            report.infer_one("Pod: there from the start, as an Event of it shows");
        }
        push(last, Seen::Added, self.object(existed, running, None));
        if let Some(bound) = pod.bound.filter(|_| !existed) {
            last = last.max(bound);
            push(last, Seen::Modified, self.object(true, None, None));
        }
        let mut ready = running;
        if let Some(started) = pod.started.filter(|_| !existed) {
            last = last.max(started);
            ready = Some(last);
            push(last, Seen::Modified, self.object(true, ready, None));
        }
        let on_node = pod.bound.is_some() || existed;
        let mut gone = removed;
        if let Some(deleted) = pod.deleted {
            last = last.max(deleted);
            push(last, Seen::Modified, self.object(on_node, ready, Some(last)));
            let ended = last + Micros::seconds(GRACE_SECONDS);
            gone = Some(gone.map_or(ended, |gone| gone.min(ended)));
        }
        if let Some(gone) = gone.map(|gone| gone.max(last)).filter(|gone| *gone <= self.end) {
            report.infer_one("Pod: gone with its node, or 30 s after it was deleted");
            push(gone, Seen::Deleted, self.object(on_node, ready, Some(last)));
        }
    }

    fn object(&self, bound: bool, ready: Option<Time>, deleted: Option<Time>) -> Value {
        let pod = self.pod;
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), json!(pod.name));
        metadata.insert("namespace".to_owned(), json!(pod.namespace));
        metadata.insert("uid".to_owned(), json!(pod.uid));
        metadata.insert("labels".to_owned(), json!(pod.labels));
        if let Some(created) = pod.created {
            metadata.insert("creationTimestamp".to_owned(), json!(created.api_seconds().to_string()));
        }
        if let Some(deleted) = deleted {
            let deadline = ApiSeconds(deleted.api_seconds().0 + GRACE_SECONDS);
            metadata.insert("deletionTimestamp".to_owned(), json!(deadline.to_string()));
            metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(GRACE_SECONDS));
        }
        if let Some([kind, name, uid, api_version]) = &pod.owner {
            let owner = json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true}]);
            metadata.insert("ownerReferences".to_owned(), owner);
        }
        let mut spec = json!({"containers": self.containers});
        if bound {
            spec["nodeName"] = json!(pod.node);
        }
        if pod.is_of_daemon_set() {
            let field = json!({"key": "metadata.name", "operator": "In", "values": [pod.node]});
            let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
            spec["affinity"] =
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
        }
        let status = match ready {
            Some(since) => json!({"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": since.api_seconds().to_string()}]}),
            None => json!({"phase": "Pending"}),
        };
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})
    }
}
