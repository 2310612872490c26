//! Nodes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Shown;
use super::facts::{Deed, Fact, Kind};
use super::pods::Life;
use crate::import::report::Report;
use crate::import::sighting::Seen;
use crate::time::Time;

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    labels: BTreeMap<String, String>,
    /// The status of `Ready`, and why.
    ready: (&'static str, &'static str),
    unschedulable: bool,
}

const READY: (&str, &str) = ("True", "KubeletReady");
const STARTING: (&str, &str) = ("False", "KubeletNotReady");
const MISSED: (&str, &str) = ("Unknown", "NodeStatusUnknown");

/// The nodes' lives, those that were there from the start first.
pub(super) fn show(facts: &[Fact], pods: &[Life], start: Time, report: &mut Report) -> Vec<Shown> {
    let mut by_name: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.about.kind == Kind::Node) {
        by_name.entry(&fact.about.name).or_default().push(fact);
    }
    let mut first_pods: BTreeMap<&str, &Life> = BTreeMap::new();
    for pod in pods {
        let earlier = |other: &&Life| (other.created, other.line) <= (pod.created, pod.line);
        if !first_pods.get(pod.node.as_str()).is_some_and(earlier) {
            first_pods.insert(&pod.node, pod);
        }
    }
    let names: BTreeSet<&str> = by_name.keys().chain(first_pods.keys()).copied().collect();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for name in names {
        let facts = by_name.get(name).map_or(&[][..], Vec::as_slice);
        let first_pod = first_pods.get(name).copied();
        let mut lives = facts.split_inclusive(|fact| fact.deed == Deed::Removed);
        let first = lives.next().unwrap_or(&[]);
        // A node whose first Event is its registration was not there before, unless a pod was on it before.
        let came = first.first().filter(|fact| fact.deed == Deed::Registered).map(|fact| fact.at);
        let came = came.filter(|at| first_pod.is_none_or(|pod| pod.created.is_some_and(|pod| pod >= *at)));
        let place = first.first().map(|fact| (fact.source, fact.line));
        let place = place.or(first_pod.map(|pod| (pod.source, pod.line))).unwrap_or_default();
        let life = Telling { name, incarnation: 0, place, came };
        if came.is_none() {
            report.infer_one("Node: there from the start, as Events show");
            life.tell(first, start, &mut before);
        } else {
            life.tell(first, start, &mut after);
        }
        for (index, life) in lives.enumerate() {
            // What is told of a node that is gone and does not come back is late.
            let again = life.iter().position(|fact| matches!(fact.deed, Deed::Registered | Deed::Ready));
            let Some(again) = again else { continue };
            let life = &life[again..];
            let place = (life[0].source, life[0].line);
            let telling = Telling { name, incarnation: index + 1, place, came: Some(life[0].at) };
            telling.tell(life, start, &mut after);
        }
    }
    before.append(&mut after);
    before
}

struct Telling<'a> {
    name: &'a str,
    incarnation: usize,
    place: (u16, u64),
    came: Option<Time>,
}

impl Telling<'_> {
    fn tell(&self, facts: &[&Fact], start: Time, shown: &mut Vec<Shown>) {
        let labels =
            facts.iter().find(|fact| !fact.about.labels.is_empty()).map(|fact| fact.about.labels.clone());
        let first_word = facts.iter().find(|fact| matches!(fact.deed, Deed::Ready | Deed::NotReady { .. }));
        let ready = match first_word.map(|fact| &fact.deed) {
            Some(Deed::Ready) => STARTING,
            _ => READY,
        };
        let uncordoned = facts.iter().find(|fact| matches!(fact.deed, Deed::Cordoned | Deed::Uncordoned));
        let unschedulable = uncordoned.is_some_and(|fact| fact.deed == Deed::Uncordoned);
        let mut state = State { labels: labels.unwrap_or_default(), ready, unschedulable };
        let mut push = |at: Time, seen: Seen, state: &State, since: Time| {
            let (source, line) = self.place;
            shown.push(Shown { at, seen, source, line, object: self.object(state, since) });
        };
        let mut since = self.came.unwrap_or(start);
        push(since, Seen::Added, &state, since);
        for fact in facts {
            let before = state.clone();
            if !fact.about.labels.is_empty() {
                state.labels.clone_from(&fact.about.labels);
            }
            match fact.deed {
                Deed::Ready => state.ready = READY,
                Deed::NotReady { reported: true } => state.ready = STARTING,
                Deed::NotReady { reported: false } => state.ready = MISSED,
                Deed::Cordoned => state.unschedulable = true,
                Deed::Uncordoned => state.unschedulable = false,
                _ => {}
            }
            if state.ready != before.ready {
                since = fact.at;
            }
            if fact.deed == Deed::Removed {
                push(fact.at, Seen::Deleted, &state, since);
            } else if state != before {
                push(fact.at, Seen::Modified, &state, since);
            }
        }
    }

    fn object(&self, state: &State, since: Time) -> Value {
        let mut labels = state.labels.clone();
        labels.entry("kubernetes.io/hostname".to_owned()).or_insert_with(|| self.name.to_owned());
        let mut metadata = json!({
            "name": self.name,
            "uid": format!("node/{}/{}", self.name, self.incarnation),
            "labels": labels,
        });
        if let Some(came) = self.came {
            metadata["creationTimestamp"] = json!(came.api_seconds().to_string());
        }
        let (status, reason) = state.ready;
        let condition = json!({"type": "Ready", "status": status, "reason": reason,
            "lastTransitionTime": since.api_seconds().to_string()});
        let spec = if state.unschedulable { json!({"unschedulable": true}) } else { json!({}) };
        json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec,
            "status": {"conditions": [condition]}})
    }
}
