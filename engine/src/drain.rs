//! Which pods a drain takes from a node, after the filters of `kubectl drain`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::{Cluster, Pod};
use crate::names::{Names, NodeId, PodId, sym};
use crate::selector::LabelSelector;

/// How a drain is to be done; the flags of `kubectl drain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DrainOptions {
    /// Go on although there are pods of DaemonSets, which stay.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_daemonsets: bool,
    /// Take pods without controller too.
    #[serde(skip_serializing_if = "is_false")]
    pub force: bool,
    /// Take pods with emptyDir volumes too.
    #[serde(skip_serializing_if = "is_false")]
    pub delete_emptydir_data: bool,
    /// Delete instead of evict: disruption budgets are not asked.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_eviction: bool,
    /// How many seconds pods may take to end; `None`: what their spec says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<u32>,
    /// When to give up, in seconds after the beginning; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Take only pods with such labels; a `metav1.LabelSelector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<Value>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a drain would do with the pods of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Pods that it takes, in order of their names.
    pub pods: Vec<PodId>,
    /// `ignoring DaemonSet-managed Pods: kube-system/kube-proxy-x`, one a reason.
    pub warnings: Vec<String>,
    /// `cannot delete …`, one a reason; if there is any, the drain takes nothing.
    pub errors: Vec<String>,
}

/// What becomes of one pod.
enum Fate {
    Taken(Option<&'static str>),
    Left(Option<&'static str>),
    Forbidden(&'static str),
}

impl DrainOptions {
    /// Reads options from an event's document; one that cannot be read asks for nothing special.
    pub fn of(document: &str) -> DrainOptions {
        serde_json::from_str(document).unwrap_or_default()
    }

    /// The document of an event.
    pub fn document(&self) -> String {
        // Booleans, numbers and a value that came from JSON cannot fail to become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The pods of a node, sorted out (`GetPodsForDeletion`). Takes time proportional to the node's pods.
    pub fn select(&self, cluster: &Cluster, names: &mut Names, node: NodeId) -> Selection {
        let selector = self.pod_selector.as_ref().map(|selector| {
            let selector = serde_json::from_value(selector.clone()).ok();
            LabelSelector::compile(selector.as_ref(), names)
        });
        let pods = cluster.node(node).map(|node| node.pods.as_slice()).unwrap_or_default();
        let mut named: Vec<(String, PodId)> = Vec::with_capacity(pods.len());
        for &id in pods {
            let Some(pod) = cluster.pod(id) else { continue };
            let wanted = selector.as_ref().is_none_or(|selector| {
                selector.as_ref().is_ok_and(|selector| selector.matches(cluster.pod_labels(id), names))
            });
            if wanted {
                named.push((format!("{}/{}", names.text(pod.namespace), cluster.pod_name(id, names)), id));
            }
        }
        named.sort();
        let (mut warnings, mut errors) = (Reasons::default(), Reasons::default());
        let mut taken = Vec::new();
        for (name, id) in named {
            let Some(pod) = cluster.pod(id) else { continue };
            match self.fate(cluster, names, &pod) {
                Fate::Forbidden(reason) => errors.add(reason, name),
                Fate::Left(reason) => {
                    reason.into_iter().for_each(|reason| warnings.add(reason, name.clone()))
                }
                Fate::Taken(reason) => {
                    taken.push(id);
                    reason.into_iter().for_each(|reason| warnings.add(reason, name.clone()));
                }
            }
        }
        let errors = errors.told("cannot delete ");
        Selection {
            pods: if errors.is_empty() { taken } else { Vec::new() },
            warnings: warnings.told(""),
            errors,
        }
    }

    /// The filters, in kubectl's order; the first that keeps a pod decides.
    fn fate(&self, cluster: &Cluster, names: &Names, pod: &Pod) -> Fate {
        let owner = pod.owner.map(|owner| names.object_key(owner).kind);
        if owner == Some(sym::DAEMON_SET) && !pod.terminal() {
            return match self.ignore_daemonsets {
                true => Fate::Left(Some("ignoring DaemonSet-managed Pods")),
                false => Fate::Forbidden("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"),
            };
        }
        // The API server's picture of a static pod: its controller is the node.
        if owner == Some(sym::NODE) {
            return Fate::Left(None);
        }
        if pod.terminal() {
            return Fate::Taken(None);
        }
        let local = has_empty_dir(cluster, names, pod);
        if local && !self.delete_emptydir_data {
            return Fate::Forbidden("Pods with local storage (use --delete-emptydir-data to override)");
        }
        match (owner, self.force) {
            (None, false) => {
                // kubectl says "cannot delete" twice here.
                Fate::Forbidden("cannot delete Pods that declare no controller (use --force to override)")
            }
            (None, true) => Fate::Taken(Some("deleting Pods that declare no controller")),
            (Some(_), _) => Fate::Taken(local.then_some("deleting Pods with local storage")),
        }
    }
}

fn has_empty_dir(cluster: &Cluster, names: &Names, pod: &Pod) -> bool {
    let Some(shape) = cluster.shape(pod.shape) else { return false };
    let text = names.doc_text(shape.doc);
    if !text.contains("\"emptyDir\"") {
        return false;
    }
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let volumes = document.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    volumes.into_iter().any(|volume| volume.get("emptyDir").is_some_and(|volume| !volume.is_null()))
}

/// Pods by what is said of them, in the order in which it was first said.
#[derive(Default)]
struct Reasons(Vec<(&'static str, Vec<String>)>);

impl Reasons {
    fn add(&mut self, reason: &'static str, name: String) {
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, pods)) => pods.push(name),
            None => self.0.push((reason, vec![name])),
        }
    }

    fn told(self, before: &str) -> Vec<String> {
        self.0.into_iter().map(|(reason, pods)| format!("{before}{reason}: {}", pods.join(", "))).collect()
    }
}

/// Several errors as kubectl prints them in one.
pub fn aggregate(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

#[cfg(test)]
#[path = "drain_tests.rs"]
mod tests;
